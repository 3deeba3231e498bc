//! One session: the dialogue's questions, answered.

use std::sync::Arc;

use admission::{Admission, Admitted, LoginTold, Mending, Refused, Rejection, Room, Transaction, Visitor};
use bytes::Bytes;
use mail::{EnhancedCode, EventId, ForwardPath, MailParams, Mechanism, RcptParams, Reply, ReversePath, Tolerances};
use policy::{AuthContext, AuthExchange, AuthRefusal, Authenticator, Role, Verdict, contains};
use smtp::server::{Answer, Event, HelloVerb, Mended, Question, Violation};
use spool_reply::not_stored;
use wire::{Asked, Ended, SessionHandler, TlsFacts};
use world::{BoxFuture, Clock};

use crate::doors::{ClientLimits, Place, TurnedAway};
use crate::errand::Errands;
use crate::login::{self, Progress};
use crate::names::ReverseName;
use crate::reply::{self, Occasion};
use crate::shown;

mod spool_reply;

/// What every session of the house shares.
pub(crate) struct Hall {
    pub(crate) admission: Admission,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) errands: Errands,
}

/// One client's session.
pub(crate) struct Session {
    hall: Arc<Hall>,
    visitor: Visitor,
    limits: ClientLimits,
    entrance: Result<Place, TurnedAway>,
    name: ReverseName,
    transaction: Option<Box<Transaction>>,
    exchange: Option<Exchange>,
    channel_binding: Option<Vec<u8>>,
}

/// An AUTH exchange under way.
struct Exchange {
    steps: Box<dyn AuthExchange>,
    mechanism: &'static str,
}

/// A question whose answer waits for somebody else.
enum Waiting {
    Auth {
        mechanism: Mechanism,
        initial: Option<Vec<u8>>,
    },
    AuthResponse(Vec<u8>),
    BodyEnd(Mended),
}

const fn enhanced(class: u8, subject: u16, detail: u16) -> EnhancedCode {
    EnhancedCode::new(class, subject, detail)
}

impl Session {
    pub(crate) fn new(
        hall: Arc<Hall>,
        visitor: Visitor,
        limits: ClientLimits,
        entrance: Result<Place, TurnedAway>,
        name: ReverseName,
    ) -> Self {
        Self {
            hall,
            visitor,
            limits,
            entrance,
            name,
            transaction: None,
            exchange: None,
            channel_binding: None,
        }
    }

    /// Answers at once what needs nobody else; the other questions come back.
    fn answer_now(&mut self, question: Question) -> Result<Answer, Waiting> {
        Ok(match question {
            Question::Connect => self.connect(),
            Question::Hello { verb, name } => self.hello(verb, name),
            Question::Auth { mechanism, initial } => return Err(Waiting::Auth { mechanism, initial }),
            Question::AuthResponse(response) => return Err(Waiting::AuthResponse(response)),
            Question::AuthCancelled => self.auth_cancelled(),
            Question::Sender { path, params } => Answer::Reply(self.sender(path, params)),
            Question::Recipient { path, params } => Answer::Reply(self.recipient(path, params)),
            Question::BodyBegin { .. } => self.body_begin(),
            Question::BodyEnd { mended, .. } => return Err(Waiting::BodyEnd(mended)),
            Question::Refusal(violation) => Answer::Reply(self.violation(violation)),
        })
    }

    async fn answer_later(&mut self, waiting: Waiting) -> Answer {
        match waiting {
            Waiting::Auth { mechanism, initial } => self.auth(mechanism, initial).await,
            Waiting::AuthResponse(response) => self.auth_step(Some(response)).await,
            Waiting::BodyEnd(mended) => Answer::Reply(self.body_end(mended).await),
        }
    }

    fn connect(&mut self) -> Answer {
        self.hall.admission.witness().connected(&self.visitor);
        if let Err(why) = self.entrance {
            return Answer::Reply(self.turned_away(why));
        }
        if let Err(rejection) = self.hall.admission.connect(&self.visitor) {
            return Answer::Reply(self.rejected(&rejection, None, None));
        }
        let hostname = self.hall.admission.hostname();
        Answer::Greet {
            reply: Reply::plain(220, format!("{hostname} ESMTP Portcullis")),
            tolerances: self.tolerances_at_the_door(),
        }
    }

    /// An address exception's tolerances begin when its client connects.
    fn tolerances_at_the_door(&self) -> Tolerances {
        if self.visitor.role != Role::Relay {
            return Tolerances::default();
        }
        let admission = &self.hall.admission;
        let snapshot = admission.snapshot();
        let grant = snapshot.address_grant(self.visitor.client, admission.now());
        grant.map(|grant| grant.tolerances).unwrap_or_default()
    }

    /// As [`turned_away`](Self::turned_away), for a client that is not given the time to hear it.
    pub(crate) fn turn_away_unheard(&self, why: TurnedAway) {
        let witness = self.hall.admission.witness();
        witness.connected(&self.visitor);
        self.turned_away(why);
        witness.closed(&self.visitor, "turned away without a word");
    }

    fn turned_away(&self, why: TurnedAway) -> Reply {
        let sentence = match why {
            TurnedAway::House => "Too many sessions at the moment; try again later",
            TurnedAway::Client => "Too many connections from your address; close some and try again",
            TurnedAway::Knocking => "Too many connections in a short time; try again later",
        };
        self.refuse(421, enhanced(4, 7, 0), sentence, "too-many-connections", None, None)
    }

    fn hello(&mut self, verb: HelloVerb, name: Box<str>) -> Answer {
        self.visitor.hello = name;
        self.visitor.extended = verb == HelloVerb::Ehlo;
        let mechanisms = self.hall.authenticator.mechanisms(self.visitor.client);
        // Only TLS 1.3 has what an exchange could be bound to (RFC 9266 §4.1).
        let mechanisms = match self.channel_binding {
            Some(_) => mechanisms,
            None => mechanisms.without(Mechanism::ScramSha256Plus),
        };
        Answer::Welcome { mechanisms }
    }

    async fn auth(&mut self, mechanism: Mechanism, initial: Option<Vec<u8>>) -> Answer {
        let context = AuthContext {
            client: self.visitor.client,
            listener: self.visitor.listener.clone(),
            channel_binding: self.channel_binding.clone(),
        };
        let steps = self.hall.authenticator.begin(mechanism, context);
        self.exchange = Some(Exchange {
            steps,
            mechanism: mechanism.name(),
        });
        self.auth_step(initial).await
    }

    async fn auth_step(&mut self, response: Option<Vec<u8>>) -> Answer {
        let Some(mut exchange) = self.exchange.take() else {
            return Answer::Reply(self.out_of_order("No login is under way"));
        };
        match login::step(&mut *exchange.steps, response).await {
            Progress::Challenge(answer) => {
                self.exchange = Some(exchange);
                answer
            }
            Progress::Proved(principal) => self.proved(exchange, &principal.0).await,
            Progress::Refused(why) => {
                Answer::Reply(self.auth_refused(exchange.steps.claimed(), exchange.mechanism, why))
            }
        }
    }

    /// A login that is right but bound to no grant hears what a wrong one hears, and as late.
    async fn proved(&mut self, mut exchange: Exchange, principal: &Arc<str>) -> Answer {
        let Some(tolerances) = self.tolerances_of(principal) else {
            exchange.steps.turned_down().await;
            return Answer::Reply(self.auth_refused(Some(principal), exchange.mechanism, AuthRefusal::WithoutGrant));
        };
        self.tell_login(Some(principal), exchange.mechanism, None);
        self.visitor.login = Some(principal.clone());
        Answer::Authenticated {
            reply: Reply::new(235, enhanced(2, 7, 0), "Welcome"),
            tolerances,
        }
    }

    /// What is tolerated for the grant that is bound to a login; `None` where there is none. Nothing is tolerated for a
    /// grant that is not in force; what it may no longer do it hears at MAIL.
    fn tolerances_of(&self, principal: &str) -> Option<Tolerances> {
        let admission = &self.hall.admission;
        let snapshot = admission.snapshot();
        let grant = snapshot.login_grant(principal)?;
        let live = grant.is_live(admission.now());
        Some(if live { grant.tolerances } else { Tolerances::NONE })
    }

    fn auth_refused(&self, login: Option<&str>, mechanism: &'static str, why: AuthRefusal) -> Reply {
        let snapshot = self.hall.admission.snapshot();
        let event = self.hall.admission.ids().event();
        let reply = login::refusal(why, snapshot.rulebook().organisation.help.as_deref(), event);
        self.tell_login(login, mechanism, Some((why, event, &reply)));
        reply
    }

    fn tell_login(&self, login: Option<&str>, mechanism: &'static str, failed: Option<(AuthRefusal, EventId, &Reply)>) {
        let admission = &self.hall.admission;
        let told = LoginTold {
            at: admission.now(),
            visitor: &self.visitor,
            login,
            mechanism,
            failed,
        };
        admission.witness().login(&told);
    }

    fn auth_cancelled(&mut self) -> Answer {
        self.exchange = None;
        Answer::Reply(self.refuse(501, enhanced(5, 7, 0), "Login cancelled", "auth-cancelled", None, None))
    }

    fn sender(&mut self, path: ReversePath, params: MailParams) -> Reply {
        if let Some(reply) = self.too_busy(&path) {
            return reply;
        }
        match self.hall.admission.mail(&self.visitor, path.clone(), params) {
            Ok(transaction) => {
                self.forget_transaction();
                self.transaction = Some(transaction);
                Reply::new(250, enhanced(2, 1, 0), "Sender ok")
            }
            Err(rejection) => self.rejected(&rejection, Some(&path), None),
        }
    }

    /// Clients at the front gate have no grant that bounds them; their address does.
    fn too_busy(&self, sender: &ReversePath) -> Option<Reply> {
        let Ok(place) = &self.entrance else { return None };
        if self.visitor.role != Role::Mx || self.is_ourselves() {
            return None;
        }
        let now = self.hall.clock.monotonic();
        if place.is_guessing(&self.limits, now) {
            let sentence = "Too many unknown recipients from your address; try again later";
            return Some(self.busy(sentence, "too-many-bad-recipients", sender));
        }
        let unknown = self.is_unknown();
        let per_minute = match unknown {
            true => self.limits.messages_per_minute_unknown,
            false => self.limits.messages_per_minute,
        };
        if !place.message(per_minute, now) {
            let sentence = match unknown {
                true => {
                    "Too many messages in a short time from an address whose name in DNS is missing or not its own; \
                         try again later"
                }
                false => "Too many messages from your address in a short time; try again later",
            };
            return Some(self.busy(sentence, "too-many-messages", sender));
        }
        None
    }

    /// Whether this gate came to try its own door.
    fn is_ourselves(&self) -> bool {
        self.hall.errands.has(self.visitor.client, self.visitor.port)
    }

    /// Whether DNS says that this client has no name that leads back to it. Machines of our own need none.
    fn is_unknown(&self) -> bool {
        self.name.is_missing() && {
            let snapshot = self.hall.admission.snapshot();
            !contains(&snapshot.rulebook().organisation.networks, self.visitor.client)
        }
    }

    fn busy(&self, sentence: &str, reason: &'static str, sender: &ReversePath) -> Reply {
        self.refuse(450, enhanced(4, 7, 1), sentence, reason, Some(sender), None)
    }

    fn recipient(&mut self, path: ForwardPath, params: RcptParams) -> Reply {
        let Some(mut transaction) = self.transaction.take() else {
            return self.out_of_order("MAIL first");
        };
        let reply = match self
            .hall
            .admission
            .recipient(&self.visitor, &mut transaction, path.clone(), params)
        {
            Ok(Room::Taken) => Reply::new(250, enhanced(2, 1, 5), "Recipient ok"),
            Ok(Room::Full) => {
                let sentence = "Too many recipients for one message under this grant; send the rest in another";
                let (code, enhanced) = (452, enhanced(4, 5, 3));
                self.refuse(
                    code,
                    enhanced,
                    sentence,
                    "too-many-recipients",
                    Some(transaction.sender()),
                    Some(&path),
                )
            }
            Err(rejection) => {
                if let (Ok(place), Verdict::Refuse(_)) = (&self.entrance, rejection.verdict)
                    && !self.is_ourselves()
                {
                    place.bad_recipient(self.hall.clock.monotonic());
                }
                self.rejected(&rejection, Some(transaction.sender()), Some(&path))
            }
        };
        self.transaction = Some(transaction);
        reply
    }

    fn body_begin(&mut self) -> Answer {
        self.visitor.ptr = self.name.known();
        let Some(mut transaction) = self.transaction.take() else {
            return Answer::Reply(self.out_of_order("MAIL first"));
        };
        match self.hall.admission.begin_body(&self.visitor, &mut transaction) {
            Ok(()) => {
                self.transaction = Some(transaction);
                Answer::Proceed
            }
            Err(rejection) => Answer::Reply(self.rejected(&rejection, Some(transaction.sender()), None)),
        }
    }

    async fn body_end(&mut self, mended: Mended) -> Reply {
        let Some(transaction) = self.transaction.take() else {
            return self.out_of_order("MAIL first");
        };
        let sender = transaction.sender().clone();
        let mending = Mending {
            bare_lf: mended.bare_lf,
            long_lines: mended.long_lines,
        };
        match self.hall.admission.end_body(&self.visitor, transaction, mending).await {
            Admitted::Stored { id } => Reply::new(250, enhanced(2, 0, 0), format!("Ok, stored as {id}")),
            Admitted::Rejected(rejection) => self.rejected(&rejection, Some(&sender), None),
            Admitted::NotStored(error) => {
                let (code, enhanced, sentence, reason) = not_stored(&error);
                self.refuse(code, enhanced, sentence, reason, Some(&sender), None)
            }
        }
    }

    fn forget_transaction(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.hall.admission.abandon(transaction);
        }
    }

    /// Words for a verdict that does not accept; told to the witness under the same event id.
    fn rejected(&self, rejection: &Rejection, sender: Option<&ReversePath>, recipient: Option<&ForwardPath>) -> Reply {
        let event = self.hall.admission.ids().event();
        let occasion = Occasion {
            client: self.visitor.client,
            grant: rejection
                .grant
                .as_ref()
                .and_then(|name| rejection.snapshot.grant_named(name)),
            logged_in: self.visitor.login.is_some(),
            sender,
            recipient,
        };
        let reply = reply::refusal(
            &rejection.snapshot,
            rejection.verdict,
            rejection.reason,
            &occasion,
            event,
        );
        self.tell(
            event,
            rejection.reason.code(),
            &reply,
            Some(rejection),
            sender,
            recipient,
        );
        reply
    }

    /// Words for a question the dialogue does not ask in this order; it would be a fault of ours.
    fn out_of_order(&self, sentence: &str) -> Reply {
        self.refuse(503, enhanced(5, 5, 1), sentence, "bad-sequence", None, None)
    }

    /// Words for what the dialogue refuses by itself.
    fn violation(&self, violation: Violation) -> Reply {
        let sentence = violation.reply.text.clone();
        let mut reply = violation.reply;
        let event = self.hall.admission.ids().event();
        let snapshot = self.hall.admission.snapshot();
        let help = snapshot.rulebook().organisation.help.as_deref();
        reply.text = reply::closing(&sentence, violation.reason, help, event).into();
        let sender = self.transaction.as_deref().map(Transaction::sender);
        self.tell(event, violation.reason, &reply, None, sender, None);
        reply
    }

    fn refuse(
        &self,
        code: u16,
        enhanced: EnhancedCode,
        sentence: &str,
        reason: &'static str,
        sender: Option<&ReversePath>,
        recipient: Option<&ForwardPath>,
    ) -> Reply {
        let event = self.hall.admission.ids().event();
        let snapshot = self.hall.admission.snapshot();
        let help = snapshot.rulebook().organisation.help.as_deref();
        let reply = Reply::new(code, enhanced, reply::closing(sentence, reason, help, event));
        self.tell(event, reason, &reply, None, sender, recipient);
        reply
    }

    fn tell(
        &self,
        event: EventId,
        reason: &'static str,
        reply: &Reply,
        rejection: Option<&Rejection>,
        sender: Option<&ReversePath>,
        recipient: Option<&ForwardPath>,
    ) {
        self.hall.admission.witness().refused(&Refused {
            event,
            at: self.hall.admission.now(),
            visitor: &self.visitor,
            reason,
            rejection,
            sender,
            recipient,
            reply,
        });
    }
}

impl SessionHandler for Session {
    fn ask(&mut self, question: Question) -> Asked<'_> {
        match self.answer_now(question) {
            Ok(answer) => Asked::Now(answer),
            Err(waiting) => Asked::Later(Box::pin(self.answer_later(waiting))),
        }
    }

    fn body(&mut self, chunk: Bytes) -> Option<BoxFuture<'_, ()>> {
        let transaction = self.transaction.as_mut()?;
        if transaction.take(&chunk) {
            Some(Box::pin(transaction.spill()))
        } else {
            None
        }
    }

    /// Who proved to be somebody is not hurried like a stranger.
    fn may_be_hurried(&self) -> bool {
        self.visitor.login.is_none()
    }

    fn event(&mut self, event: Event) {
        let what = match event {
            Event::TransactionReset => return self.forget_transaction(),
            Event::TlsClientHelloInClear => "client used implicit TLS on a port in clear; use port 465 or STARTTLS",
            Event::EarlyTalker => "client spoke before the banner",
        };
        self.hall.admission.witness().noted(&self.visitor, what);
    }

    fn tls(&mut self, tls: TlsFacts) {
        let seen = shown::seen(&tls);
        self.visitor.certificate = tls.peer.as_ref().map(shown::ids).unwrap_or_default();
        self.channel_binding = tls.channel_binding.map(Into::into);
        // What was said in the clear is forgotten (RFC 3207 §4.2).
        self.visitor.hello = Box::default();
        self.visitor.login = None;
        self.forget_transaction();
        if !seen.doubt.is_empty() {
            let what = format!("nobody vouches for the client's certificate: {}", seen.doubt);
            self.hall.admission.witness().noted(&self.visitor, &what);
        }
        self.visitor.tls = Some(seen);
    }

    fn closed(&mut self, ended: &Ended) {
        self.forget_transaction();
        let why = match ended {
            Ended::Dialogue(reason) => reason.to_string(),
            Ended::Tls(failure) => format!("TLS handshake failed: {failure}"),
            Ended::NotReading => "client did not read its replies".to_owned(),
            Ended::Stopped => "stopped".to_owned(),
        };
        self.hall.admission.witness().closed(&self.visitor, &why);
    }
}
