//! What becomes of a message for one recipient.

use std::fmt;

use policy::{Decision, Reason, Verdict};
use serde::{Serialize, Serializer};

/// What became of a message for one recipient, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// It goes out.
    Accepted,
    /// It is accepted and waits for a new decision.
    Held(Reason),
    /// It is accepted and waits for review.
    Quarantined(Reason),
    /// The client is asked to try again.
    Deferred(Reason),
    /// It is refused.
    Refused(Reason),
    /// The session ended before it told what would have to be known.
    Unknown,
    /// There is no listener of that name to come to.
    NoListener,
}

impl Fate {
    /// What a decision comes to.
    #[must_use]
    pub fn of(decision: &Decision) -> Self {
        match decision.verdict {
            Verdict::Refuse(reason) => Self::Refused(reason),
            Verdict::Defer(reason) => Self::Deferred(reason),
            // Accepted so far: what comes later in a dialogue was never said.
            _ if !decision.complete => Self::Unknown,
            Verdict::Accept => Self::Accepted,
            Verdict::Hold(reason) => Self::Held(reason),
            Verdict::Quarantine(reason) => Self::Quarantined(reason),
        }
    }

    /// Whether two are the same to those whose mail it is: for another reason is no other fate.
    #[must_use]
    pub fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// Whether it says what would become of the message.
    #[must_use]
    pub fn is_known(self) -> bool {
        !matches!(self, Self::Unknown | Self::NoListener)
    }

    /// Whether mail goes out that way, at once or after somebody has looked.
    #[must_use]
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Held(_) | Self::Quarantined(_))
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Held(why) => write!(f, "held ({why})"),
            Self::Quarantined(why) => write!(f, "set aside ({why})"),
            Self::Deferred(why) => write!(f, "deferred ({why})"),
            Self::Refused(why) => write!(f, "refused ({why})"),
            Self::Unknown => f.write_str("unknown from here"),
            Self::NoListener => f.write_str("unknown: no such listener"),
        }
    }
}

impl Serialize for Fate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
