//! On what ground a recipient was accepted, and the proof that it was judged.

use std::fmt;
use std::sync::Arc;

use mail::MessageId;

/// The name an operator gave to a declaration: a grant, a route, a forward, a zone, a listener.
pub type Name = Arc<str>;

/// The one ground on which a recipient was accepted. Every accepted recipient has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// A grant of this name.
    Grant(Name),
    /// The recipient is ours: an inbound route of this name takes it.
    Route(Name),
    /// A declared forward of this name.
    Forward(Name),
    /// A notice about a message of ours.
    Notice {
        /// The message it tells about.
        parent: MessageId,
        /// What it tells.
        kind: NoticeKind,
    },
}

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Delivery failed for good.
    Failure,
    /// Delivery is late.
    Delay,
    /// Delivered, or handed to a system that does not speak DSN, and the sender wanted to know.
    Success,
    /// A letter about a grant, to somebody who is registered as its contact. It tells about no message: its parent is
    /// itself.
    Letter,
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failure => "failure",
            Self::Delay => "delay",
            Self::Success => "success",
            Self::Letter => "letter",
        })
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(name) => write!(f, "grant {name}"),
            Self::Route(name) => write!(f, "route {name}"),
            Self::Forward(name) => write!(f, "forward {name}"),
            Self::Notice { parent, kind } => write!(f, "{kind} notice of {parent}"),
        }
    }
}

/// The number of a rulebook that served; each change makes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A digest of the facts a decision was made on (64 bits of FNV-1a over their canonical form): it tells two decisions
/// apart, it is no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactDigest(pub u64);

/// The proof that a recipient was judged and accepted.
///
/// Only this crate makes one, and only from an accepting decision on complete facts; the spool's commit asks for one
/// per recipient. So "nothing is stored unjudged" is a fact of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    basis: Basis,
    generation: Generation,
    rulebook: u64,
    digest: FactDigest,
    state: Standing,
}

/// How an accepted recipient enters the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be delivered.
    Ready,
    /// Accepted, and held until somebody or a new decision frees it.
    Held(crate::Reason),
    /// Accepted, and set aside for review.
    Quarantined(crate::Reason),
}

impl Permit {
    pub(crate) fn new(
        basis: Basis,
        generation: Generation,
        rulebook: u64,
        digest: FactDigest,
        state: Standing,
    ) -> Self {
        Self {
            basis,
            generation,
            rulebook,
            digest,
            state,
        }
    }

    /// The ground of acceptance.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The generation that was asked.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The hash of the rulebook that was asked.
    #[must_use]
    pub fn rulebook(&self) -> u64 {
        self.rulebook
    }

    /// The facts it was asked about.
    #[must_use]
    pub fn digest(&self) -> FactDigest {
        self.digest
    }

    /// How the recipient enters the queue.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.state
    }
}

/// The permit of a notice about a message of ours (RFC 3464).
///
/// A notice goes only to the recorded sender of its parent or to a registered contact, once per parent, recipient and
/// kind; `admission` is where that is seen to, and the only room that calls this.
#[must_use]
pub fn notice_permit(parent: MessageId, kind: NoticeKind, generation: Generation, rulebook: u64) -> Permit {
    let digest = FactDigest(parent.number() ^ ((kind as u64) << 60));
    Permit::new(
        Basis::Notice { parent, kind },
        generation,
        rulebook,
        digest,
        Standing::Ready,
    )
}
