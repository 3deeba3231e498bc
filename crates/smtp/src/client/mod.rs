//! The SMTP client, sans-IO: octets of a next hop in, octets for it and steps out.
//!
//! Responsible for: the whole dialogue with one next hop on one connection. Greeting, EHLO, STARTTLS, AUTH, then one
//! transaction behind the other; what each recipient's fate is; framing of the body.
//!
//! Refuses to know: where the peer was found, whether its certificate is good, when to try again, what the message says.
//!
//! ```text
//!             220           250                220                          250
//! [Greeting] ----> [Hello] ----> STARTTLS? ----------> Handshake --> [Hello] ----> AUTH? --235--> Ready
//!                     | 5yz: HELO, unless TLS or AUTH is needed                      \------------^ |
//!                                                                                                   | begin
//!     Ready <--250-- [Reset] <--- anything refused --- [Envelope: MAIL RCPT... DATA] <--------------+
//!       ^               ^                                   | 354, or a recipient for BDAT
//!       |               \------- 4yz 5yz ------ [End] <-- NeedBody ... body_end
//!       \-------------------------- 250 ----------/
//! anywhere: 421, silence, EOF, a broken rule --> Failed --> Close
//! ```
//!
//! Rules that hold throughout: a reply that nobody asked for, or that is there before the command it answers has been
//! handed to the driver, ends the connection; octets behind the 220 of STARTTLS are an attack (RFC 3207 §4.2 asks to
//! forget what came before, and what came too early could be taken for what came under TLS).

mod config;
mod extensions;
mod framer;
mod lines;
mod opening;
mod reply;
mod step;
mod transaction;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use mail::Reply;

pub use config::{ClientConfig, ClientTimeouts, Login, LoginError, TlsDemand};
pub use extensions::Extensions;
pub use step::{ClientStep, ClientTimer, Failure, Outcome, RecipientOutcome, Reframed, Stage, Transaction};

use crate::server::Transport;
use reply::{Charset, Lines, ReplyReader};
use transaction::Running;

/// The client side of one connection.
pub struct Client {
    config: ClientConfig,
    /// The dialogue is inside TLS.
    secure: bool,
    phase: Phase,
    reader: ReplyReader,
    /// What was asked and not yet answered, in order.
    asked: VecDeque<Question>,
    /// What the driver has not been told yet.
    steps: VecDeque<ClientStep>,
    output: BytesMut,
    /// Octets ever written to `output`.
    written: u64,
    extensions: Extensions,
    deadline: Option<(Duration, ClientTimer)>,
    eof: bool,
    /// Octets lie in the input while nothing was asked.
    unasked_octets: bool,
    /// MAILs said on this connection.
    transactions: usize,
}

/// Where the dialogue stands, beside what has been asked.
enum Phase {
    Opening,
    Handshake,
    /// Behind the handshake, before anything was read.
    FreshTls,
    Ready,
    Transaction(Box<Running>),
    /// A transaction is over; RSET is to be answered.
    Resetting,
    Quitting,
    Over,
}

/// A command that awaits its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    AuthPlain,
    AuthLogin,
    LoginUser,
    LoginPassword,
    Mail,
    /// With the place of the recipient.
    Rcpt(usize),
    Data,
    /// A BDAT that is not the last.
    Chunk,
    /// The end of the body.
    End,
    Reset,
    Quit,
}

struct Question {
    what: Asked,
    /// Octets written to `output` when the command was whole.
    written: u64,
}

impl Asked {
    fn timer(self) -> ClientTimer {
        match self {
            Self::Greeting => ClientTimer::Greeting,
            Self::Ehlo | Self::Helo => ClientTimer::Hello,
            Self::StartTls => ClientTimer::StartTls,
            Self::AuthPlain | Self::AuthLogin | Self::LoginUser | Self::LoginPassword => ClientTimer::Auth,
            Self::Mail => ClientTimer::Mail,
            Self::Rcpt(_) => ClientTimer::Rcpt,
            Self::Data => ClientTimer::Data,
            Self::Chunk | Self::End => ClientTimer::End,
            Self::Reset => ClientTimer::Reset,
            Self::Quit => ClientTimer::Quit,
        }
    }
}

impl Client {
    /// A client on a fresh connection; with implicit TLS the handshake is done.
    #[must_use]
    pub fn new(config: ClientConfig, transport: Transport, now: Duration) -> Self {
        let mut client = Self {
            config,
            secure: matches!(transport, Transport::ImplicitTls),
            phase: Phase::Opening,
            reader: ReplyReader::default(),
            asked: VecDeque::new(),
            steps: VecDeque::new(),
            output: BytesMut::new(),
            written: 0,
            extensions: Extensions::default(),
            deadline: None,
            eof: false,
            unasked_octets: false,
            transactions: 0,
        };
        client.expect(Asked::Greeting, now);
        client
    }

    /// Reads what it can from `input` and says what is next. To be called until `Wait`, then again when there is more
    /// input, when `output` has room while a body is written, and behind the other methods.
    pub fn poll(&mut self, input: &mut BytesMut, now: Duration) -> ClientStep {
        self.note_progress(now);
        loop {
            if let Some(step) = self.next_step(input) {
                return step;
            }
            match self.phase {
                Phase::Over => return ClientStep::Close,
                Phase::Handshake if !self.eof => return ClientStep::Wait,
                Phase::Handshake => self.fail(Failure::Lost),
                Phase::FreshTls if !input.is_empty() => self.fail(Failure::Protocol("starttls-injection")),
                Phase::FreshTls => self.phase = Phase::Opening,
                _ => {}
            }
            if matches!(self.phase, Phase::Over) {
                continue;
            }
            match self.reader.read(input) {
                Ok(Some(lines)) => self.take_reply(lines, input, now),
                Err(how) => self.fail(Failure::Protocol(how)),
                Ok(None) if self.eof => self.fail(Failure::Lost),
                Ok(None) if self.ready_is_due() => self.fail(Failure::Protocol("unasked-reply")),
                Ok(None) => {
                    self.unasked_octets = self.asked.is_empty() && !(input.is_empty() && self.reader.is_idle());
                    return if self.wants_body() {
                        ClientStep::NeedBody
                    } else {
                        ClientStep::Wait
                    };
                }
            }
        }
    }

    /// Octets to be written; the driver drains it.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, and what is waited for.
    #[must_use]
    pub fn deadline(&self) -> Option<(Duration, ClientTimer)> {
        self.deadline
    }

    /// Time has passed. Does nothing before the deadline.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.note_progress(now);
        if let Some((_, timer)) = self.deadline.filter(|(at, _)| *at <= now) {
            self.fail(Failure::Timeout(timer));
        }
    }

    /// The peer closed its side.
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// The handshake that `StartTls` asked for is done. All that was learned is forgotten (RFC 3207 §4.2). The input of
    /// the next poll holds what was decrypted, nothing older.
    pub fn tls_established(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Handshake) {
            return;
        }
        self.secure = true;
        self.extensions = Extensions::default();
        self.reader = ReplyReader::default();
        self.phase = Phase::FreshTls;
        self.say_ehlo(now);
    }

    /// Says farewell. Only when `Ready`; a dialogue that is elsewhere is cut off.
    pub fn quit(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Ready) {
            self.steps.clear();
            self.phase = Phase::Quitting;
            self.say(Asked::Quit, "QUIT", now);
        } else {
            self.phase = Phase::Over;
            self.deadline = None;
        }
    }

    /// What the peer offers; empty before EHLO was answered.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether the dialogue is inside TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether `begin` may be called, and the peer's MAILMAX leaves room for another transaction (RFC 9422).
    #[must_use]
    pub fn may_begin(&self) -> bool {
        matches!(self.phase, Phase::Ready) && self.extensions.mail_max.is_none_or(|most| self.transactions < most)
    }

    /// The next step that waits to be told. `Ready` is held back while octets lie in the input that nobody asked for.
    fn next_step(&mut self, input: &BytesMut) -> Option<ClientStep> {
        if self.ready_is_due() && (self.eof || !input.is_empty()) {
            return None;
        }
        self.steps.pop_front()
    }

    fn ready_is_due(&self) -> bool {
        matches!(self.steps.front(), Some(ClientStep::Ready))
    }

    /// Hands a whole reply to the part of the dialogue that asked.
    fn take_reply(&mut self, lines: Lines, input: &BytesMut, now: Duration) {
        if matches!(self.phase, Phase::Quitting) {
            self.phase = Phase::Over;
            self.deadline = None;
            return;
        }
        let opening = matches!(
            self.asked.front(),
            Some(Question {
                what: Asked::Greeting | Asked::Ehlo | Asked::Helo,
                ..
            })
        );
        if lines.code == 421 && !opening {
            let reply = self.printable(lines);
            return self.fail(Failure::Closing(reply));
        }
        let handed_over = self.handed_over();
        let Some(question) = self.asked.pop_front() else {
            let reply = self.printable(lines);
            return self.take_unasked(reply);
        };
        if question.written > handed_over {
            let reply = self.printable(lines);
            return self.take_early(question.what, reply);
        }
        self.restart_timer(now);
        match question.what {
            Asked::Greeting | Asked::Ehlo | Asked::Helo => self.take_opening(question.what, lines, now),
            Asked::StartTls => {
                let reply = self.printable(lines);
                self.take_starttls(reply, input, now);
            }
            Asked::AuthPlain | Asked::AuthLogin | Asked::LoginUser | Asked::LoginPassword => {
                let reply = self.printable(lines);
                self.take_auth(question.what, reply, now);
            }
            Asked::Reset => {
                let reply = self.printable(lines);
                self.take_reset(reply);
            }
            Asked::Mail | Asked::Rcpt(_) | Asked::Data | Asked::Chunk | Asked::End => {
                let reply = self.printable(lines);
                self.take_transaction(question.what, reply, now);
            }
            Asked::Quit => self.phase = Phase::Over,
        }
    }

    /// A reply is printed in UTF-8 only to those who use it (RFC 6531 §3.7.4).
    fn printable(&self, lines: Lines) -> Reply {
        let utf8 = matches!(&self.phase, Phase::Transaction(running) if running.uses_smtputf8());
        lines.into_reply(if utf8 { Charset::Utf8 } else { Charset::Ascii })
    }

    fn take_unasked(&mut self, reply: Reply) {
        if self.wants_body() {
            return self.refuse_early(reply);
        }
        self.fail(Failure::Protocol("unasked-reply"));
    }

    /// A reply to a command that the driver still holds. To a body it is at least an answer, if it says no.
    fn take_early(&mut self, what: Asked, reply: Reply) {
        match what {
            Asked::Chunk | Asked::End => self.refuse_early(reply),
            _ => self.fail(Failure::Protocol("reply-before-command")),
        }
    }

    /// Writes a command line and waits for its reply.
    fn say(&mut self, what: Asked, line: &str, now: Duration) {
        self.write(|output| {
            output.reserve(line.len() + 2);
            output.put_slice(line.as_bytes());
            output.put_slice(b"\r\n");
        });
        self.expect(what, now);
    }

    fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.output.len();
        write(&mut self.output);
        self.written += (self.output.len() - before) as u64;
    }

    fn expect(&mut self, what: Asked, now: Duration) {
        let first = self.asked.is_empty();
        self.asked.push_back(Question {
            what,
            written: self.written,
        });
        if first || what == Asked::End {
            self.restart_timer(now);
        }
    }

    /// Octets the driver has taken from `output`.
    fn handed_over(&self) -> u64 {
        self.written.saturating_sub(self.output.len() as u64)
    }

    fn restart_timer(&mut self, now: Duration) {
        let timer = match (self.wants_body(), self.asked.front()) {
            (true, _) => Some(ClientTimer::Block),
            (false, Some(question)) => Some(question.what.timer()),
            (false, None) => None,
        };
        self.deadline = timer.map(|timer| (now.saturating_add(self.config.timeouts.of(timer)), timer));
    }

    /// While a body is written, each octet the peer takes is progress.
    fn note_progress(&mut self, now: Duration) {
        let handed_over = self.handed_over();
        let progress = match &mut self.phase {
            Phase::Transaction(running) => running.note_progress(handed_over),
            _ => false,
        };
        if progress {
            self.restart_timer(now);
        }
    }

    /// Ends the connection. What a transaction in flight came to is told first.
    fn fail(&mut self, failure: Failure) {
        self.deadline = None;
        self.steps.retain(|step| *step != ClientStep::Ready);
        let handed_over = self.handed_over();
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        match phase {
            Phase::Quitting | Phase::Over => return,
            Phase::Transaction(running) => {
                let mail_is_open = self.asked.iter().any(|question| question.what == Asked::Mail);
                let end_is_out = self
                    .asked
                    .iter()
                    .any(|question| question.what == Asked::End && question.written <= handed_over);
                let outcome = running.broken_off(&failure, mail_is_open, end_is_out);
                self.steps.push_back(ClientStep::Done(outcome));
            }
            _ => {}
        }
        self.asked.clear();
        self.output.clear();
        if failure.leaves_politely() {
            self.output.put_slice(b"QUIT\r\n");
        }
        self.steps.push_back(ClientStep::Failed(failure));
    }
}

impl Failure {
    /// Whether both sides still know where they are, so that a QUIT can be understood; its answer is not awaited.
    fn leaves_politely(&self) -> bool {
        matches!(
            self,
            Self::Greeting(_)
                | Self::Hello(_)
                | Self::TlsNotOffered
                | Self::TlsRefused(_)
                | Self::Auth(_)
                | Self::AuthNotOffered
                | Self::AuthNeedsTls
        )
    }
}
