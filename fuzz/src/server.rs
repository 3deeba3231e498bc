//! The server's side of the dialogue.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mail::{Domain, EnhancedCode, Mechanism, Reply, Tolerances};
use smtp::server::{Answer, AuthOffer, CloseReason, Dialect, Question, Server, ServerConfig, Step, Transport};

use crate::bites::{Bites, cut};
use crate::replies;

/// What clients say.
pub(crate) const WORDS: &[&[u8]] = &[
    b"EHLO c\r\n",
    b"HELO c\r\n",
    b"MAIL FROM:<a@b.c>\r\n",
    b"MAIL FROM:<> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=x+2B\r\n",
    b"MAIL FROM:<a@b.c> SMTPUTF8\r\n",
    b"RCPT TO:<d@e.f>\r\n",
    b"RCPT TO:<d@e.f> NOTIFY=NEVER ORCPT=rfc822;d@e.f\r\n",
    b"RCPT TO:<nobody@e.f>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"RCPT TO:<@x,@y:d@e.f>\r\n",
    b"DATA\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"..\r\n",
    b"\n.\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"Subject: y\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"BDAT 5\r\nabc\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 3 LAST\r\nx\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"AUTH PLAIN AHVzZXIAc2VjcmV0\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN dXNlcg==\r\n",
    b"c2VjcmV0\r\n",
    b"*\r\n",
    b"=\r\n",
    b"STARTTLS\r\n",
    b"NOOP x\r\n",
    b"RSET\r\n",
    b"VRFY a\r\n",
    b"HELP\r\n",
    b"EXPN a\r\n",
    b"QUIT\r\n",
    b"XCLIENT A=1\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
];

/// Octets a driver may have to keep between two reads: a line of AUTH at most.
const WAITING_OCTETS_MAX: usize = 12_288 + 2;
/// Replies that depend on how much had come when a line was read: what stands behind STARTTLS, or behind a DATA that is
/// refused, is an attack if it is there already, and else the next line.
const DEPENDS_ON_CUTS: [&str; 5] = [
    "pipelined-body",
    "no-valid-recipients",
    "bad-sequence",
    "bad-arguments",
    "starttls-injection",
];

/// The same octets tell the same story whatever the cuts; what is said can be read; what is taken is clean and within
/// the limits; nothing goes on for ever.
pub(crate) fn run(octets: &[u8]) {
    let mut bites = Bites(octets);
    let (flags, seed) = (bites.octet(), bites.octet());
    let octets = bites.0;
    let whole = play(flags, &mut std::iter::once(octets), Reading::AtOnce);
    let pieces = play(flags, &mut cut(octets, seed), Reading::AtOnce);
    let single = play(flags, &mut octets.chunks(1), Reading::AtOnce);
    play(flags, &mut std::iter::once(octets), Reading::Never);
    if ![&whole, &pieces, &single].into_iter().any(Told::depends_on_cuts) {
        assert_eq!(whole, pieces, "cut with {seed}");
        assert_eq!(whole, single, "octet by octet");
    }
}

/// Whether the client reads what is said to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    AtOnce,
    Never,
}

/// Everything that can be told of a dialogue.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    log: Vec<String>,
    said: Vec<u8>,
    letters: Vec<Vec<u8>>,
    closed: Option<CloseReason>,
}

impl Told {
    fn depends_on_cuts(&self) -> bool {
        let by_end = match self.closed {
            Some(CloseReason::Violation(reason)) => DEPENDS_ON_CUTS.contains(&reason),
            // Closed without a word, so that what was not read yet is not read any more.
            Some(CloseReason::TlsClientHello) => true,
            _ => false,
        };
        by_end || self.log.iter().any(|line| line == "StartTls")
    }
}

struct Play {
    server: Server,
    config: Arc<ServerConfig>,
    tolerances: Tolerances,
    now: Duration,
    input: BytesMut,
    told: Told,
    body: Vec<u8>,
    /// Recipients taken in this transaction; `None` before MAIL.
    recipients: Option<u32>,
    reading: Reading,
    login: usize,
}

fn config(flags: u8) -> ServerConfig {
    let mut config = ServerConfig::new(Domain::parse("gate.example.edu").unwrap());
    let set = |bit: u8| flags & (1 << bit) != 0;
    config.dialect = if set(0) { Dialect::Lenient } else { Dialect::Strict };
    config.timeouts.error_delay = Duration::ZERO;
    config.offer.starttls = set(1);
    if set(2) {
        config.offer.auth = AuthOffer::UnderTls([Mechanism::Plain, Mechanism::Login].into());
    }
    config.auth_required = set(2) && set(3);
    config.offer.size_max = 1500;
    config.limits.swallow_octets = 2000;
    config.limits.recipients = 3;
    config.limits.recipient_overshoot = 3;
    config.limits.messages = Some(4);
    config.limits.idle_commands = 8;
    config.limits.text_line_octets = 100;
    config
}

fn play(flags: u8, pieces: &mut dyn Iterator<Item = &[u8]>, reading: Reading) -> Told {
    let config = Arc::new(config(flags));
    let tolerant = flags & 0x10 != 0;
    let transport = if flags & 0x20 != 0 {
        Transport::ImplicitTls
    } else {
        Transport::Clear
    };
    let now = Duration::from_secs(1000);
    let mut play = Play {
        server: Server::new(config.clone(), transport, now),
        config,
        tolerances: Tolerances {
            bare_lf: tolerant,
            long_lines: tolerant,
            ..Tolerances::NONE
        },
        now,
        input: BytesMut::new(),
        told: Told::default(),
        body: Vec::new(),
        recipients: None,
        reading,
        login: 0,
    };
    play.pump();
    if flags & 0x40 != 0 {
        play.hear(b"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n");
    }
    pieces.for_each(|piece| play.hear(piece));
    play.server.handle_eof();
    play.pump();
    if reading == Reading::AtOnce {
        assert!(play.told.closed.is_some(), "a client that is gone is still waited for");
        replies::read(&play.told.said);
    }
    play.told
}

impl Play {
    fn hear(&mut self, octets: &[u8]) {
        if self.told.closed.is_some() || !self.server.wants_octets() {
            return;
        }
        self.input.extend_from_slice(octets);
        self.pump();
        let waits = self.told.closed.is_none() && self.server.wants_octets();
        assert!(
            !waits || self.input.len() <= WAITING_OCTETS_MAX,
            "{} octets are kept",
            self.input.len()
        );
    }

    fn pump(&mut self) {
        for _ in 0..100_000 {
            if self.told.closed.is_some() {
                return;
            }
            match self.server.poll(&mut self.input, self.now) {
                Step::Wait => {
                    let output = self.server.output();
                    let limit = self.config.limits.output_octets + 2048;
                    assert!(
                        output.len() <= limit,
                        "{} octets wait for a client that does not read",
                        output.len()
                    );
                    if self.reading == Reading::Never || output.is_empty() {
                        return;
                    }
                    self.told.said.extend_from_slice(&output.split());
                }
                Step::Ask(question) => {
                    self.told.log.push(format!("{question:?}"));
                    let answer = self.judge(question);
                    self.server.answer(answer, self.now);
                }
                Step::Body(octets) => {
                    assert!(self.recipients.is_some_and(|count| count > 0), "a body for nobody");
                    self.body.extend_from_slice(&octets);
                }
                Step::Event(event) => {
                    self.told.log.push(format!("{event:?}"));
                    if event == smtp::server::Event::TransactionReset {
                        self.recipients = None;
                    }
                }
                Step::StartTls => {
                    assert!(self.input.is_empty(), "octets would cross into TLS");
                    self.told.said.extend_from_slice(&self.server.output().split());
                    self.told.log.push("StartTls".into());
                    self.server.tls_established(self.now);
                }
                Step::Close(reason) => {
                    assert_ne!(reason, CloseReason::Internal, "a fault of ours: {:?}", self.told.log);
                    self.told.said.extend_from_slice(&self.server.output().split());
                    self.told.closed = Some(reason);
                }
            }
        }
        panic!("the dialogue never waits");
    }

    /// Answers, and checks that each question has its place.
    fn judge(&mut self, question: Question) -> Answer {
        match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, "gate.example.edu ESMTP"),
                tolerances: self.tolerances,
            },
            Question::Hello { .. } => Answer::Reply(Reply::plain(250, "welcome")),
            Question::Auth { initial, .. } => self.login(initial),
            Question::AuthResponse(response) => self.login(Some(response)),
            Question::AuthCancelled => answer(501, (5, 7, 0), "cancelled"),
            Question::Sender { params, .. } => {
                assert!(self.recipients.is_none(), "a second MAIL");
                assert!(
                    params.size.is_none_or(|size| size <= self.config.offer.size_max),
                    "a size beyond the limit"
                );
                self.recipients = Some(0);
                answer(250, (2, 1, 0), "sender taken")
            }
            Question::Recipient { path, .. } => {
                let count = self.recipients.as_mut().expect("RCPT before MAIL");
                if path
                    .mailbox()
                    .is_some_and(|mailbox| mailbox.local().as_str() == "nobody")
                {
                    return answer(550, (5, 1, 1), "no such user");
                }
                *count += 1;
                assert!(*count <= self.config.limits.recipients, "{count} recipients");
                answer(250, (2, 1, 5), "recipient taken")
            }
            Question::BodyBegin { .. } => {
                self.body.clear();
                Answer::Proceed
            }
            Question::BodyEnd { octets, .. } => {
                assert_eq!(octets, self.body.len() as u64);
                self.take_letter();
                answer(250, (2, 6, 0), "taken")
            }
            Question::Refusal(violation) => Answer::Reply(violation.reply),
        }
    }

    fn take_letter(&mut self) {
        let letter = std::mem::take(&mut self.body);
        self.recipients = None;
        assert!(
            letter.len() as u64 <= self.config.offer.size_max,
            "{} octets were taken",
            letter.len()
        );
        assert!(letter.is_empty() || letter.ends_with(b"\r\n"), "the last line is open");
        for line in letter.split_inclusive(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r\n").expect("a line feed alone");
            assert!(
                !line.contains(&b'\r') && !line.contains(&0),
                "{:?}",
                line.escape_ascii().to_string()
            );
            assert!(
                line.len() <= self.config.limits.text_line_octets,
                "a line of {} octets",
                line.len()
            );
        }
        self.told.letters.push(letter);
        let most = self.config.limits.messages.unwrap_or(u32::MAX) as usize;
        assert!(self.told.letters.len() <= most, "more messages than the limit");
    }

    /// Asks for more at first, then says yes to what holds an `s`.
    fn login(&mut self, response: Option<Vec<u8>>) -> Answer {
        self.login += 1;
        match response {
            Some(octets) if octets.contains(&b's') => Answer::Authenticated {
                reply: Reply::new(235, EnhancedCode::new(2, 7, 0), "welcome"),
                tolerances: self.tolerances,
            },
            Some(_) if self.login.is_multiple_of(3) => answer(535, (5, 7, 8), "wrong"),
            _ => Answer::AuthChallenge(b"Go on:".to_vec()),
        }
    }
}

fn answer(code: u16, (class, subject, detail): (u8, u16, u16), text: &'static str) -> Answer {
    Answer::Reply(Reply::new(code, EnhancedCode::new(class, subject, detail), text))
}
