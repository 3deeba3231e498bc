//! Attestation: once a year the head of each department gets one list of all its grants, and says which of them it still
//! needs.
//!
//! A list is kept as it was shown, with its hash, who was asked, who answered, and what became of each grant on it. What
//! it does to a grant stands in the table of its life (`life/ending.rs`): nothing where it is attested, its end where it
//! is not. Which head is asked is `heads.rs`, on which day `day.rs`, what time alone causes `due.rs`, and what of a grant
//! stands on the list `shown.rs`.

mod day;
mod due;
mod heads;
mod shown;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use mail::Timestamp;

use crate::actor::{Actor, Person};
use crate::link::TokenHash;
use crate::notice::{Audience, Notice};
use crate::store::{CaseId, Kept, Taking};

pub use day::YearlyDay;
pub(crate) use due::list_due;
pub use due::{ListDeadline, next_of_list};
pub use heads::Heads;
pub(crate) use heads::department;
pub use shown::Shown;

/// The number of a list; people say it on the telephone: `list-7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(pub u32);

impl ListId {
    /// Reads `list-7`, or the number alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = match text.get(..5) {
            Some(prefix) if prefix.eq_ignore_ascii_case("list-") => text.get(5..)?,
            _ => text,
        };
        let plain = digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(Self)
    }
}

impl fmt::Display for ListId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list-{}", self.0)
    }
}

/// Where a list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody is to answer it.
    Open,
    /// Nobody has in time; it can still be answered, and the house was told.
    Overdue,
    /// Every grant on it was answered for, or has ended by itself.
    Answered,
    /// Nobody ever did, and a newer list took its place.
    Replaced,
}

impl Standing {
    /// Everywhere it can stand.
    pub const ALL: [Self; 4] = [Self::Open, Self::Overdue, Self::Answered, Self::Replaced];

    /// As it is stored and shown.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Answered => "answered",
            Self::Replaced => "replaced",
        }
    }

    /// The standing of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.code() == code)
    }

    /// Whether somebody may still answer.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Overdue)
    }
}

/// What became of a grant on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It is still needed.
    Kept,
    /// It is not, and was removed.
    Removed,
    /// It had ended by itself before anybody answered.
    Ended,
    /// It was to be removed, and is suspended for abuse: security ends it, or nobody.
    LeftToSecurity,
}

impl Outcome {
    /// Everything that can become of it.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Removed, Self::Ended, Self::LeftToSecurity];

    /// As it is stored and shown.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Removed => "removed",
            Self::Ended => "ended",
            Self::LeftToSecurity => "left-to-security",
        }
    }

    /// The outcome of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }
}

/// A grant on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub case: CaseId,
    /// As it was shown.
    pub shown: Shown,
    /// What became of it; nothing yet where that was not said.
    pub outcome: Option<Outcome>,
}

/// The list of a department.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Its number.
    pub id: ListId,
    /// Counts its changes; who writes says which one they have seen.
    pub version: u64,
    /// The department or customer in whose scope it is.
    pub scope: Box<str>,
    /// The department, as its grants spell it; empty for those that name none.
    pub department: Box<str>,
    /// Who is asked; nobody where an administrator has to find somebody.
    pub head: Option<Person>,
    /// When it was made.
    pub made: Timestamp,
    /// When whoever is asked now was asked.
    pub asked: Timestamp,
    /// Which reminder was the last, counted from 0; and when it was sent.
    pub reminded: (u8, Timestamp),
    /// Where it stands.
    pub standing: Standing,
    /// SHA-256 of it as it was shown.
    pub hash: [u8; 32],
    /// The grants on it, in the order of their numbers.
    pub entries: Vec<Entry>,
}

impl Attestation {
    /// Those of which nobody has said anything.
    pub fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.outcome.is_none())
    }

    /// The department, as people say it.
    #[must_use]
    pub fn whose(&self) -> &str {
        match self.department.trim() {
            "" => &self.scope,
            department => department,
        }
    }
}

/// A list that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewList {
    /// The department or customer in whose scope it is.
    pub scope: Box<str>,
    /// The department, as its grants spell it.
    pub department: Box<str>,
    /// Who is asked.
    pub head: Option<Person>,
    /// When.
    pub now: Timestamp,
    /// Not where one of the same department was made since; nor where one can still be answered in time.
    pub unless_since: Option<Timestamp>,
    /// Whom it asks, or why nobody is asked, in words.
    pub said: String,
    /// The grants on it.
    pub entries: Vec<(CaseId, Shown)>,
}

impl NewList {
    /// SHA-256 of it as it is shown: whose list, and every line of it in its order.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let shown: Vec<&Shown> = self.entries.iter().map(|(_, shown)| shown).collect();
        // Strings always serialise.
        let text = serde_json::to_vec(&(&self.scope, &self.department, shown)).unwrap_or_default();
        let mut hash = [0; 32];
        for (into, octet) in hash.iter_mut().zip(digest(&SHA256, &text).as_ref()) {
            *into = *octet;
        }
        hash
    }
}

/// A letter about a list, and who gets it beside its usual readers.
pub type ListLetter = (Notice, &'static [Audience]);

/// A step of a list that is being taken, with the steps of its grants: all of it, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct ListTaking<'a> {
    /// The list from now on.
    pub next: &'a Attestation,
    /// What happened: `answered`, `reminded`.
    pub event: &'a str,
    /// What was said with it.
    pub said: Option<&'a str>,
    /// Who caused it.
    pub actor: &'a Actor,
    /// When.
    pub now: Timestamp,
    /// What follows for grants on it.
    pub steps: &'a [(&'a Kept, Taking<'a>)],
    /// The letters that follow; those that were not sent yet are void.
    pub letters: &'a [ListLetter],
    /// The link by which it was caused.
    pub link: Option<&'a TokenHash>,
}

/// A step that a list took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListStep {
    /// Its number among the steps of all cases and lists, growing; there may be gaps.
    pub sequence: u64,
    /// Which list.
    pub list: ListId,
    /// When.
    pub at: Timestamp,
    /// Who caused it, in words.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// Where it stands since.
    pub standing: Standing,
    /// What was said.
    pub said: Option<String>,
}

/// Which lists are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// All there ever were.
    All,
    /// Those that somebody may still answer.
    Open,
    /// This one.
    One(ListId),
}

/// Why a list is not answered so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// There is none.
    #[error("there is no {0}")]
    Missing(ListId),
    /// It was answered.
    #[error("{id} is {} already; what was said of it stands", standing.code())]
    Over {
        /// Which.
        id: ListId,
        /// Where it stands.
        standing: Standing,
    },
    /// A grant that is not on it.
    #[error("{case} is not on {id}")]
    NotOnIt {
        /// Which list.
        id: ListId,
        /// Which grant.
        case: CaseId,
    },
    /// A grant on it of which something was said already.
    #[error("{case} was answered for on {id} already: {}", outcome.code())]
    Said {
        /// Which list.
        id: ListId,
        /// Which grant.
        case: CaseId,
        /// What became of it.
        outcome: Outcome,
    },
    /// Another head is asked.
    #[error("{id} is for {}, not for {who}", asked(head.as_ref()))]
    NotYours {
        /// Which.
        id: ListId,
        /// Who is asked.
        head: Option<Person>,
        /// Who tried.
        who: Person,
    },
    /// What is left on it they asked for themselves.
    #[error("what is left on {id} was asked for by {who}: nobody attests their own")]
    AllTheirOwn {
        /// Which.
        id: ListId,
        /// Who.
        who: Person,
    },
    /// A department without grants, or none.
    #[error("no grant of {0:?} is set up")]
    NoGrants(Box<str>),
    /// One is open.
    #[error("a list of {department:?} waits for its answer already: {id}")]
    OpenAlready {
        /// Whose.
        department: Box<str>,
        /// Which.
        id: ListId,
    },
    /// Who answers in place of a head says why.
    #[error("who answers in place of the head says why")]
    NoReason,
}

fn asked(head: Option<&Person>) -> &str {
    head.map_or("an administrator, as no head is known", Person::address)
}
