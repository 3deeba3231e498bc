//! The server's side of the dialogue.
//!
//! [`Server`] is told octets, answers and the time; it says what to write, when to wake it and what happened. It decides
//! nothing about who may send: for each such thing it raises a [`Question`] and waits for the [`Answer`].
//!
//! A driver's whole work:
//!
//! ```text
//! loop {
//!     match server.poll(&mut input, now) {
//!         Wait            => flush output; if something was flushed, poll again; else sleep until the deadline, or
//!                            until octets or eof, reading only if server.wants_octets()
//!         Ask(question)   => server.answer(handler.answer(question), now)
//!         Body(octets)    => handler.body(octets)
//!         Event(event)    => handler.note(event)
//!         StartTls        => flush output, handshake with an empty buffer, server.tls_established(now)
//!         Close(reason)   => flush output, close
//!     }
//! }
//! ```
//!
//! Choices where RFCs leave one, or where the field differs from them:
//!
//! - Groups are taken from every client, whether or not it was told PIPELINING and even behind EHLO; replies come in order.
//!   Octets behind DATA before its 354 are taken as the body. If that DATA is refused the connection closes, for otherwise
//!   the lines of a letter would be read as commands.
//! - Octets behind STARTTLS in the same buffer: 554 and closed, never carried out.
//! - Source routes are refused in both dialects.
//! - EHLO without a name is refused in both dialects; HELO without one is taken in the lenient dialect.
//! - STARTTLS and AUTH inside a transaction: 503.
//! - A chunk that is refused is read and thrown away; if it is larger than we care to throw away, the connection closes.
//! - BDAT may end in the middle of a line; the line is ended.

mod answers;
mod body;
mod clock;
mod commands;
mod config;
mod ehlo;
mod framing;
mod incoming;
mod question;
mod session;
mod violation;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mail::Reply;

use self::body::Body;
use self::clock::Clock;
use self::session::{Session, Transaction};
use crate::reply::{Charset, write_reply};

pub use config::{AuthOffer, Dialect, Limits, Offer, Pace, ServerConfig, Timeouts};
pub use question::{
    Answer, BodyVia, CloseReason, Event, HelloVerb, Mended, Question, Step, Timer, Transport, Violation,
};

/// The dialogue of one connection, as its server.
pub struct Server {
    config: Arc<ServerConfig>,
    session: Session,
    transaction: Option<Transaction>,
    phase: Phase,
    /// The question that is out.
    pending: Option<Pending>,
    /// A refusal to be put before the handler as soon as what is held back has been said.
    refusal: Option<Refusal>,
    events: VecDeque<Event>,
    output: BytesMut,
    /// A reply that waits for [`Timer::ErrorDelay`].
    held: BytesMut,
    clock: Clock,
    peer_closed: bool,
    draining: bool,
}

/// What the next octets are.
enum Phase {
    /// None are read: nobody has been asked about this connection yet.
    Connecting,
    /// None are allowed: the banner is not out.
    Greeting { banner: Reply },
    /// A command line.
    Command,
    /// The rest of a line that was too long, up to this many octets of it; then this refusal.
    SkippingLine { octets_left: usize, refusal: Violation },
    /// The response to a challenge.
    AuthResponse,
    /// A body up to its dot.
    Data(Body),
    /// A chunk of a body.
    Chunk { body: Body, left: u64, last: bool },
    /// A chunk of a body that nobody wants.
    SwallowingChunk { left: u64, then: AfterChunk },
    /// Those of a TLS handshake, not ours.
    Handshake,
    /// None: the end has come.
    Closing(CloseReason),
}

/// What is said behind a chunk that was thrown away.
enum AfterChunk {
    /// The handler's own refusal.
    Say(Reply),
    Refuse(Violation),
}

/// The question that is out, and what its answer is needed for.
enum Pending {
    Connect,
    Hello {
        verb: HelloVerb,
    },
    Auth,
    AuthCancelled,
    Sender {
        smtputf8: bool,
    },
    Recipient,
    /// `pipelined`: octets came behind DATA before it was answered.
    DataBegin {
        pipelined: bool,
    },
    ChunkBegin {
        size: u64,
        last: bool,
    },
    BodyEnd,
    Refusal(Refusal),
}

/// A violation on its way to the client.
struct Refusal {
    violation: Violation,
    counts: Counts,
    /// How the connection ends behind it, if it does.
    end: Option<CloseReason>,
}

/// Whether a refusal is one of the errors that are limited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    AsError,
    Not,
}

impl Server {
    /// A connection that was just accepted; with [`Transport::ImplicitTls`], after its handshake. Instants are durations
    /// since any fixed point and never go back.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, transport: Transport, now: Duration) -> Self {
        Self {
            config,
            session: Session::new(transport),
            transaction: None,
            phase: Phase::Connecting,
            pending: None,
            refusal: None,
            events: VecDeque::new(),
            output: BytesMut::new(),
            held: BytesMut::new(),
            clock: Clock::new(now),
            peer_closed: false,
            draining: false,
        }
    }

    /// Takes what it can from `input` and says what is next. Call it again and again until [`Step::Wait`].
    pub fn poll(&mut self, input: &mut BytesMut, now: Duration) -> Step {
        self.clock.tell(now);
        if self.pending.is_some() {
            return Step::Wait;
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if self.clock.held_until.is_some_and(|until| self.clock.now < until) {
                return Step::Wait;
            }
            self.clock.held_until = None;
            if !self.held.is_empty() {
                self.output.unsplit(self.held.split());
            }
            if let Some(refusal) = self.refusal.take() {
                let question = Question::Refusal(refusal.violation.clone());
                return self.ask(Pending::Refusal(refusal), question);
            }
            if let Phase::Closing(reason) = self.phase {
                return Step::Close(reason);
            }
            if self.draining && self.may_end_now() {
                self.end(violation::shutting_down(), CloseReason::ShutDown);
                continue;
            }
            // A client that does not read its replies is given no more of them to hold.
            if self.output.len() >= self.config.limits.output_octets {
                return Step::Wait;
            }
            if let Some(step) = self.advance(input) {
                return step;
            }
        }
    }

    /// Octets to be written; the driver drains them. Replies to a pipelined group gather here.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// When [`Server::handle_timeout`] wants to be called next, and why. `None` while a question is out: the handler's time
    /// is not the client's.
    #[must_use]
    pub fn deadline(&self) -> Option<(Duration, Timer)> {
        if self.pending.is_some() {
            return None;
        }
        if let Some(until) = self.clock.held_until {
            return Some((until, Timer::ErrorDelay));
        }
        let timeouts = &self.config.timeouts;
        match self.phase {
            Phase::Connecting | Phase::Closing(_) => None,
            Phase::Greeting { .. } => Some((self.greeting_due(), Timer::Banner)),
            Phase::Command | Phase::SkippingLine { .. } | Phase::AuthResponse => {
                Some(self.clock.line_deadline(timeouts))
            }
            Phase::Data(_) | Phase::Chunk { .. } | Phase::SwallowingChunk { .. } => {
                Some(self.clock.body_deadline(timeouts))
            }
            Phase::Handshake => Some((
                self.clock.line_awaited.saturating_add(timeouts.handshake),
                Timer::Handshake,
            )),
        }
    }

    /// Whether more octets are of use now. A driver that reads while this is false lets a client fill its memory: nothing is
    /// taken while a question is out, a refusal is held back, or the client does not read its replies.
    #[must_use]
    pub fn wants_octets(&self) -> bool {
        let open = !matches!(self.phase, Phase::Connecting | Phase::Closing(_));
        let held = self.clock.held_until.is_some() || self.refusal.is_some();
        open && self.pending.is_none() && !held && self.output.len() < self.config.limits.output_octets
    }

    /// The deadline has come. Poll afterwards. Called too early, it does nothing.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.clock.tell(now);
        let Some((_, timer)) = self.deadline().filter(|(at, _)| *at <= self.clock.now) else {
            return;
        };
        match timer {
            Timer::Banner | Timer::ErrorDelay => {}
            Timer::MinimumRate if !self.clock.window_was_too_slow(&self.config.timeouts) => self.clock.begin_window(),
            Timer::Handshake => self.close(CloseReason::Timeout(timer)),
            Timer::Command | Timer::BodyBlock | Timer::BodyTotal | Timer::MinimumRate | Timer::SessionTotal => {
                self.end(violation::timeout(timer), CloseReason::Timeout(timer));
            }
        }
    }

    /// How patient to be from now on; a time that has run out already rings at once.
    pub fn set_pace(&mut self, pace: Pace) {
        self.clock.pace = pace;
    }

    /// The client closed its side. Poll afterwards: what already came is still answered.
    pub fn handle_eof(&mut self) {
        self.peer_closed = true;
    }

    /// The handshake asked for by [`Step::StartTls`] is done. All that was learned before is forgotten (RFC 3207 §4.2).
    pub fn tls_established(&mut self, now: Duration) {
        self.clock.tell(now);
        if matches!(self.phase, Phase::Handshake) {
            self.session.secure();
            self.await_command();
        }
    }

    /// Ends the connection with 421 4.3.2 at the next fitting moment: a body that is coming in is finished first.
    pub fn shut_down(&mut self, now: Duration) {
        self.clock.tell(now);
        self.draining = true;
    }

    fn may_end_now(&self) -> bool {
        match self.phase {
            Phase::Connecting | Phase::Greeting { .. } | Phase::SkippingLine { .. } | Phase::AuthResponse => true,
            Phase::Command => self
                .transaction
                .as_ref()
                .is_none_or(|transaction| transaction.chunked.is_none()),
            Phase::Handshake => true,
            Phase::Data(_) | Phase::Chunk { .. } | Phase::SwallowingChunk { .. } | Phase::Closing(_) => false,
        }
    }

    fn greeting_due(&self) -> Duration {
        self.clock.begun.saturating_add(self.config.greet_delay)
    }

    fn ask(&mut self, pending: Pending, question: Question) -> Step {
        self.pending = Some(pending);
        Step::Ask(question)
    }

    /// Says a reply that refuses nothing.
    fn say(&mut self, reply: &Reply) {
        let charset = self.charset();
        write_reply(&mut self.output, reply, charset);
    }

    fn charset(&self) -> Charset {
        let utf8 = self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.smtputf8);
        if utf8 { Charset::Utf8 } else { Charset::Ascii }
    }

    /// Puts a violation before the handler; the client's errors are one more.
    fn refuse(&mut self, violation: Violation) {
        self.refuse_counting(violation, Counts::AsError);
    }

    fn refuse_counting(&mut self, violation: Violation, counts: Counts) {
        let end = violation.fatal.then_some(CloseReason::Violation(violation.reason));
        self.refusal = Some(Refusal { violation, counts, end });
    }

    /// Puts a violation before the handler that ends the connection for a reason of its own.
    fn end(&mut self, violation: Violation, reason: CloseReason) {
        // A handshake that is under way leaves no words that could be read.
        if matches!(self.phase, Phase::Handshake) {
            return self.close(reason);
        }
        self.refusal = Some(Refusal {
            violation,
            counts: Counts::Not,
            end: Some(reason),
        });
    }

    /// Says a refusal, later if there have been too many; behind the last one the connection closes.
    fn say_refusal(&mut self, reply: &Reply, counts: Counts) {
        let limits = &self.config.limits;
        if counts == Counts::AsError {
            self.session.errors = self.session.errors.saturating_add(1);
            let above = self.session.errors.saturating_sub(limits.errors_soft);
            let delay = self.config.timeouts.error_delay * above.min(5);
            if !delay.is_zero() {
                self.clock.held_until = Some(self.clock.now.saturating_add(delay));
            }
        }
        let charset = self.charset();
        let output = if self.clock.held_until.is_some() {
            &mut self.held
        } else {
            &mut self.output
        };
        write_reply(output, reply, charset);
        self.check_errors();
        // RFC 5321 §3.8: 421 is said by a server that closes.
        if reply.code == 421 {
            self.close(CloseReason::Refused);
        }
    }

    fn check_errors(&mut self) {
        if self.session.errors >= self.config.limits.errors_hard && self.refusal.is_none() {
            self.end(violation::too_many_errors(), CloseReason::Violation("too-many-errors"));
        }
    }

    fn await_command(&mut self) {
        self.phase = Phase::Command;
        self.clock.await_line();
    }

    /// Drops the transaction, and says so if there was one.
    fn reset_transaction(&mut self) {
        if self.transaction.take().is_some() {
            self.events.push_back(Event::TransactionReset);
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        self.reset_transaction();
        self.refusal = None;
        self.phase = Phase::Closing(reason);
    }

    /// Takes the phase out to be moved on; `Connecting` stands in for it meanwhile.
    fn take_phase(&mut self) -> Phase {
        mem::replace(&mut self.phase, Phase::Connecting)
    }
}

impl fmt::Debug for Server {
    /// Buffers are left out: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("session", &self.session)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
