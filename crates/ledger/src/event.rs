//! The closed list of events.

use mail::{EventId, MessageId, SessionId};
use serde::{Deserialize, Serialize};

use crate::anchor::Anchor;
use crate::configured::{ConfigLoaded, SelfTested, ShadowEnded, ShadowStarted};
use crate::facts::{
    Accepted, Attempt, Change, Deferred, Login, LoginOutcome, LoginReleased, NoticeSent, Refused, RefusedMany,
};
use crate::granted::{GrantLeftOut, GrantStepped};
use crate::line::Hash;
use crate::{Hold, Pruned, Released};

/// Something that happened and is testified to. The names in the record are stable; a fact may be added, none may
/// change its meaning: that would be a new version of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Event {
    /// Something was refused.
    #[serde(rename = "refuse")]
    Refused(Box<Refused>),
    /// The same was refused many times.
    #[serde(rename = "refuse.many")]
    RefusedMany(Box<RefusedMany>),
    /// A message was accepted.
    #[serde(rename = "data.accept")]
    Accepted(Box<Accepted>),
    /// A login was tried.
    #[serde(rename = "auth")]
    Login(Box<Login>),
    /// Who was kept out for guessing is let in again.
    #[serde(rename = "auth.release")]
    LoginReleased(Box<LoginReleased>),
    /// Delivered to a next hop.
    #[serde(rename = "deliver.ok")]
    Delivered(Box<Attempt>),
    /// Not now; it will be tried again.
    #[serde(rename = "queue.defer")]
    Deferred(Box<Deferred>),
    /// Failed for good.
    #[serde(rename = "deliver.fail")]
    Failed(Box<Attempt>),
    /// Queued mail was held.
    #[serde(rename = "queue.hold")]
    Held(Box<Change>),
    /// Held mail was freed.
    #[serde(rename = "queue.release")]
    Released(Box<Change>),
    /// Queued mail was removed; nobody was told.
    #[serde(rename = "queue.remove")]
    Removed(Box<Change>),
    /// A notice went into the queue.
    #[serde(rename = "notice")]
    NoticeSent(Box<NoticeSent>),
    /// A configuration serves from now on.
    #[serde(rename = "config.load")]
    ConfigLoaded(Box<ConfigLoaded>),
    /// The relay self-test ended.
    #[serde(rename = "selftest.done")]
    SelfTested(Box<SelfTested>),
    /// Another configuration decides beside the one that serves, and only counts.
    #[serde(rename = "shadow.start")]
    ShadowStarted(Box<ShadowStarted>),
    /// It decides no more.
    #[serde(rename = "shadow.end")]
    ShadowEnded(Box<ShadowEnded>),
    /// A case of the registry took a step.
    #[serde(rename = "grant.step")]
    GrantStepped(Box<GrantStepped>),
    /// A grant of the registry does not serve, or does again.
    #[serde(rename = "grant.left_out")]
    GrantLeftOut(Box<GrantLeftOut>),
    /// A file of the ledger begins; only the ledger itself says so.
    #[serde(rename = "ledger.open")]
    Opened(Box<Opened>),
    /// Refusals came faster than they could be written; only the ledger itself says so.
    #[serde(rename = "ledger.dropped")]
    Dropped(Dropped),
    /// Where the chains stand was written down in a second place; only the ledger itself says so.
    #[serde(rename = "ledger.anchored")]
    Anchored(Anchored),
    /// Old files of the ledger are removed; only the ledger itself says so.
    #[serde(rename = "ledger.pruned")]
    Pruned(Box<Pruned>),
    /// Something must not be removed of the ledger, however old it is.
    #[serde(rename = "hold.add")]
    HoldAdded(Box<Hold>),
    /// It may be again.
    #[serde(rename = "hold.release")]
    HoldReleased(Box<Released>),
}

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub(crate) writer: Box<str>,
    pub(crate) after: Option<Previous>,
}

/// Where the chain stood when a file began: the last line of this writer that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// The file of that line.
    pub file: Box<str>,
    /// Octets of that file that count. What lies behind was never synced: it is no testimony.
    pub octets: u64,
    /// The seal of that line.
    pub hash: Hash,
}

impl Opened {
    /// Who writes the file.
    #[must_use]
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// Whether it goes on where this file ends.
    pub(crate) fn continues(&self, file: &str) -> bool {
        self.after.as_ref().is_some_and(|after| *after.file == *file)
    }

    /// What it continues; `None` for the first file of a writer.
    #[must_use]
    pub fn after(&self) -> Option<&Previous> {
        self.after.as_ref()
    }
}

/// How many refusals were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub(crate) refusals: u64,
}

impl Dropped {
    /// Refusals and refused logins that are missing before this line.
    #[must_use]
    pub fn refusals(self) -> u64 {
        self.refusals
    }
}

/// An anchor that is durable: so that anchors cannot be taken away unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    pub(crate) anchor: u64,
    pub(crate) seal: Hash,
}

impl Anchored {
    /// Of this anchor.
    #[must_use]
    pub fn of(anchor: &Anchor) -> Self {
        Self {
            anchor: anchor.number,
            seal: anchor.hash,
        }
    }
}

impl Event {
    /// How many refusals and refused logins it tells of: such an event may be left out, and they are counted, when
    /// strangers cause more of them than can be written. Zero for any other.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        match self {
            Self::Refused(_) => 1,
            Self::RefusedMany(many) => many.times,
            Self::Login(login) => u64::from(login.outcome != LoginOutcome::Proved),
            _ => 0,
        }
    }

    /// The message it is about.
    #[must_use]
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Accepted(facts) => Some(facts.message),
            Self::Delivered(facts) | Self::Failed(facts) => Some(facts.message),
            Self::Deferred(facts) => Some(facts.attempt.message),
            Self::Held(facts) | Self::Released(facts) | Self::Removed(facts) => Some(facts.message),
            Self::NoticeSent(facts) => Some(facts.parent),
            Self::Refused(_)
            | Self::RefusedMany(_)
            | Self::Login(_)
            | Self::LoginReleased(_)
            | Self::ConfigLoaded(_)
            | Self::SelfTested(_)
            | Self::ShadowStarted(_)
            | Self::ShadowEnded(_)
            | Self::GrantStepped(_)
            | Self::GrantLeftOut(_)
            | Self::Opened(_)
            | Self::Dropped(_)
            | Self::Anchored(_)
            | Self::Pruned(_)
            | Self::HoldAdded(_)
            | Self::HoldReleased(_) => None,
        }
    }

    /// The session it happened in.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Refused(facts) => Some(facts.origin.session),
            Self::RefusedMany(many) if many.sessions == 1 => many.samples.first().map(|one| one.origin.session),
            Self::Accepted(facts) => Some(facts.origin.session),
            Self::Login(facts) => Some(facts.origin.session),
            _ => None,
        }
    }

    /// The event id a client was told.
    #[must_use]
    pub fn id(&self) -> Option<EventId> {
        match self {
            Self::Refused(facts) => Some(facts.event),
            Self::Login(facts) => facts.event,
            _ => None,
        }
    }
}
