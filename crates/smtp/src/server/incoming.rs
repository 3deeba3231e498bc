//! What is done with octets, by phase.

use bytes::{Buf, BytesMut};

use super::body::{Body, BodyStep};
use super::framing::BodyFault;
use super::{AfterChunk, CloseReason, Dialect, Event, Pending, Phase, Question, Server, Step, Violation, violation};
use crate::command::{
    AUTH_LINE_OCTETS_MAX, Line, Skip, Verb, decode_base64, find_line, longest_line, octets_max, skip_line,
};

/// Octets of a line too long that are skipped before the connection closes.
const SKIPPED_OCTETS_MAX: usize = 64 * 1024;
/// A TLS record that carries a handshake, of any version: `ContentType 22, major version 3` (RFC 8446 §5.1).
const HANDSHAKE_RECORD: [u8; 2] = [0x16, 0x03];

/// What one look at the input came to.
enum Progress {
    /// Look again.
    Again,
    /// More octets are needed.
    Starved,
    Step(Step),
}

impl Server {
    /// Moves the dialogue on by one piece; `None` when there may be more to do.
    pub(super) fn advance(&mut self, input: &mut BytesMut) -> Option<Step> {
        let progress = match self.take_phase() {
            Phase::Connecting => Progress::Step(self.ask(Pending::Connect, Question::Connect)),
            Phase::Greeting { banner } => {
                self.phase = Phase::Greeting { banner };
                self.greet(input)
            }
            Phase::Command => {
                self.phase = Phase::Command;
                self.read_command(input)
            }
            Phase::SkippingLine { octets_left, refusal } => self.skip(input, octets_left, refusal),
            Phase::AuthResponse => {
                self.phase = Phase::AuthResponse;
                self.read_auth_response(input)
            }
            Phase::Data(body) => self.read_data(input, body),
            Phase::Chunk { body, left, last } => self.read_chunk(input, body, left, last),
            Phase::SwallowingChunk { left, then } => self.swallow_chunk(input, left, then),
            Phase::Handshake => {
                self.phase = Phase::Handshake;
                Progress::Starved
            }
            Phase::Closing(reason) => {
                self.phase = Phase::Closing(reason);
                Progress::Step(Step::Close(reason))
            }
        };
        match progress {
            Progress::Again => None,
            Progress::Step(step) => Some(step),
            Progress::Starved if self.peer_closed => {
                self.close(CloseReason::PeerClosed);
                None
            }
            Progress::Starved => Some(Step::Wait),
        }
    }

    fn greet(&mut self, input: &mut BytesMut) -> Progress {
        if self.is_client_hello(input) {
            return self.name_client_hello();
        }
        if self.clock.now < self.greeting_due() {
            if self.config.dialect == Dialect::Strict && !input.is_empty() {
                self.events.push_back(Event::EarlyTalker);
                self.refuse(violation::early_talker());
                return Progress::Again;
            }
            return Progress::Starved;
        }
        if let Phase::Greeting { banner } = self.take_phase() {
            self.say(&banner);
        }
        self.await_command();
        Progress::Again
    }

    fn is_client_hello(&self, input: &BytesMut) -> bool {
        !self.session.secure && input.starts_with(&HANDSHAKE_RECORD)
    }

    /// Nothing is said: whoever speaks TLS cannot read it.
    fn name_client_hello(&mut self) -> Progress {
        self.output.clear();
        self.close(CloseReason::TlsClientHello);
        self.events.push_front(Event::TlsClientHelloInClear);
        Progress::Again
    }

    fn read_command(&mut self, input: &mut BytesMut) -> Progress {
        if self.is_client_hello(input) {
            return self.name_client_hello();
        }
        let most = longest_line(&self.config.offer);
        match find_line(input, most, self.session.tolerances.bare_lf) {
            Line::Wait => Progress::Starved,
            Line::TooLong => self.skip_from_here(violation::line_too_long()),
            Line::Fault(fault) => self.refuse_and_go_on(violation::framing(fault)),
            Line::Whole(line, octets) => {
                self.clock.await_line();
                let step = self.command(line, octets, input.len() > octets);
                input.advance(octets);
                step.map_or(Progress::Again, Progress::Step)
            }
        }
    }

    fn read_auth_response(&mut self, input: &mut BytesMut) -> Progress {
        let (line, octets) = match find_line(input, AUTH_LINE_OCTETS_MAX, self.session.tolerances.bare_lf) {
            Line::Wait => return Progress::Starved,
            Line::TooLong => return self.skip_from_here(violation::auth_line_too_long()),
            Line::Fault(fault) => return self.refuse_and_go_on(violation::framing(fault)),
            Line::Whole(line, octets) => (line, octets),
        };
        let response = (line != b"*").then(|| decode_base64(line));
        input.advance(octets);
        self.await_command();
        let Some(response) = response else {
            return Progress::Step(self.ask(Pending::AuthCancelled, Question::AuthCancelled));
        };
        match response {
            Ok(response) => Progress::Step(self.ask(Pending::Auth, Question::AuthResponse(response))),
            Err(fault) => self.refuse_and_go_on(violation::syntax(fault)),
        }
    }

    fn refuse_and_go_on(&mut self, violation: Violation) -> Progress {
        self.refuse(violation);
        Progress::Again
    }

    fn skip_from_here(&mut self, refusal: Violation) -> Progress {
        self.phase = Phase::SkippingLine {
            octets_left: SKIPPED_OCTETS_MAX,
            refusal,
        };
        Progress::Again
    }

    fn skip(&mut self, input: &mut BytesMut, octets_left: usize, refusal: Violation) -> Progress {
        match skip_line(input, octets_left, self.session.tolerances.bare_lf) {
            Skip::More(octets) => {
                self.phase = Phase::SkippingLine {
                    octets_left: octets_left.saturating_sub(octets),
                    refusal,
                };
                return Progress::Starved;
            }
            Skip::Over => self.refuse(refusal),
            Skip::TooMuch => self.refuse(Violation { fatal: true, ..refusal }),
            Skip::Fault(fault) => self.refuse(violation::framing(fault)),
        }
        self.await_command();
        Progress::Again
    }

    fn read_data(&mut self, input: &mut BytesMut, mut body: Body) -> Progress {
        let before = input.len();
        let step = body.read_dotted(input);
        self.clock.note_body_octets(before - input.len());
        match step {
            BodyStep::Wait => {
                self.phase = Phase::Data(body);
                Progress::Starved
            }
            BodyStep::Octets(octets) => {
                self.phase = Phase::Data(body);
                Progress::Step(Step::Body(octets))
            }
            BodyStep::Spoilt => {
                self.reset_transaction();
                self.phase = Phase::Data(body);
                Progress::Again
            }
            BodyStep::Broken(fault) => self.break_off(fault),
            BodyStep::End => self.end_body(&body),
        }
    }

    fn read_chunk(&mut self, input: &mut BytesMut, mut body: Body, mut left: u64, last: bool) -> Progress {
        let before = input.len();
        let step = match body.read_counted(input, &mut left) {
            BodyStep::End if last => body.finish_counted(),
            step => step,
        };
        self.clock.note_body_octets(before - input.len());
        match step {
            BodyStep::Wait => {
                self.phase = Phase::Chunk { body, left, last };
                Progress::Starved
            }
            BodyStep::Octets(octets) => {
                self.phase = Phase::Chunk { body, left, last };
                Progress::Step(Step::Body(octets))
            }
            BodyStep::Spoilt => {
                let refusal = violation::body(body.spoilt().unwrap_or(BodyFault::TooBig));
                self.reset_transaction();
                self.session.mail_refused = true;
                self.refuse_chunk(left, refusal);
                Progress::Again
            }
            BodyStep::Broken(fault) => self.break_off(fault),
            BodyStep::End if last => self.end_body(&body),
            BodyStep::End => {
                self.end_chunk(body);
                Progress::Again
            }
        }
    }

    /// Says 250 to a chunk that is not the last (RFC 3030 §2).
    fn end_chunk(&mut self, body: Body) {
        if let Some(transaction) = &mut self.transaction {
            transaction.chunked = Some(body);
        }
        self.say(&super::commands::done("Chunk taken"));
        self.await_command();
    }

    fn end_body(&mut self, body: &Body) -> Progress {
        self.await_command();
        if let Some(fault) = body.spoilt() {
            return self.refuse_and_go_on(violation::body(fault));
        }
        let question = Question::BodyEnd {
            octets: body.octets(),
            mended: body.mended(),
        };
        Progress::Step(self.ask(Pending::BodyEnd, question))
    }

    fn break_off(&mut self, fault: BodyFault) -> Progress {
        self.await_command();
        self.reset_transaction();
        self.refuse(Violation {
            fatal: true,
            ..violation::body(fault)
        });
        Progress::Again
    }

    /// The octets of a refused chunk are read so that the next command is found behind them, unless they are too many.
    pub(super) fn refuse_chunk(&mut self, size: u64, refusal: Violation) {
        if !self.may_swallow(size) {
            self.await_command();
            self.refuse(Violation { fatal: true, ..refusal });
        } else {
            self.clock.begin_body();
            self.phase = Phase::SwallowingChunk {
                left: size,
                then: AfterChunk::Refuse(refusal),
            };
        }
    }

    /// Whether another chunk may be read and thrown away; those of one message count together.
    pub(super) fn may_swallow(&mut self, size: u64) -> bool {
        self.session.swallowed = self.session.swallowed.saturating_add(size);
        self.session.swallowed <= self.config.limits.swallow_octets
    }

    fn swallow_chunk(&mut self, input: &mut BytesMut, left: u64, then: AfterChunk) -> Progress {
        let here = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        input.advance(here);
        self.clock.note_body_octets(here);
        let left = left.saturating_sub(here as u64);
        if left > 0 {
            self.phase = Phase::SwallowingChunk { left, then };
            return Progress::Starved;
        }
        self.await_command();
        match then {
            AfterChunk::Say(reply) => {
                let counts = self.weight(&reply);
                self.say_refusal(&reply, counts);
            }
            AfterChunk::Refuse(refusal) => {
                let counts = self.counts_in_group();
                self.refuse_counting(refusal, counts);
            }
        }
        Progress::Again
    }

    /// Whether a line is longer than its verb may make it.
    pub(super) fn line_is_too_long(&self, verb: Verb, octets: usize) -> bool {
        octets > octets_max(verb, &self.config.offer)
    }
}
