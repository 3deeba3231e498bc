//! The command lines of an envelope, and what a peer must offer for it.

use std::fmt::Write as _;

use mail::{BodyType, DsnReturn, EnhancedCode, ForwardPath, MailParams, Notify, RcptParams, Reply, ReversePath};

use super::Extensions;

/// Whether a sender's own address, or the message, is for peers with SMTPUTF8 alone.
pub(super) fn needs_smtputf8(reverse: &ReversePath, params: &MailParams) -> bool {
    params.smtputf8 || reverse.mailbox().is_some_and(mail::Mailbox::needs_smtputf8)
}

/// Whether a recipient's address is for peers with SMTPUTF8 alone.
pub(super) fn recipient_needs_smtputf8(path: &ForwardPath) -> bool {
    path.mailbox().is_some_and(mail::Mailbox::needs_smtputf8)
}

/// Why this peer cannot have the message at all. RFC 1870 §6, RFC 6152 §3, RFC 6531 §3.6.
pub(super) fn unfit_message(reverse: &ReversePath, params: &MailParams, offers: &Extensions) -> Option<Reply> {
    if let (Some(size), Some(most)) = (params.size, offers.size_max)
        && size > most
    {
        let text = format!("The message has {size} octets; the next hop takes {most}");
        return Some(Reply::new(552, EnhancedCode::new(5, 3, 4), text));
    }
    if needs_smtputf8(reverse, params) && !offers.smtputf8 {
        return Some(unfit_address());
    }
    if params.body == BodyType::EightBitMime && !offers.eight_bit_mime {
        let text = "The message has 8-bit text; the next hop takes 7-bit text only";
        return Some(Reply::new(554, EnhancedCode::new(5, 6, 3), text));
    }
    None
}

/// An internationalised address or message, and a peer without SMTPUTF8.
pub(super) fn unfit_address() -> Reply {
    let text = "An internationalised address or header; the next hop does not take them";
    Reply::new(553, EnhancedCode::new(5, 6, 7), text)
}

/// `MAIL FROM:<...>` with the parameters that the peer offers to understand. Without its line end.
pub(super) fn mail_line(reverse: &ReversePath, params: &MailParams, smtputf8: bool, offers: &Extensions) -> String {
    let mut line = format!("MAIL FROM:{reverse}");
    if let Some(size) = params.size.filter(|_| offers.size) {
        let _ = write!(line, " SIZE={size}");
    }
    if params.body == BodyType::EightBitMime {
        line.push_str(" BODY=8BITMIME");
    }
    if smtputf8 {
        line.push_str(" SMTPUTF8");
    }
    if offers.dsn {
        match params.ret {
            Some(DsnReturn::Full) => line.push_str(" RET=FULL"),
            Some(DsnReturn::Headers) => line.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(envid) = &params.envid {
            line.push_str(" ENVID=");
            push_xtext(&mut line, envid);
        }
    }
    line
}

/// `RCPT TO:<...>` with the parameters that the peer offers to understand. Without its line end.
pub(super) fn rcpt_line(path: &ForwardPath, params: &RcptParams, offers: &Extensions) -> String {
    let mut line = format!("RCPT TO:{path}");
    if !offers.dsn {
        return line;
    }
    match params.notify {
        Some(Notify::Never) => line.push_str(" NOTIFY=NEVER"),
        Some(Notify::On {
            success,
            failure,
            delay,
        }) => {
            let wanted = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
            let words: Vec<&str> = wanted.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
            if !words.is_empty() {
                let _ = write!(line, " NOTIFY={}", words.join(","));
            }
        }
        None => {}
    }
    let original = params.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';'));
    if let Some((kind, address)) = original.filter(|(kind, _)| is_address_type(kind)) {
        let _ = write!(line, " ORCPT={kind};");
        if kind.eq_ignore_ascii_case("utf-8") {
            push_unicode_xtext(&mut line, address);
        } else {
            push_xtext(&mut line, address);
        }
    }
    line
}

/// The registered address types have letters, digits and hyphens alone.
fn is_address_type(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// `xtext` (RFC 3461 §4): everything but printable US-ASCII, `+` and `=` becomes `+HH`.
fn push_xtext(line: &mut String, text: &str) {
    for octet in text.bytes() {
        match octet {
            b'!'..=b'~' if octet != b'+' && octet != b'=' => line.push(char::from(octet)),
            _ => {
                let _ = write!(line, "+{octet:02X}");
            }
        }
    }
}

/// `utf-8-addr-xtext` (RFC 6533 §3): the same with `\x{H}`, by character; any peer can read it.
fn push_unicode_xtext(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '!'..='~' if !matches!(c, '+' | '=' | '\\') => line.push(c),
            _ => {
                let _ = write!(line, "\\x{{{:X}}}", u32::from(c));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverse(text: &str) -> ReversePath {
        ReversePath::Mailbox(text.parse().unwrap())
    }

    #[test]
    fn parameters_are_said_only_where_they_are_understood() {
        let params = MailParams {
            size: Some(1000),
            body: BodyType::SevenBit,
            smtputf8: false,
            ret: Some(DsnReturn::Headers),
            envid: Some("a b+c".into()),
        };
        let nothing = Extensions::default();
        assert_eq!(
            mail_line(&reverse("a@b.c"), &params, false, &nothing),
            "MAIL FROM:<a@b.c>"
        );
        let all = Extensions {
            size: true,
            dsn: true,
            ..Extensions::default()
        };
        let line = mail_line(&ReversePath::Null, &params, false, &all);
        assert_eq!(line, "MAIL FROM:<> SIZE=1000 RET=HDRS ENVID=a+20b+2Bc");
    }

    #[test]
    fn original_recipients_are_encoded_by_their_type() {
        let dsn = Extensions {
            dsn: true,
            ..Extensions::default()
        };
        let line = |orcpt: &str| {
            let params = RcptParams {
                notify: Some(Notify::On {
                    success: true,
                    failure: true,
                    delay: false,
                }),
                orcpt: Some(orcpt.into()),
            };
            rcpt_line(&ForwardPath::Postmaster, &params, &dsn)
        };
        assert_eq!(
            line("rfc822;a+b@c"),
            "RCPT TO:<postmaster> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@c"
        );
        assert!(line("utf-8;b\u{fc}=@c").ends_with(" ORCPT=utf-8;b\\x{FC}\\x{3D}@c"));
        assert!(!line("rfc822;a\r\nDATA@c").contains('\r'));
    }

    #[test]
    fn what_the_peer_cannot_take_is_known_before() {
        let offers = Extensions {
            size_max: Some(10),
            ..Extensions::default()
        };
        let code = |params: MailParams, from: &str| {
            unfit_message(&reverse(from), &params, &offers).and_then(|reply| reply.enhanced)
        };
        let plain = MailParams::default();
        assert_eq!(code(plain.clone(), "a@b.c"), None);
        assert_eq!(
            code(
                MailParams {
                    size: Some(11),
                    ..plain.clone()
                },
                "a@b.c"
            ),
            Some(EnhancedCode::new(5, 3, 4))
        );
        assert_eq!(
            code(
                MailParams {
                    smtputf8: true,
                    ..plain.clone()
                },
                "a@b.c"
            ),
            Some(EnhancedCode::new(5, 6, 7))
        );
        assert_eq!(code(plain.clone(), "\u{fc}@b.c"), Some(EnhancedCode::new(5, 6, 7)));
        let eight = MailParams {
            body: BodyType::EightBitMime,
            ..plain
        };
        assert_eq!(code(eight, "a@b.c"), Some(EnhancedCode::new(5, 6, 3)));
    }
}
