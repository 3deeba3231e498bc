//! Every configuration that ever served, by number.
//!
//! A generation is kept before it serves: its text as it was, and a record of who changed it, why, and how it came. A
//! line is added when it begins to serve. All of it lies in `configuration` in the spool's folder, because a spool has one
//! gate at a time, and so has one row of numbers, which goes on over restarts:
//!
//! - `000007.toml`: the text. What files it names (keys, certificates, secrets of next hops) is not copied.
//! - `000007.json`: the [`Record`]. It is written last: a text without it is of a generation that never served.
//! - `served.jsonl`: the [`Moment`]s, one a line: when a generation began to serve, and when the gate stopped.
//!
//! Beside them lies what is kept of a [`crate::shadow`].
//!
//! Every file is written whole under another name, synced, renamed, and the folder synced. What cannot be read is told
//! and left where it lies; it never keeps a gate from serving.
//!
//! Refuses to know: what a configuration means. It is given what is to be kept, and gives it back.

mod compose;
mod history;
mod lines;
mod record;
mod served;
mod store;
#[cfg(test)]
mod tests;

pub use compose::{Carried, ComposeError, compose};
pub use history::{Entry, History, Span, Test};
pub use lines::Lines;
pub(crate) use record::sha256;
pub use record::{Came, Flows, Record, Writing};
pub use served::{Moment, What};
pub use store::{Generations, Last, TextError};

/// Who asked for a configuration, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How it comes.
    pub came: Came,
    /// Who asks, where an operator does.
    pub by: Option<String>,
}

impl Wish {
    /// Nobody in particular asks.
    #[must_use]
    pub const fn of(came: Came) -> Self {
        Self { came, by: None }
    }
}

/// Serialises calendar time as RFC 3339.
pub(crate) mod at {
    use mail::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Timestamp(at.as_millisecond()))
    }
}
