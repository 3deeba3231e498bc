//! Completing the record: after a crash the spool knows of acceptances, settlements and changes whose lines had not been
//! written yet.

use std::collections::BTreeSet;
use std::io;

use mail::{AttemptId, EventId, MessageId, Timestamp};

use crate::known::missing_of;
use crate::record::Item;
use crate::{Entry, Event, Ledger, NoticeSent, Writer};

/// What [`Ledger::complete`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// Events the ledger had.
    pub known: u64,
    /// Events it had not, and has now.
    pub added: u64,
}

impl Ledger {
    /// Records those of these events that the ledger does not have. Idempotent: an acceptance is known by its message, an
    /// attempt by its id and recipient, a change by its id, message and recipient. Of a notice that was accepted, that it
    /// was sent is recorded as well. Durable when it returns.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn complete(&self, testimony: Vec<(Timestamp, Event)>) -> io::Result<Completed> {
        let _alone = self.inner.completing.lock().await;
        self.flush().await;
        let Some(oldest) = testimony.iter().map(|(at, _)| *at).min() else {
            return Ok(Completed::default());
        };
        // Where the clock was set back meanwhile, the last lines say that they are older than what they stand behind.
        let oldest = oldest.min(Timestamp(self.inner.clock.wall()));
        let wanted: Vec<(Timestamp, Identity, Event)> = testimony
            .into_iter()
            .flat_map(|(at, event)| with_notice(event).map(move |event| (at, event)))
            .filter_map(|(at, event)| Some((at, Identity::of(&event)?, event)))
            .collect();
        let all: BTreeSet<Identity> = wanted.iter().map(|(_, identity, _)| identity.clone()).collect();
        let total = all.len() as u64;
        let reader = self.inner.reader.clone();
        let mut missing = match self.inner.writer {
            Writer::Task => missing_of(&reader, all, oldest)?,
            Writer::Thread => tokio::task::spawn_blocking(move || missing_of(&reader, all, oldest))
                .await
                .map_err(io::Error::other)??,
        };
        let added = missing.len() as u64;
        for (at, identity, event) in wanted {
            if missing.remove(&identity) {
                self.queue(Item::Entry(at, Entry::of(&event))).await;
            }
        }
        self.flush().await;
        Ok(Completed {
            known: total - added,
            added,
        })
    }
}

/// An event, and behind the acceptance of a notice that it was sent.
fn with_notice(event: Event) -> impl Iterator<Item = Event> {
    let notice = match &event {
        Event::Accepted(facts) => NoticeSent::of(facts),
        _ => None,
    };
    let notice = notice.map(|notice| Event::NoticeSent(Box::new(notice)));
    std::iter::once(event).chain(notice)
}

/// What tells an event apart from all others, however often it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identity {
    Accepted(MessageId),
    /// Without an attempt a recipient comes to its end once.
    Attempt(MessageId, Option<AttemptId>, Box<str>),
    /// Without a recipient all of the message are meant.
    Change(MessageId, EventId, Option<Box<str>>),
    /// The message it tells about, and the notice.
    Notice(MessageId, MessageId),
}

impl Identity {
    /// `None` where nothing tells it apart: such events are not stored by the spool.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Accepted(facts) => Self::Accepted(facts.message),
            Event::Delivered(facts) | Event::Failed(facts) => {
                Self::Attempt(facts.message, facts.attempt, facts.rcpt.as_str().into())
            }
            Event::Deferred(facts) => {
                let facts = &facts.attempt;
                Self::Attempt(facts.message, facts.attempt, facts.rcpt.as_str().into())
            }
            Event::Held(facts) | Event::Released(facts) | Event::Removed(facts) => Self::Change(
                facts.message,
                facts.change?,
                facts.rcpt.as_ref().map(|rcpt| rcpt.as_str().into()),
            ),
            Event::NoticeSent(facts) => Self::Notice(facts.parent, facts.notice),
            Event::Refused(_)
            | Event::RefusedMany(_)
            | Event::Login(_)
            | Event::LoginReleased(_)
            | Event::ConfigLoaded(_)
            | Event::SelfTested(_)
            | Event::ShadowStarted(_)
            | Event::GrantStepped(_)
            | Event::GrantLeftOut(_)
            | Event::ShadowEnded(_)
            | Event::Opened(_)
            | Event::Dropped(_)
            | Event::Anchored(_)
            | Event::Pruned(_)
            | Event::HoldAdded(_)
            | Event::HoldReleased(_) => {
                return None;
            }
        })
    }

    /// The message that its line is about.
    pub(crate) fn message(&self) -> MessageId {
        match self {
            Self::Accepted(message)
            | Self::Attempt(message, ..)
            | Self::Change(message, ..)
            | Self::Notice(message, _) => *message,
        }
    }

    /// Takes out of `missing` what this one tells.
    pub(crate) fn take_from(&self, missing: &mut BTreeSet<Self>) {
        missing.remove(self);
        if let Self::Change(message, change, None) = self {
            let same = |one: &&Self| matches!(one, Self::Change(of, by, _) if (of, by) == (message, change));
            let covered: Vec<Self> = missing.range(self..).take_while(same).cloned().collect();
            for one in covered {
                missing.remove(&one);
            }
        }
    }
}
