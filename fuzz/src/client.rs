//! The client's side of the dialogue: whatever a next hop says.

use std::time::Duration;

use bytes::BytesMut;
use mail::{BodyType, ForwardPath, Host, MailParams, RcptParams, ReversePath};
use smtp::client::{Client, ClientConfig, ClientStep, Login, RecipientOutcome, TlsDemand, Transaction};
use smtp::server::Transport;

use crate::bites::{Bites, cut};

/// What next hops say.
pub(crate) const WORDS: &[&[u8]] = &[
    b"220 mx ESMTP\r\n",
    b"250 ok\r\n",
    b"250-mx\r\n",
    b"250-SIZE 100\r\n",
    b"250-PIPELINING\r\n",
    b"250-CHUNKING\r\n",
    b"250-8BITMIME\r\n",
    b"250-SMTPUTF8\r\n",
    b"250-DSN\r\n",
    b"250-AUTH PLAIN LOGIN\r\n",
    b"250 STARTTLS\r\n",
    b"250-LIMITS RCPTMAX=1 MAILMAX=2\r\n",
    b"250 2.1.5 ok\r\n",
    b"354 go on\r\n",
    b"334 VXNlcm5hbWU6\r\n",
    b"334 \r\n",
    b"235 2.7.0 in\r\n",
    b"421 4.3.2 bye\r\n",
    b"450 4.2.0 later\r\n",
    b"550 5.1.1 no\r\n",
    b"553-5.1\r\n553 5.1 x\r\n",
    b"221 bye\r\n",
    b"999 x\r\n",
    b"25",
    b"250\r\n",
    b"250-",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"-",
];

/// Octets a driver may have to keep of a peer's words between two reads.
const WAITING_OCTETS_MAX: usize = 64 * 1024;

/// Replies that come one behind the other mean the same however they are cut; noise ends in waiting or closing; and each
/// recipient hears exactly one thing, never "delivered" without a 2yz to the end of the body.
pub(crate) fn run(octets: &[u8]) {
    let mut bites = Bites(octets);
    let (flags, seed) = (bites.octet(), bites.octet());
    let octets = bites.0;
    let whole = play(flags, &mut replies(octets), &|reply| vec![reply]);
    assert_eq!(
        whole,
        play(flags, &mut replies(octets), &|reply| cut(reply, seed).collect()),
        "cut with {seed}"
    );
    assert_eq!(
        whole,
        play(flags, &mut replies(octets), &|reply| reply.chunks(1).collect()),
        "octet by octet"
    );
    play(flags, &mut cut(octets, seed), &|piece| vec![piece]);
}

/// Cuts a peer's words behind each reply: a reply goes on while its lines have a hyphen behind the code.
fn replies(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let mut end = 0;
        while end < rest.len() {
            let line = rest[end..]
                .iter()
                .position(|octet| *octet == b'\n')
                .map_or(rest.len() - end, |at| at + 1);
            let goes_on = rest[end..end + line].get(3) == Some(&b'-');
            end += line;
            if !goes_on {
                break;
            }
        }
        let (reply, behind) = rest.split_at(end);
        rest = behind;
        (!reply.is_empty()).then_some(reply)
    })
}

struct Play {
    client: Client,
    input: BytesMut,
    said: Vec<u8>,
    told: Vec<String>,
    closed: bool,
    begun: usize,
    done: usize,
    written: usize,
    wide: bool,
}

fn play<'a>(
    flags: u8,
    pieces: &mut dyn Iterator<Item = &'a [u8]>,
    cuts: &dyn Fn(&'a [u8]) -> Vec<&'a [u8]>,
) -> (Vec<String>, String) {
    let set = |bit: u8| flags & (1 << bit) != 0;
    let mut config = ClientConfig::new(Host::parse("gate.example.edu").unwrap());
    config.tls = [
        TlsDemand::Never,
        TlsDemand::Opportunistic,
        TlsDemand::Required,
        TlsDemand::Never,
    ][usize::from(flags & 3)];
    config.chunking = set(2);
    if set(3) {
        config.login = Login::new("user", "secret").ok();
        config.allow_clear_login = set(4);
    }
    let transport = if set(5) {
        Transport::ImplicitTls
    } else {
        Transport::Clear
    };
    let mut play = Play {
        client: Client::new(config, transport, Duration::ZERO),
        input: BytesMut::new(),
        said: Vec::new(),
        told: Vec::new(),
        closed: false,
        begun: 0,
        done: 0,
        written: 0,
        wide: set(6),
    };
    play.pump();
    for piece in pieces {
        for part in cuts(piece) {
            play.input.extend_from_slice(part);
            play.pump();
        }
    }
    play.client.handle_eof();
    play.pump();
    assert!(play.closed, "a peer that is gone is still waited for: {:?}", play.told);
    assert_eq!(play.begun, play.done, "a transaction nobody heard of again");
    (play.told, String::from_utf8_lossy(&play.said).into_owned())
}

impl Play {
    fn pump(&mut self) {
        for _ in 0..10_000 {
            if self.closed {
                return;
            }
            let step = self.client.poll(&mut self.input, Duration::ZERO);
            self.said.extend_from_slice(&self.client.output().split());
            match step {
                ClientStep::Wait => {
                    assert!(
                        self.input.len() <= WAITING_OCTETS_MAX,
                        "{} octets are kept",
                        self.input.len()
                    );
                    return;
                }
                ClientStep::StartTls => {
                    self.told.push("starttls".into());
                    self.input.clear();
                    self.client.tls_established(Duration::ZERO);
                }
                ClientStep::Ready if self.begun < 3 && self.client.may_begin() => self.begin(),
                ClientStep::Ready => self.client.quit(Duration::ZERO),
                ClientStep::NeedBody if self.written < 2 => {
                    self.written += 1;
                    self.client.body(b".a line\r\n.\r\nanother\r\n");
                }
                ClientStep::NeedBody => self.client.body_end(Duration::ZERO),
                ClientStep::Done(outcome) => {
                    assert_eq!(outcome.recipients.len(), 2);
                    for recipient in &outcome.recipients {
                        if let RecipientOutcome::Delivered(reply) = recipient {
                            assert!(reply.is_success() && self.written == 2, "delivered by {reply:?}");
                        }
                    }
                    self.done += 1;
                    self.told.push(format!("{outcome:?}"));
                }
                ClientStep::Failed(failure) => self.told.push(format!("{failure:?}")),
                ClientStep::Close => {
                    self.told.push("close".into());
                    self.closed = true;
                }
            }
        }
        panic!("the dialogue never waits");
    }

    fn begin(&mut self) {
        self.begun += 1;
        self.written = 0;
        let to = |text: &str| (ForwardPath::Mailbox(text.parse().unwrap()), RcptParams::default());
        let transaction = Transaction {
            reverse: ReversePath::Mailbox("a@b.example".parse().unwrap()),
            recipients: vec![to("c@d.example"), to("e@f.example")],
            params: MailParams {
                size: Some(44),
                body: if self.wide {
                    BodyType::EightBitMime
                } else {
                    BodyType::SevenBit
                },
                smtputf8: self.wide,
                ..MailParams::default()
            },
        };
        self.client.begin(transaction, Duration::ZERO);
    }
}
