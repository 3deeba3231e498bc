//! Command lines, compared with another reader of them.
//!
//! smtp-proto reads much that we refuse, so only one direction is asked: what we take as MAIL or RCPT, it must take for
//! the same thing. Where it is known to be wrong the question is not asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mail::{
    BodyType, Domain, DsnReturn, EnhancedCode, Host, MailParams, Mailbox, Notify, RcptParams, Reply, Tolerances,
};
use smtp::server::{Answer, Question, Server, ServerConfig, Step, Transport};
use smtp_proto::{
    Error, MAIL_BODY_8BITMIME, MAIL_RET_FULL, MAIL_RET_HDRS, MAIL_SMTPUTF8, RCPT_NOTIFY_DELAY, RCPT_NOTIFY_FAILURE,
    RCPT_NOTIFY_NEVER, RCPT_NOTIFY_SUCCESS, Request,
};

/// What such lines are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"MAIL FROM:",
    b"RCPT TO:",
    b"<a@b.example>",
    b"<>",
    b"<\"a b\"@c.example>",
    b"<a@[192.0.2.1]>",
    b"<a@[IPv6:2001:db8::1]>",
    b"<postmaster>",
    b" SIZE=100",
    b" BODY=8BITMIME",
    b" BODY=7BIT",
    b" SMTPUTF8",
    b" RET=FULL",
    b" RET=HDRS",
    b" ENVID=a+2Bb",
    b" NOTIFY=SUCCESS,DELAY",
    b" NOTIFY=NEVER",
    b" NOTIFY=FAILURE",
    b" ORCPT=rfc822;a+40b",
    b" AUTH=<>",
    b"\xc3\xbc",
    b"\\\"",
    b"+",
    b"@",
    b".",
    b",",
    b":",
];

/// Of an address, as smtp-proto takes it.
const THEIR_OCTETS_MAX: usize = 256;

/// What we took a line for.
enum Taken {
    Mail(Option<Mailbox>, MailParams),
    Rcpt(Option<Mailbox>, RcptParams),
}

pub(crate) fn run(octets: &[u8]) {
    let line: Vec<u8> = octets
        .iter()
        .copied()
        .take_while(|octet| *octet != b'\n')
        .filter(|octet| *octet != b'\r')
        .collect();
    let Some(taken) = ours(&line).filter(|taken| !taken.is_known_to_differ()) else {
        return;
    };
    let shown = String::from_utf8_lossy(&line).into_owned();
    let ended = [&line[..], b"\r\n"].concat();
    let mut rest = ended.iter();
    let theirs = match Request::parse(&mut rest) {
        Ok(theirs) => theirs,
        // They know two types of addresses in ORCPT and refuse others; RFC 3461 §4.2 leaves the list open.
        Err(Error::InvalidParameter { param: "ORCPT" }) => return,
        // They end addresses at 256 octets, as they are written; RFC 5321 §4.5.3.1 lets a server take more, and we count
        // each part of one, the domain as DNS writes it.
        Err(Error::InvalidSenderAddress | Error::InvalidRecipientAddress) if line.len() > THEIR_OCTETS_MAX => return,
        Err(error) => panic!("only we take {shown:?}: {error:?}"),
    };
    assert!(rest.as_slice().is_empty(), "they stop early in {shown:?}");
    match (taken, theirs) {
        (Taken::Mail(path, params), Request::Mail { from }) => {
            assert_eq!(plain(path.as_ref()), canonical(&from.address), "{shown:?}");
            assert_eq!(params.size.unwrap_or(0), from.size as u64, "{shown:?}");
            let mut flags = 0;
            flags |= if params.body == BodyType::EightBitMime {
                MAIL_BODY_8BITMIME
            } else {
                0
            };
            flags |= if params.smtputf8 { MAIL_SMTPUTF8 } else { 0 };
            flags |= match params.ret {
                Some(DsnReturn::Full) => MAIL_RET_FULL,
                Some(DsnReturn::Headers) => MAIL_RET_HDRS,
                None => 0,
            };
            let known = MAIL_BODY_8BITMIME | MAIL_SMTPUTF8 | MAIL_RET_FULL | MAIL_RET_HDRS;
            assert_eq!(flags, from.flags & known, "{shown:?}");
            assert_eq!(params.envid.as_deref(), from.env_id.as_deref(), "{shown:?}");
        }
        (Taken::Rcpt(path, params), Request::Rcpt { to }) => {
            assert_eq!(plain(path.as_ref()), canonical(&to.address), "{shown:?}");
            let flags = match params.notify {
                None => 0,
                Some(Notify::Never) => RCPT_NOTIFY_NEVER,
                Some(Notify::On {
                    success,
                    failure,
                    delay,
                }) => {
                    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
                    bit(success, RCPT_NOTIFY_SUCCESS)
                        | bit(failure, RCPT_NOTIFY_FAILURE)
                        | bit(delay, RCPT_NOTIFY_DELAY)
                }
            };
            assert_eq!(flags, to.flags & 15, "{shown:?}");
        }
        (_, theirs) => panic!("they take {shown:?} for {}", theirs.name()),
    }
}

/// An address as they give it: nobody and `<postmaster>` are both empty, and quotes and their escapes are gone.
fn plain(mailbox: Option<&Mailbox>) -> String {
    mailbox
        .map(|mailbox| format!("{}@{}", mailbox.local().as_str(), mailbox.host()))
        .unwrap_or_default()
}

/// Their address, its domain written as we write domains.
fn canonical(theirs: &str) -> String {
    let Some((local, host)) = theirs.rsplit_once('@') else {
        return theirs.to_owned();
    };
    let domain = Domain::parse(host).map_or_else(|_| host.to_owned(), |domain| domain.to_string());
    format!("{local}@{domain}")
}

impl Taken {
    /// Whether they are known to read it otherwise: they know no address literals.
    fn is_known_to_differ(&self) -> bool {
        let (Self::Mail(mailbox, _) | Self::Rcpt(mailbox, _)) = self;
        mailbox
            .as_ref()
            .is_some_and(|mailbox| matches!(mailbox.host(), Host::Literal(_)))
    }
}

/// Our reading of one line behind EHLO, and behind MAIL where it may be RCPT.
fn ours(line: &[u8]) -> Option<Taken> {
    let config = Arc::new(ServerConfig::new(Domain::parse("gate.example.edu").ok()?));
    let mut server = Server::new(config, Transport::Clear, Duration::ZERO);
    let before: &[u8] = match line.first() {
        Some(b'R' | b'r') => b"EHLO c\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\n",
        _ => b"EHLO c\r\n",
    };
    hear(&mut server, before);
    hear(&mut server, &[line, b"\r\n"].concat())
}

/// Lets the server hear this; gives the last MAIL or RCPT that it took.
fn hear(server: &mut Server, octets: &[u8]) -> Option<Taken> {
    let mut input = BytesMut::from(octets);
    let mut taken = None;
    loop {
        match server.poll(&mut input, Duration::ZERO) {
            Step::Ask(question) => {
                let answer = match question {
                    Question::Connect => Answer::Greet {
                        reply: Reply::plain(220, "gate"),
                        tolerances: Tolerances::NONE,
                    },
                    Question::Refusal(violation) => Answer::Reply(violation.reply),
                    Question::Sender { path, params } => {
                        taken = Some(Taken::Mail(path.mailbox().cloned(), params));
                        yes()
                    }
                    Question::Recipient { path, params } => {
                        taken = Some(Taken::Rcpt(path.mailbox().cloned(), params));
                        yes()
                    }
                    _ => yes(),
                };
                server.answer(answer, Duration::ZERO);
            }
            Step::Wait if !server.output().is_empty() => server.output().clear(),
            Step::Wait | Step::Close(_) | Step::StartTls => return taken,
            Step::Body(_) | Step::Event(_) => {}
        }
    }
}

fn yes() -> Answer {
    Answer::Reply(Reply::new(250, EnhancedCode::new(2, 0, 0), "ok"))
}
