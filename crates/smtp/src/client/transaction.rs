//! One message: MAIL, RCPT, DATA or BDAT, and what each recipient came to.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use mail::{EnhancedCode, Reply, Severity};

use super::Transaction;
use super::framer::{Dots, Framer};
use super::lines;
use super::{Asked, Client, ClientStep, Extensions, Failure, Outcome, Phase, RecipientOutcome, Reframed, Stage};

/// Commands that may await their replies at once under PIPELINING. Bounds what two full pipes could hold
/// (RFC 2920 §3.1 warns of both sides waiting for each other to read).
const PIPELINE_MAX: usize = 100;
/// Octets of a BDAT chunk, unless it is the last.
const CHUNK_OCTETS: usize = 128 * 1024;

/// A transaction in flight.
pub(super) struct Running {
    transaction: Transaction,
    slots: Vec<Slot>,
    smtputf8: bool,
    next: Next,
    via: Via,
    body: Body,
    /// The peer refused a chunk.
    body_refused: Option<Reply>,
    framer: Framer,
    /// What has not filled a BDAT yet.
    chunk: BytesMut,
    handed_over: u64,
    /// Some command was refused, so that RSET must follow.
    soiled: bool,
}

/// What is known of a recipient.
enum Slot {
    Open,
    Accepted,
    Over(RecipientOutcome),
}

/// The command to be said next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Mail,
    Rcpt(usize),
    Data,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Via {
    Data,
    Bdat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    NotBegun,
    Writing,
    Ended,
}

impl Running {
    /// A transaction for a peer with these offers. Recipients that the peer cannot have are refused at once.
    fn new(transaction: Transaction, offers: &Extensions, chunking: bool) -> Self {
        let via = if chunking && offers.chunking && offers.pipelining {
            Via::Bdat
        } else {
            Via::Data
        };
        let unfit = lines::unfit_message(&transaction.reverse, &transaction.params, offers);
        let most = offers.rcpt_max.unwrap_or(usize::MAX);
        let mut smtputf8 = lines::needs_smtputf8(&transaction.reverse, &transaction.params);
        let mut open = 0;
        let mut slots = Vec::with_capacity(transaction.recipients.len());
        for (path, _) in &transaction.recipients {
            let wide = lines::recipient_needs_smtputf8(path);
            let refusal = match &unfit {
                Some(reply) => Some(reply.clone()),
                None if wide && !offers.smtputf8 => Some(lines::unfit_address()),
                None if open >= most => Some(too_many(most)),
                None => None,
            };
            slots.push(match refusal {
                Some(reply) => Slot::Over(RecipientOutcome::Refused(Stage::Local, reply)),
                None => {
                    open += 1;
                    smtputf8 |= wide;
                    Slot::Open
                }
            });
        }
        let dots = if via == Via::Data { Dots::Doubled } else { Dots::Plain };
        Self {
            transaction,
            slots,
            smtputf8,
            next: if open > 0 { Next::Mail } else { Next::Nothing },
            via,
            body: Body::NotBegun,
            body_refused: None,
            framer: Framer::new(dots),
            chunk: BytesMut::new(),
            handed_over: 0,
            soiled: false,
        }
    }

    pub(super) fn uses_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// Whether octets were taken since last asked, while the body is written.
    pub(super) fn note_progress(&mut self, handed_over: u64) -> bool {
        let progress = self.body == Body::Writing && handed_over > self.handed_over;
        self.handed_over = handed_over;
        progress
    }

    /// The next command, if it can be said before the answers that are still out.
    fn next_command(&mut self, offers: &Extensions) -> Option<(Asked, String)> {
        match self.next {
            Next::Nothing => None,
            Next::Mail => {
                self.next = Next::Rcpt(0);
                let Transaction { reverse, params, .. } = &self.transaction;
                Some((Asked::Mail, lines::mail_line(reverse, params, self.smtputf8, offers)))
            }
            Next::Rcpt(from) => {
                let open = self
                    .slots
                    .iter()
                    .enumerate()
                    .skip(from)
                    .find(|(_, slot)| matches!(slot, Slot::Open));
                let Some((at, (path, params))) =
                    open.and_then(|(at, _)| self.transaction.recipients.get(at).map(|recipient| (at, recipient)))
                else {
                    self.next = Next::Data;
                    return self.next_command(offers);
                };
                self.next = Next::Rcpt(at + 1);
                Some((Asked::Rcpt(at), lines::rcpt_line(path, params, offers)))
            }
            // A body in BDAT is written only when somebody is known to want it; DATA may be asked on the chance.
            Next::Data if self.via == Via::Data && self.is_wanted() => {
                self.next = Next::Nothing;
                Some((Asked::Data, "DATA".to_owned()))
            }
            Next::Data => None,
        }
    }

    /// Whether some recipient was accepted or may yet be.
    fn is_wanted(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(slot, Slot::Open | Slot::Accepted))
    }

    fn has_accepted(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Accepted))
    }

    /// Ends all recipients that `reply` speaks of.
    fn refuse(&mut self, stage: Stage, reply: &Reply) {
        self.soiled = true;
        for slot in &mut self.slots {
            if matches!(slot, Slot::Open | Slot::Accepted) {
                *slot = Slot::Over(RecipientOutcome::Refused(stage, reply.clone()));
            }
        }
    }

    fn take_mail(&mut self, reply: &Reply) -> Result<(), Failure> {
        match reply.severity() {
            Severity::Success => {}
            Severity::Intermediate => return Err(Failure::Protocol("unexpected-code")),
            Severity::Transient | Severity::Permanent => {
                self.refuse(Stage::Mail, reply);
                self.next = Next::Nothing;
            }
        }
        Ok(())
    }

    fn take_rcpt(&mut self, at: usize, reply: Reply) -> Result<(), Failure> {
        let Some(slot @ Slot::Open) = self.slots.get_mut(at) else {
            return Ok(());
        };
        match reply.severity() {
            Severity::Success => *slot = Slot::Accepted,
            Severity::Intermediate => return Err(Failure::Protocol("unexpected-code")),
            Severity::Transient | Severity::Permanent => {
                *slot = Slot::Over(RecipientOutcome::Refused(Stage::Rcpt, reply));
            }
        }
        Ok(())
    }

    fn take_end(&mut self, reply: Reply) -> Result<(), Failure> {
        if let Some(refusal) = self.body_refused.take() {
            self.refuse(Stage::Body, &refusal);
            return Ok(());
        }
        match reply.severity() {
            Severity::Success => {
                for slot in &mut self.slots {
                    if matches!(slot, Slot::Accepted) {
                        *slot = Slot::Over(RecipientOutcome::Delivered(reply.clone()));
                    }
                }
            }
            Severity::Intermediate => return Err(Failure::Protocol("unexpected-code")),
            Severity::Transient | Severity::Permanent => self.refuse(Stage::End, &reply),
        }
        Ok(())
    }

    /// The outcome of a transaction that came to its end.
    fn outcome(self) -> Outcome {
        self.conclude(RecipientOutcome::Unanswered, Stage::Rcpt, Stage::End)
    }

    /// The outcome of a transaction whose connection fails.
    pub(super) fn broken_off(self, failure: &Failure, mail_is_open: bool, end_is_out: bool) -> Outcome {
        let open = if mail_is_open { Stage::Mail } else { Stage::Rcpt };
        let accepted = match self.body {
            Body::NotBegun => Stage::Data,
            Body::Ended if end_is_out => Stage::End,
            Body::Writing | Body::Ended => Stage::Body,
        };
        let fate = |stage| match failure {
            Failure::Closing(reply) => RecipientOutcome::Refused(stage, reply.clone()),
            _ => RecipientOutcome::Unanswered(stage),
        };
        self.conclude(fate, open, accepted)
    }

    fn conclude(self, fate: impl Fn(Stage) -> RecipientOutcome, open: Stage, accepted: Stage) -> Outcome {
        let reframed = if self.body == Body::NotBegun {
            Reframed::default()
        } else {
            self.framer.reframed()
        };
        let recipients = self
            .slots
            .into_iter()
            .map(|slot| match slot {
                Slot::Open => fate(open),
                Slot::Accepted => fate(accepted),
                Slot::Over(outcome) => outcome,
            })
            .collect();
        Outcome { recipients, reframed }
    }
}

fn too_many(most: usize) -> Reply {
    Reply::new(
        452,
        EnhancedCode::new(4, 5, 3),
        format!("The next hop takes {most} recipients at a time"),
    )
}

impl Client {
    /// Begins a transaction. Only when `Ready`; elsewhere it changes nothing, and nothing will be said of it.
    pub fn begin(&mut self, transaction: Transaction, now: Duration) {
        if !matches!(self.phase, Phase::Ready) {
            return;
        }
        self.steps.clear();
        let mut running = Running::new(transaction, &self.extensions, self.config.chunking);
        if self.extensions.mail_max.is_some_and(|most| self.transactions >= most) {
            let text = "The next hop takes no more messages on this connection";
            running.refuse(Stage::Local, &Reply::new(452, EnhancedCode::new(4, 5, 3), text));
            running.next = Next::Nothing;
        }
        let nothing_to_say = running.next == Next::Nothing;
        if nothing_to_say {
            running.soiled = false;
        }
        self.phase = Phase::Transaction(Box::new(running));
        if self.unasked_octets {
            return self.fail(Failure::Protocol("unasked-reply"));
        }
        if nothing_to_say {
            return self.conclude(now);
        }
        self.transactions += 1;
        self.go_on(now);
    }

    /// Writes a piece of the message, cut anywhere. Only while `NeedBody` is asked; elsewhere it is dropped.
    pub fn body(&mut self, piece: &[u8]) {
        let Phase::Transaction(running) = &mut self.phase else {
            return;
        };
        if running.body != Body::Writing {
            return;
        }
        match running.via {
            Via::Data => {
                let before = self.output.len();
                running.framer.write(piece, &mut self.output);
                self.written += (self.output.len() - before) as u64;
            }
            Via::Bdat => {
                running.framer.write(piece, &mut running.chunk);
                if running.chunk.len() >= CHUNK_OCTETS {
                    let chunk = running.chunk.split();
                    self.write_chunk(&chunk, "");
                    self.asked.push_back(super::Question {
                        what: Asked::Chunk,
                        written: self.written,
                    });
                }
            }
        }
    }

    /// The message is whole. Only while `NeedBody` is asked.
    pub fn body_end(&mut self, now: Duration) {
        let Phase::Transaction(running) = &mut self.phase else {
            return;
        };
        if running.body != Body::Writing {
            return;
        }
        running.body = Body::Ended;
        let via = running.via;
        let mut rest = running.chunk.split();
        running.framer.finish(&mut rest);
        match via {
            Via::Data => self.write(|output| {
                output.put_slice(&rest);
                output.put_slice(b".\r\n");
            }),
            Via::Bdat => self.write_chunk(&rest, " LAST"),
        }
        self.expect(Asked::End, now);
    }

    fn write_chunk(&mut self, chunk: &[u8], last: &str) {
        self.write(|output| {
            output.reserve(chunk.len() + 32);
            output.put_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
            output.put_slice(chunk);
        });
    }

    pub(super) fn wants_body(&self) -> bool {
        matches!(&self.phase, Phase::Transaction(running) if running.body == Body::Writing)
    }

    pub(super) fn take_transaction(&mut self, what: Asked, reply: Reply, now: Duration) {
        let Phase::Transaction(running) = &mut self.phase else {
            return self.fail(Failure::Protocol("unasked-reply"));
        };
        let taken = match what {
            Asked::Mail => running.take_mail(&reply),
            Asked::Rcpt(at) => running.take_rcpt(at, reply),
            Asked::Data => return self.take_data(reply, now),
            Asked::Chunk => {
                if !reply.is_success() && running.body_refused.is_none() {
                    running.body_refused = Some(reply);
                    // What is not written yet would be written for nobody.
                    if running.body == Body::Writing {
                        return self.give_up_body(now);
                    }
                }
                Ok(())
            }
            _ => running.take_end(reply),
        };
        match taken {
            Ok(()) => self.go_on(now),
            Err(failure) => self.fail(failure),
        }
    }

    fn take_data(&mut self, reply: Reply, now: Duration) {
        let Phase::Transaction(running) = &mut self.phase else {
            return;
        };
        match (reply.code, reply.severity()) {
            (354, _) if running.has_accepted() => {
                running.body = Body::Writing;
                self.restart_timer(now);
            }
            // Asked on the chance, granted, and nobody is left to have it: an empty body (RFC 2920 §3.1).
            (354, _) => {
                running.soiled = true;
                running.body = Body::Ended;
                self.say(Asked::End, ".", now);
            }
            (_, Severity::Success | Severity::Intermediate) => self.fail(Failure::Protocol("unexpected-code")),
            _ => {
                running.refuse(Stage::Data, &reply);
                self.go_on(now);
            }
        }
    }

    /// Behind a refused chunk no more is written; the chunks that are out are answered first.
    fn give_up_body(&mut self, now: Duration) {
        if let Phase::Transaction(running) = &mut self.phase {
            running.body = Body::Ended;
            running.chunk.clear();
        }
        self.go_on(now);
    }

    /// Says what can be said, or finds that all is said.
    fn go_on(&mut self, now: Duration) {
        let window = if self.extensions.pipelining { PIPELINE_MAX } else { 1 };
        while self.asked.len() < window {
            let Phase::Transaction(running) = &mut self.phase else {
                return;
            };
            let Some((what, line)) = running.next_command(&self.extensions) else {
                break;
            };
            self.say(what, &line, now);
        }
        if !self.asked.is_empty() || self.wants_body() {
            return;
        }
        let Phase::Transaction(running) = &mut self.phase else {
            return;
        };
        if running.next == Next::Data && running.via == Via::Bdat && running.has_accepted() {
            running.next = Next::Nothing;
            running.body = Body::Writing;
            return self.restart_timer(now);
        }
        if let Some(refusal) = running.body_refused.take() {
            running.refuse(Stage::Body, &refusal);
        }
        self.conclude(now);
    }

    /// Tells the outcome. A transaction that ended as it should leaves nothing behind; any other is reset.
    fn conclude(&mut self, now: Duration) {
        let Phase::Transaction(running) = std::mem::replace(&mut self.phase, Phase::Resetting) else {
            return;
        };
        let clean = !running.soiled && (running.body == Body::Ended || running.was_never_said());
        self.steps.push_back(ClientStep::Done(running.outcome()));
        if clean {
            self.be_ready();
        } else {
            self.say(Asked::Reset, "RSET", now);
        }
    }

    pub(super) fn take_reset(&mut self, reply: Reply) {
        if reply.is_success() {
            self.be_ready();
        } else {
            self.fail(Failure::Reset(reply));
        }
    }

    /// The peer answered a body that it has not seen the end of. Where it said no, that is its answer; the dialogue is
    /// out of step either way.
    pub(super) fn refuse_early(&mut self, reply: Reply) {
        if let Phase::Transaction(running) = &mut self.phase
            && reply.code >= 400
        {
            running.refuse(Stage::Body, &reply);
        }
        self.fail(Failure::Protocol("early-reply"));
    }
}

impl Running {
    /// Whether all was settled before a word was said.
    fn was_never_said(&self) -> bool {
        self.slots
            .iter()
            .all(|slot| matches!(slot, Slot::Over(RecipientOutcome::Refused(Stage::Local, _))))
    }
}
