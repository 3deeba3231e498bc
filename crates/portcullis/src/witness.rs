//! Everything that is decided, told to the ledger, the log and the metrics.

mod facts;
mod logins;
mod refusals;

use std::sync::Arc;

use admission::{Accepted, LoginTold, Recalled, Refused, Visitor, Witness};
use bytes::Bytes;
use ledger::{Entry, Event, Ledger, LoginOutcome, Origin, Words};
use mail::{ForwardPath, MessageId, Timestamp};
use policy::{BoxFuture, NoticeKind};
use serde::Serialize;
use world::Clock;

use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::shadow::Shadow;
use crate::uses::Uses;

pub(crate) use facts::visitor;
pub use refusals::Refusals;
pub(crate) use refusals::watch as watch_refusals;

/// Tells the ledger, the log and the metrics. Cloning shares it.
#[derive(Clone)]
pub struct Recorder {
    /// Where testimony goes.
    pub ledger: Ledger,
    /// Where refusals wait to be told of together.
    pub refusals: Arc<Refusals>,
    /// Where lines go.
    pub journal: Journal,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Who decides beside us, where somebody does.
    pub shadow: Arc<Shadow>,
    /// Which grants of the registry are used.
    pub uses: Arc<Uses>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Recorder {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall())
    }

    /// Testimony that must not be lost: waits where it has piled up.
    pub async fn testify(&self, event: Event) {
        let entry = Entry::of(&event);
        self.journal.event(self.now(), &event, &entry);
        self.ledger.record(entry).await;
    }

    /// The same of what was stored in the queue: it is not written anew.
    pub async fn testify_stored(&self, testimony: Bytes) {
        if let Some(entry) = Entry::from_testimony(testimony) {
            self.journal.entry(self.now(), &entry);
            self.ledger.record(entry).await;
        }
    }

    /// Writes what was refused until now, and returns when all testimony is on disk: for whoever wants to read it.
    pub async fn catch_up(&self) {
        self.write(self.refusals.so_far());
        self.ledger.flush().await;
    }

    /// Writes what was refused until now, before the ledger is closed.
    pub fn write_refusals(&self) {
        self.write(self.refusals.so_far());
    }

    fn write(&self, records: Vec<refusals::Record>) {
        for (at, event) in records {
            self.ledger.note_at(at, event);
        }
    }

    /// Testimony about strangers: counted rather than kept where it has piled up.
    fn remark(&self, event: Event) {
        let entry = Entry::of(&event);
        self.journal.event(self.now(), &event, &entry);
        self.ledger.note(entry);
    }

    /// Lets whoever decides beside us look at a decision; nobody waits for that.
    fn beside(&self, entry: &Bytes) {
        if !self.shadow.offer(entry) {
            self.metrics.shadowed("skipped");
        }
    }

    /// Something of a session that is no testimony.
    fn note(&self, event: &str, visitor: &Visitor, text: Option<&str>) {
        let origin = facts::origin(visitor, None);
        self.journal.note(self.now(), event, &OfSession { origin, text });
    }
}

/// What the log tells of a session, with words on it.
#[derive(Serialize)]
struct OfSession<'a> {
    #[serde(flatten)]
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Witness for Recorder {
    fn testimony(&self, accepted: &Accepted<'_>) -> Bytes {
        Entry::accepted(&facts::accepted(accepted)).json().clone()
    }

    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, testimony: Bytes) -> BoxFuture<'a, ()> {
        self.metrics.accepted(accepted);
        self.uses.saw(accepted);
        self.beside(&testimony);
        Box::pin(self.testify_stored(testimony))
    }

    fn recall(&self, testimony: &[u8]) -> Option<Recalled> {
        facts::recalled(&ledger::Accepted::from_testimony(testimony).ok()?)
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.metrics.refused(refused);
        self.uses.refused(refused);
        let (now, event) = (self.now(), Event::Refused(Box::new(facts::refused(refused))));
        let entry = Entry::of(&event);
        self.beside(entry.json());
        self.journal.event(now, &event, &entry);
        if let Event::Refused(facts) = event {
            self.refusals.put(now, refused.reason, facts);
        }
    }

    fn connected(&self, visitor: &Visitor) {
        self.metrics.connected(visitor);
        self.note("smtp.connect", visitor, None);
    }

    fn closed(&self, visitor: &Visitor, why: &str) {
        self.metrics.closed(visitor);
        self.note("smtp.close", visitor, Some(why));
        self.write(self.refusals.of_session(visitor.session));
    }

    fn login(&self, told: &LoginTold<'_>) {
        let outcome = told
            .failed
            .as_ref()
            .map_or(LoginOutcome::Proved, |(why, ..)| logins::outcome(*why));
        self.metrics.login(told.mechanism, outcome);
        let mut origin = facts::origin(told.visitor, None);
        let (login, tried) = logins::known_and_tried(told.login, outcome);
        origin.login = login;
        let event = Event::Login(Box::new(ledger::Login {
            origin,
            tried,
            mechanism: Words::new(told.mechanism),
            event: told.failed.as_ref().map(|(_, event, _)| *event),
            outcome,
        }));
        self.remark(event);
    }

    fn noted(&self, visitor: &Visitor, what: &str) {
        self.note("smtp.noticed", visitor, Some(what));
    }

    fn noticed(&self, parent: MessageId, kind: NoticeKind, notice: MessageId, to: &ForwardPath) {
        self.metrics.noticed(kind);
        self.remark(Event::NoticeSent(Box::new(ledger::NoticeSent::new(
            parent,
            notice,
            kind,
            Words::of(to),
        ))));
    }
}
