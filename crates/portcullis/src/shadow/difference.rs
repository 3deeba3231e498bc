//! In what way two decisions about the same message differ.

use std::collections::VecDeque;

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::replay::{Again, Fate, Made, Recorded};

/// What it would have meant for those whose mail it is; in the order of telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// It was refused, and would have been taken.
    WouldTake,
    /// It was refused before it had told everything, and would have been let on; how it would have ended nobody knows.
    WouldLetOn,
    /// It was taken, and would have been refused.
    WouldRefuse,
    /// Taken or refused as it was, but on another ground, for another reason, or held.
    Otherwise,
    /// It cannot be decided again from here.
    Unknown,
}

impl Difference {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::WouldTake,
        Self::WouldLetOn,
        Self::WouldRefuse,
        Self::Otherwise,
        Self::Unknown,
    ];

    /// Between what was decided and what would have been; `None` where they agree.
    #[must_use]
    pub fn between(made: &Made, again: &Again) -> Option<Self> {
        let (was, would) = (made.fate, again.fate);
        match (was.is_taken(), would.is_taken()) {
            _ if would == Fate::NoListener => Some(Self::Unknown),
            (true, _) if would == Fate::Unknown => Some(Self::Unknown),
            (false, _) if would == Fate::Unknown => Some(Self::WouldLetOn),
            (false, true) => Some(Self::WouldTake),
            (true, false) => Some(Self::WouldRefuse),
            (true, true) if made.ground != again.ground => Some(Self::Otherwise),
            _ => (was != would).then_some(Self::Otherwise),
        }
    }

    /// Its name in metrics and for scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WouldTake => "would-take",
            Self::WouldLetOn => "would-let-on",
            Self::WouldRefuse => "would-refuse",
            Self::Otherwise => "otherwise",
            Self::Unknown => "unknown",
        }
    }

    /// In words, behind a number.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WouldTake => "were refused, and would have been taken",
            Self::WouldLetOn => "were refused, and would have been let on; how they would have ended is unknown",
            Self::WouldRefuse => "were taken, and would have been refused",
            Self::Otherwise => "would have been treated otherwise: another ground, another reason, held",
            Self::Unknown => "are unknown from here",
        }
    }
}

/// One of those that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// When it was decided.
    #[serde(with = "crate::generations::at")]
    pub at: Timestamp,
    /// The id of the message or of the refusal: `portcullis why` knows it.
    pub id: String,
    /// Where it came from.
    pub client: String,
    /// The listener it came to.
    pub listener: String,
    /// The envelope sender; empty where none was named.
    pub from: String,
    /// The recipient; empty where none was named.
    pub to: String,
    /// What was decided.
    pub live: String,
    /// What would have been.
    pub shadow: String,
}

impl Example {
    pub(super) fn of(recorded: &Recorded, made: &Made, again: &Again) -> Self {
        Self {
            at: made.recollection.now,
            id: recorded.id.clone(),
            client: recorded.client.to_string(),
            listener: recorded.listener.to_string(),
            from: recorded.from.clone(),
            to: made.to.clone(),
            live: told(made.fate, &made.ground),
            shadow: told(again.fate, &again.ground),
        }
    }
}

fn told(fate: Fate, ground: &str) -> String {
    match (fate, ground) {
        (Fate::Unknown, "") => "let on".to_owned(),
        (Fate::Unknown, ground) => format!("let on by {ground}"),
        (fate, ground) if fate.is_taken() && !ground.is_empty() => format!("{fate} on {ground}"),
        (fate, _) => fate.to_string(),
    }
}

/// The last ones of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Last(VecDeque<Example>);

/// So many of a kind are remembered.
const EXAMPLES_MAX: usize = 5;

impl Last {
    pub(super) fn push(&mut self, example: Example) {
        if self.0.len() >= EXAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(example);
    }

    /// The newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Example> {
        self.0.iter().rev()
    }
}
