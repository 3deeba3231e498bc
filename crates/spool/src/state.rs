//! Where each recipient of a message stands, and what was tried for it.

use std::net::IpAddr;

use bytes::Bytes;
use mail::{AttemptId, Timestamp};
use policy::{Name, Reason};

/// Who holds a recipient back, which decides who may free it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The decision at acceptance; only a new decision frees it ([`Dispatch::release`](crate::Dispatch::release)).
    Judgement,
    /// Its grant was suspended for abuse; only a new decision frees it.
    Suspension,
    /// An operator of this name; [`Change::Release`](crate::Change::Release) frees it.
    Operator(Name),
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The next hop took it.
    Delivered,
    /// Refused for good.
    Failed,
    /// Given up after its life time.
    Expired,
    /// An operator removed it; nobody is told.
    Removed,
}

/// The state of one recipient, as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// To be delivered now.
    Ready,
    /// To be tried again.
    Deferred {
        /// Not before this.
        until: Timestamp,
    },
    /// Held back.
    Held {
        /// Why.
        reason: Reason,
        /// By whom.
        by: Holder,
        /// An operator's hold ends by itself then; for other holders it says when to decide again.
        until: Option<Timestamp>,
    },
    /// Set aside for review; only a new decision frees it.
    Quarantined {
        /// Why.
        reason: Reason,
    },
    /// To be given back to its sender: leased like `Ready`, and the worker settles it `Failed` with a notice.
    Bouncing,
    /// Finished.
    Done {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

impl State {
    /// Whether nothing more is going to happen to the recipient.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// When the recipient wants attention: `Some(epoch)` for at once, `None` for not by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Ready | Self::Bouncing => Some(Timestamp(0)),
            Self::Deferred { until }
            | Self::Held {
                by: Holder::Operator(_),
                until: Some(until),
                ..
            } => Some(*until),
            Self::Held { .. } | Self::Quarantined { .. } | Self::Done { .. } => None,
        }
    }
}

/// One try to deliver to one recipient. Texts longer than [`TEXT_OCTETS_MAX`](AttemptRecord::TEXT_OCTETS_MAX) are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its id, as in the log.
    pub id: AttemptId,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The host that was spoken to.
    pub host: Box<str>,
    /// Its address, where one was reached.
    pub ip: Option<IpAddr>,
    /// How the channel was protected, in words; empty where it was not.
    pub tls: Box<str>,
    /// What the host said, or why it could not be asked.
    pub reply: Box<str>,
}

impl AttemptRecord {
    /// Octets of each text that are kept.
    pub const TEXT_OCTETS_MAX: usize = 500;
}

/// What a worker learned about one recipient of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which recipient of the message (its index in the letter, not in the lease).
    pub recipient: u32,
    /// Where it stands now: `Ready`, `Deferred` or `Done`.
    pub state: State,
    /// The attempt, where there was one.
    pub attempt: Option<AttemptRecord>,
    /// Whether its sender has now been told of the delay; once told stays told.
    pub delay_told: bool,
    /// What the ledger will be told, opaque here, stored under the same sync; empty where it is told nothing. What is
    /// longer than [`Letter::TESTIMONY_OCTETS_MAX`](crate::Letter::TESTIMONY_OCTETS_MAX) is left out.
    pub testimony: Bytes,
}

impl Settlement {
    /// A settlement without an attempt, of which the ledger is told nothing.
    #[must_use]
    pub const fn new(recipient: u32, state: State) -> Self {
        Self {
            recipient,
            state,
            attempt: None,
            delay_told: false,
            testimony: Bytes::new(),
        }
    }
}
