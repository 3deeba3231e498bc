//! What an answer does.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BufMut;
use mail::{Mechanisms, Reply, Severity, Tolerances};

use super::body::Body;
use super::ehlo::ehlo_reply;
use super::{
    AfterChunk, Answer, AuthOffer, CloseReason, Counts, HelloVerb, Pending, Phase, Refusal, Server, violation,
};

/// How often a client hears "not now" between two messages before it counts as an error; as many recipients of one group
/// may hear it for good reason.
const PUT_OFF_MAX: u32 = 1000;

impl Server {
    /// Whether a handler's refusal is an error of the client: "not now" is none, unless it hears nothing else.
    pub(super) fn weight(&mut self, reply: &Reply) -> Counts {
        if reply.severity() == Severity::Permanent {
            return Counts::AsError;
        }
        self.session.put_off = self.session.put_off.saturating_add(1);
        if self.session.put_off > PUT_OFF_MAX {
            Counts::AsError
        } else {
            Counts::Not
        }
    }

    /// The answer to the last [`Step::Ask`](super::Step::Ask). One that does not fit its question is a fault of ours: the
    /// client hears 421 and the connection closes.
    pub fn answer(&mut self, answer: Answer, now: Duration) {
        self.clock.tell(now);
        self.clock.await_line();
        let Some(pending) = self.pending.take() else {
            return self.fail();
        };
        match (pending, answer) {
            (Pending::Connect, Answer::Greet { reply, tolerances }) => {
                self.session.greet(tolerances);
                self.phase = Phase::Greeting { banner: reply };
            }
            (Pending::Connect, Answer::Reply(reply)) if reply.code >= 400 => {
                self.say(&reply);
                self.close(CloseReason::Refused);
            }
            (Pending::Hello { verb }, Answer::Welcome { mechanisms }) => self.welcome(verb, Some(mechanisms)),
            (Pending::Hello { verb }, Answer::Reply(reply)) if reply.is_success() => self.welcome(verb, None),
            (Pending::Hello { .. }, Answer::Reply(reply)) => self.answer_refused(&reply),
            (Pending::Auth, Answer::AuthChallenge(challenge)) => self.challenge(&challenge),
            (Pending::Auth, Answer::Authenticated { reply, tolerances }) => self.authenticated(&reply, tolerances),
            (Pending::Auth, Answer::Reply(reply)) if reply.code >= 400 => self.auth_failed(&reply),
            (Pending::AuthCancelled, Answer::Reply(reply)) if reply.code >= 400 => self.answer_refused(&reply),
            (Pending::Sender { smtputf8 }, Answer::Reply(reply)) => self.answer_sender(smtputf8, &reply),
            (Pending::Recipient, Answer::Reply(reply)) => self.answer_recipient(&reply),
            (Pending::DataBegin { .. }, Answer::Proceed) => self.begin_data(),
            (Pending::DataBegin { pipelined }, Answer::Reply(reply)) if reply.code >= 400 => {
                self.refuse_data(reply, pipelined);
            }
            (Pending::ChunkBegin { size, last }, Answer::Proceed) => self.begin_chunk(size, last),
            (Pending::ChunkBegin { size, .. }, Answer::Reply(reply)) if reply.code >= 400 => {
                self.refuse_first_chunk(size, reply);
            }
            (Pending::BodyEnd, Answer::Reply(reply)) => self.answer_body(&reply),
            (Pending::Refusal(refusal), Answer::Reply(reply)) => self.answer_refusal(refusal, reply),
            _ => self.fail(),
        }
    }

    /// An answer that fits no question. Not put before the handler again: it has just shown that it is confused.
    fn fail(&mut self) {
        let reply = Reply::new(
            421,
            mail::EnhancedCode::new(4, 3, 0),
            "Internal error; come again later",
        );
        self.say(&reply);
        self.close(CloseReason::Internal);
    }

    fn answer_refused(&mut self, reply: &Reply) {
        let counts = self.weight(reply);
        self.say_refusal(reply, counts);
    }

    /// A refusal reworded by the handler. What it may not do is turn it into something else.
    fn answer_refusal(&mut self, refusal: Refusal, reply: Reply) {
        let Refusal { violation, counts, end } = refusal;
        let reply = if reply.code >= 400 { reply } else { violation.reply };
        let Some(reason) = end else {
            return self.say_refusal(&reply, counts);
        };
        self.say(&reply);
        self.close(reason);
    }

    /// `usable`: the mechanisms this client may use, where not all.
    fn welcome(&mut self, verb: HelloVerb, usable: Option<Mechanisms>) {
        self.reset_transaction();
        self.session.hello = Some(verb);
        self.session.mechanisms = match self.config.offer.auth {
            AuthOffer::Never => Mechanisms::NONE,
            AuthOffer::UnderTls(offered) => usable.map_or(offered, |usable| offered.and(usable)),
        };
        let reply = match verb {
            HelloVerb::Helo => Reply::plain(250, self.config.hostname.to_string()),
            HelloVerb::Ehlo => ehlo_reply(&self.config, &self.session),
        };
        self.say(&reply);
    }

    /// 334 and the challenge in base64 (RFC 4954 §4).
    fn challenge(&mut self, challenge: &[u8]) {
        let encoded = STANDARD.encode(challenge);
        self.output.put_slice(b"334 ");
        self.output.put_slice(encoded.as_bytes());
        self.output.put_slice(b"\r\n");
        self.phase = Phase::AuthResponse;
    }

    fn authenticated(&mut self, reply: &Reply, tolerances: Tolerances) {
        self.session.authenticated = true;
        self.session.tolerances = tolerances;
        self.say(reply);
    }

    fn auth_failed(&mut self, reply: &Reply) {
        if reply.severity() == Severity::Permanent {
            self.session.auth_failures = self.session.auth_failures.saturating_add(1);
        }
        self.answer_refused(reply);
        if self.session.auth_failures >= self.config.limits.auth_failures && !self.is_closing() {
            self.end(
                violation::too_many_auth_failures(),
                CloseReason::Violation("too-many-auth-failures"),
            );
        }
    }

    fn answer_sender(&mut self, smtputf8: bool, reply: &Reply) {
        if reply.is_success() {
            self.begin_transaction(smtputf8);
            self.say(reply);
        } else {
            self.session.mail_refused = true;
            self.answer_refused(reply);
        }
    }

    fn answer_recipient(&mut self, reply: &Reply) {
        if !reply.is_success() {
            return self.answer_refused(reply);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients_accepted = transaction.recipients_accepted.saturating_add(1);
        }
        self.say(reply);
    }

    fn new_body(&mut self) -> Body {
        self.clock.begin_body();
        Body::new(self.session.tolerances, self.config.offer.size_max, &self.config.limits)
    }

    fn begin_data(&mut self) {
        self.phase = Phase::Data(self.new_body());
        self.say(&Reply::plain(
            354,
            "Send the message; a dot on a line of its own ends it",
        ));
    }

    /// The octets behind were sent as a letter and must not be read as commands.
    fn refuse_data(&mut self, reply: Reply, pipelined: bool) {
        self.reset_transaction();
        self.answer_refused(&reply);
        if pipelined && !self.is_closing() {
            self.refusal = None;
            self.close(CloseReason::Violation("pipelined-body"));
        }
    }

    fn begin_chunk(&mut self, size: u64, last: bool) {
        self.phase = Phase::Chunk {
            body: self.new_body(),
            left: size,
            last,
        };
    }

    fn refuse_first_chunk(&mut self, size: u64, reply: Reply) {
        self.reset_transaction();
        // The chunks behind it fail for the same reason.
        self.session.mail_refused = true;
        if !self.may_swallow(size) {
            self.answer_refused(&reply);
            self.close(CloseReason::Violation("message-too-big"));
            return;
        }
        self.clock.begin_body();
        self.phase = Phase::SwallowingChunk {
            left: size,
            then: AfterChunk::Say(reply),
        };
    }

    fn answer_body(&mut self, reply: &Reply) {
        if !reply.is_success() {
            // The handler knows how it ended: there is nothing to be told of a reset.
            self.transaction = None;
            return self.answer_refused(reply);
        }
        self.say(reply);
        self.transaction = None;
        self.session.note_message();
        self.clock.complete();
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }
}
