//! Where cases are kept, with every step they took and the letters that follow: one transaction for each step.
//!
//! What holds for every store stands in `contract.rs`, as tests that each of them passes.

#[cfg(test)]
mod contract;
mod row;
mod schema;
mod sqlite;

use std::fmt;

use mail::Timestamp;

use crate::actor::Actor;
use crate::case::Case;
use crate::form::Form;
use crate::life::{Event, State, Step};

pub use sqlite::SqliteStore;

/// The number of a case; people say it on the telephone, devices log in under it: `pc-1042`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseId(pub u32);

/// The first case has four digits, as all that follow for a long time.
const FIRST: u32 = 1001;

impl CaseId {
    /// Reads `pc-1042`, or the number alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = match text.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("pc-") => text.get(3..)?,
            _ => text,
        };
        let plain = digits.bytes().all(|octet| octet.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(Self)
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pc-{}", self.0)
    }
}

/// A case as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub id: CaseId,
    /// Counts its changes; who writes says which one they have seen.
    pub version: u64,
    /// The department or customer whose it is.
    pub scope: Box<str>,
    /// As it was filled in.
    pub form: Form,
    /// Where it stands.
    pub case: Case,
}

/// A step that is being taken.
#[derive(Clone, Copy, Debug)]
pub struct Taking<'a> {
    /// What follows from the event.
    pub step: &'a Step,
    /// What happened.
    pub event: &'a Event,
    /// Who caused it.
    pub actor: &'a Actor,
    /// When.
    pub now: Timestamp,
    /// What is asked for from now on, where that changed.
    pub form: Option<&'a Form>,
    /// What has to be kept beside it, as JSON.
    pub evidence: Option<&'a str>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number within the case, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who caused it, in words.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// Where the case stood; nowhere before the first step.
    pub from: Option<State>,
    /// Where it stands since.
    pub to: State,
    /// What was said.
    pub said: Option<String>,
    /// What was kept beside it, as JSON.
    pub evidence: Option<String>,
}

/// A letter that waits to be written, or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number.
    pub number: u64,
    /// Whose case it is about.
    pub case: CaseId,
    /// What it says: `M20`.
    pub notice: String,
    /// To whom.
    pub audience: String,
    /// Whether it waits for nothing.
    pub urgent: bool,
    /// Since when it waits.
    pub at: Timestamp,
}

/// Why a store refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was faster; look again, and decide again.
    #[error("{0} has changed meanwhile; look at it again")]
    Changed(CaseId),
    /// There is none.
    #[error("there is no {0}")]
    Missing(CaseId),
    /// It was written by a newer version.
    #[error("the registry was written by a newer version (schema {found}; this one knows {known}); use that version")]
    Newer {
        /// What is there.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// Something in it cannot be read.
    #[error("{id}: {what} cannot be read; restore the registry from its backup")]
    Damaged {
        /// Which case.
        id: CaseId,
        /// What of it.
        what: &'static str,
    },
    /// The database refuses.
    #[error("the registry: {0}")]
    Database(String),
}

/// Where cases are kept. Calls block.
pub trait Store: Send {
    /// Keeps a new case.
    fn create(&mut self, scope: &str, form: &Form, case: &Case, actor: &Actor) -> Result<Kept, StoreError>;

    /// One case.
    fn get(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError>;

    /// All cases, in the order of their numbers; of one scope where one is named.
    fn list(&mut self, scope: Option<&str>) -> Result<Vec<Kept>, StoreError>;

    /// Keeps a step with its letters, all or nothing. [`StoreError::Changed`] where the case is not the one the step was
    /// taken from.
    fn take(&mut self, from: &Kept, taking: &Taking<'_>) -> Result<Kept, StoreError>;

    /// Remembers when mail was accepted last, for several at once. An older time changes nothing; no step is taken.
    fn used(&mut self, last: &[(CaseId, Timestamp)]) -> Result<(), StoreError>;

    /// Every step of a case, oldest first.
    fn history(&mut self, id: CaseId) -> Result<Vec<Taken>, StoreError>;

    /// The letters that wait, oldest first.
    fn waiting(&mut self) -> Result<Vec<Letter>, StoreError>;

    /// Notes that letters were sent, in this message.
    fn sent(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Changes whenever a case does; use alone does not count. Cheap: it is asked every second.
    fn revision(&mut self) -> Result<u64, StoreError>;
}
