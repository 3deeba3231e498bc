//! The one table from verdict to SMTP reply.
//!
//! Every refusal says what happened, to whom, why and what to do next, in one line a help desk can read out; it ends in
//! the stable reason code and the event id. A stranger is told no more than an authenticated client.

use std::net::IpAddr;

use mail::{EnhancedCode, EventId, ForwardPath, Reply, ReversePath};
use policy::{Class, Grant, Reason, Snapshot, Verdict};

/// Addresses named in a refusal of a sender; more would not fit a line.
const SENDERS_NAMED: usize = 3;
/// Characters of an address that a refusal repeats: a reply line has 512 octets (RFC 5321 §4.5.3.1.5).
const ADDRESS_CHARS: usize = 80;
/// Octets of a refusal's text: such a line, but for its code, its enhanced code and its end.
const TEXT_OCTETS: usize = 490;

/// What a reply may speak of.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Who asks.
    pub client: IpAddr,
    /// The grant that was selected.
    pub grant: Option<&'a Grant>,
    /// Whether the client proved a login.
    pub logged_in: bool,
    /// The envelope sender, where one was named.
    pub sender: Option<&'a ReversePath>,
    /// The recipient, where one was named.
    pub recipient: Option<&'a ForwardPath>,
}

/// The reply to a verdict that does not accept, with its event id and the help page.
#[must_use]
pub fn refusal(
    snapshot: &Snapshot,
    verdict: Verdict,
    reason: Reason,
    occasion: &Occasion<'_>,
    event: EventId,
) -> Reply {
    let (code, enhanced) = code(verdict, reason, occasion);
    let sentence = sentence(reason, occasion);
    let help = snapshot.rulebook().organisation.help.as_deref();
    Reply::new(code, enhanced, closing(&sentence, reason.code(), help, event))
}

/// A sentence with the help page, the reason code and the event id behind it; where that is more than a line holds, it is
/// the sentence that is cut, for the event id is what the help desk asks for.
#[must_use]
pub fn closing(sentence: &str, code: &str, help: Option<&str>, event: EventId) -> String {
    let end = match help {
        Some(help) => format!(". See {}/{event} [{code} {event}]", help.trim_end_matches('/')),
        None => format!(" [{code} {event}]"),
    };
    let room = TEXT_OCTETS.saturating_sub(end.len());
    if sentence.len() <= room {
        return format!("{sentence}{end}");
    }
    let cut = sentence.floor_char_boundary(room.saturating_sub(2));
    format!("{}..{end}", sentence.get(..cut).unwrap_or_default())
}

const fn enhanced(class: u8, subject: u16, detail: u16) -> EnhancedCode {
    EnhancedCode::new(class, subject, detail)
}

/// Reply code and enhanced code. Deferrals first: the same reason may be said softly or for good.
fn code(verdict: Verdict, reason: Reason, occasion: &Occasion<'_>) -> (u16, EnhancedCode) {
    if matches!(verdict, Verdict::Defer(_)) {
        return match reason {
            Reason::RateExceeded => (452, enhanced(4, 7, 1)),
            Reason::RecipientUnverifiable => (451, enhanced(4, 1, 1)),
            _ => (451, enhanced(4, 3, 0)),
        };
    }
    match reason {
        Reason::LoginRequired => (530, enhanced(5, 7, 0)),
        Reason::LoginInClear => (538, enhanced(5, 7, 11)),
        Reason::SenderNotGranted => (553, enhanced(5, 7, 1)),
        Reason::NoSuchRecipient => (550, enhanced(5, 1, 1)),
        Reason::TooLarge => (552, enhanced(5, 3, 4)),
        Reason::MailLoop => (554, enhanced(5, 4, 6)),
        Reason::AddressForm => (553, enhanced(5, 1, 3)),
        Reason::FromMissing => (550, enhanced(5, 6, 0)),
        Reason::RecipientOutsideScope | Reason::FromNotGranted | Reason::SenderIsOurs | Reason::ContentRefused => {
            (550, enhanced(5, 7, 1))
        }
        Reason::RateExceeded if occasion.grant.is_some_and(|grant| grant.class == Class::Bulk) => {
            (552, enhanced(5, 7, 1))
        }
        _ => (554, enhanced(5, 7, 1)),
    }
}

/// What happened and why, and what to do about it.
fn sentence(reason: Reason, occasion: &Occasion<'_>) -> String {
    let client = occasion.client;
    let to = occasion
        .recipient
        .map(|path| format!("{}: ", short(path)))
        .unwrap_or_default();
    let who = if occasion.logged_in {
        "This login"
    } else {
        "This client"
    };
    match reason {
        Reason::NoGrant => format!("{to}{client} may not send through here; it has no relay grant"),
        Reason::NotOurDomain => format!("{to}relay access denied; mail for other organisations is not taken here"),
        Reason::LoginRequired => "Authentication required; log in first".to_owned(),
        Reason::LoginInClear => "Encryption required; use STARTTLS before logging in".to_owned(),
        Reason::LoginWithoutGrant => "This login has no relay grant here".to_owned(),
        Reason::GrantNotYet => with_date("This relay grant begins on", occasion, |grant| {
            grant.from_time.to_date()
        }),
        Reason::GrantExpired => with_date("This relay grant ended on", occasion, |grant| grant.until.to_date()),
        Reason::GrantSuspended => "This relay grant is suspended; its owner knows why".to_owned(),
        Reason::GrantNotHere => "This relay grant does not hold on this port".to_owned(),
        Reason::NetworkNotGranted => format!("{who} may not send from {client}"),
        Reason::OutsideZone => format!("{client} is outside of the network this port serves"),
        Reason::SenderNotGranted => sender_not_granted(who, occasion),
        Reason::FromNotGranted => format!("{who} may not send with this From header; use one of its own addresses"),
        Reason::FromMissing => "The message has no usable From header; add exactly one".to_owned(),
        Reason::RecipientOutsideScope => format!("{to}{who} may not send to other organisations"),
        Reason::NoSuchRecipient => format!("{to}there is no such recipient here"),
        Reason::RecipientUnverifiable => format!("{to}cannot be checked at the moment; try again"),
        Reason::AddressForm => format!("{to}addresses of this form are not taken"),
        Reason::TooLarge => match occasion.grant {
            Some(grant) => format!("The message is larger than {} octets", grant.limits.octets_per_message),
            None => "The message is too large".to_owned(),
        },
        Reason::RateExceeded => format!("{who} has sent more than it may for now; try again later"),
        Reason::SenderIsOurs => "Mail from this domain is not taken from outside; log in on port 587".to_owned(),
        Reason::MailLoop => "The message has been through too many servers; it is going in circles".to_owned(),
        Reason::ContentRefused => "The content of this message is not taken".to_owned(),
        Reason::AuthorityUnknown => "Cannot decide at the moment; try again".to_owned(),
        // The rest are grounds of acceptance; they never reach a refusal.
        Reason::GrantAllows
        | Reason::RouteTakes
        | Reason::ForwardTakes
        | Reason::RoleAddress
        | Reason::Notice
        | Reason::RateHeld
        | Reason::MaskedSource
        | Reason::ContentQuarantined
        | Reason::HeldByOperator => "Not taken".to_owned(),
    }
}

fn with_date(words: &str, occasion: &Occasion<'_>, date: impl Fn(&Grant) -> String) -> String {
    match occasion.grant {
        Some(grant) => format!("{words} {}; its owner can renew it", date(grant)),
        None => format!("{words} another date"),
    }
}

fn sender_not_granted(who: &str, occasion: &Occasion<'_>) -> String {
    let sender = occasion.sender.map(short).unwrap_or_default();
    // Whose addresses these are is told to those who proved to be it, not to whoever sits at an address.
    let Some(grant) = occasion.grant.filter(|_| occasion.logged_in) else {
        return format!("{who} may not send as {sender}");
    };
    let mut may: Vec<String> = grant.senders.iter().take(SENDERS_NAMED).map(short).collect();
    if grant.senders.len() > SENDERS_NAMED {
        may.push("others".to_owned());
    }
    format!("{who} may not send as {sender}; it may send as {}", may.join(", "))
}

/// An address as a reply repeats it.
fn short(address: impl ToString) -> String {
    let text = address.to_string();
    match text.char_indices().nth(ADDRESS_CHARS) {
        Some((cut, _)) => format!("{}...", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Severity;

    fn occasion<'a>() -> Occasion<'a> {
        Occasion {
            client: [10, 31, 7, 9].into(),
            grant: None,
            logged_in: false,
            sender: None,
            recipient: None,
        }
    }

    #[test]
    fn every_reason_has_a_reply_of_the_right_severity_that_fits_a_line() {
        let snapshot = Snapshot::default();
        for reason in Reason::ALL {
            for (verdict, severity) in [
                (Verdict::Refuse(*reason), Severity::Permanent),
                (Verdict::Defer(*reason), Severity::Transient),
            ] {
                let reply = refusal(&snapshot, verdict, *reason, &occasion(), EventId::new(7));
                assert_eq!(reply.severity(), severity, "{reason}");
                assert_eq!(u16::from(reply.enhanced.unwrap().class), reply.code / 100, "{reason}");
                assert!(
                    reply.text.ends_with(&format!("[{reason} {}]", EventId::new(7))),
                    "{reason}"
                );
                assert!(reply.to_string().len() < 500, "{reason}");
            }
        }
    }

    #[test]
    fn a_long_sentence_leaves_room_for_its_event_id() {
        let event = EventId::new(7);
        let help = "https://help.example.edu/a-rather-long-path-to-the-page-about-mail";
        for letter in ["x", "\u{1f4e0}"] {
            let text = closing(&letter.repeat(600), "sender-not-granted", Some(help), event);
            assert!(text.len() <= 512 - "550 5.7.1 \r\n".len(), "{}", text.len());
            assert!(
                text.ends_with(&format!("... See {help}/{event} [sender-not-granted {event}]")),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_inside_address_hears_a_permanent_explaining_answer() {
        let path = ForwardPath::Mailbox("bob@gmail.com".parse().unwrap());
        let occasion = Occasion {
            recipient: Some(&path),
            ..occasion()
        };
        let reply = refusal(
            &Snapshot::default(),
            Verdict::Refuse(Reason::NoGrant),
            Reason::NoGrant,
            &occasion,
            EventId::new(1),
        );
        assert_eq!(
            reply.to_string(),
            "554 5.7.1 <bob@gmail.com>: 10.31.7.9 may not send through here; it has no relay grant [no-grant 000000000001]"
        );
    }
}
