//! Where cases are kept, with every step they took and the letters that follow: one transaction for each step.
//!
//! `sql` says once, in statements that each database understands, what is kept and how; a database of its own kind runs
//! them (`database.rs`). What holds for every store stands in `contract`, as tests that each of them passes.

mod boxed;
#[cfg(test)]
mod contract;
mod database;
mod postgres;
mod schema;
mod sql;
mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;

use crate::actor::{Actor, Person};
use crate::attestation::{Attestation, ListId, ListLetter, ListStep, ListTaking, Lists, NewList};
use crate::case::Case;
use crate::credential::{Credential, NewCredential};
use crate::form::Form;
use crate::life::{Event, State, Step, Trouble};
use crate::link::{DeadLink, Link, TokenHash};
use crate::network::Observation;
use crate::notice::Notice;

pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::SqliteStore;

/// The number of a case; people say it on the telephone, devices log in under it: `pc-1042`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseId(pub u32);

/// Between two letters to one reader that are not urgent.
pub(crate) const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// The link by which it was caused; it is used up with the step, or not at all.
    pub link: Option<&'a TokenHash>,
    /// The revision it was decided at, where it depends on other cases as well: whatever has changed since, it is too late.
    pub seen: Option<u64>,
}

/// A case that begins with a step, as an imported one does.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The department or customer whose it is.
    pub scope: &'a str,
    /// As it was filled in.
    pub form: &'a Form,
    /// Where it stands before the step.
    pub case: &'a Case,
    /// The step.
    pub taking: Taking<'a>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its number among the steps of all cases, growing; there may be gaps.
    pub sequence: u64,
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
    /// The step that caused it, by its number among the steps of all cases; of letters that waited before this was kept
    /// only the time is known.
    pub step: Option<u64>,
    /// The message it may have been sent in already: whoever claimed it was not heard of again.
    pub message: Option<Box<str>>,
    /// The list it is about, where it is about one and not about the case alone.
    pub list: Option<OfList>,
}

/// A letter's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfList {
    /// Which.
    pub id: ListId,
    /// Whom it asks now.
    pub head: Option<Person>,
}

impl Letter {
    /// The step that caused it. Where only the time is known, the last that was taken then.
    #[must_use]
    pub fn caused_by<'a>(&self, history: &'a [Taken]) -> Option<&'a Taken> {
        let caused = |step: &&Taken| match self.step {
            Some(sequence) => step.sequence == sequence,
            None => step.at == self.at,
        };
        history.iter().rev().find(caused)
    }
}

/// Letters that somebody is about to post as one message.
///
/// Posting touches two stores, the registry and the queue of a gate, and no transaction spans both. So who posts claims the
/// letters first, for a time, in one transaction with the reader's letter of the day: of several gates on one registry one
/// posts a letter, also where one of them was restarted meanwhile. Who dies between claim and post, or between post and
/// [`Store::sent`], loses nothing: when the time is over the letters wait again, and are posted under the `Message-ID` they
/// were claimed with. A reader may so get one twice, which shows as one message where mail is read, and never none.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Which.
    pub letters: &'a [u64],
    /// The `Message-ID` they go out under, without its brackets.
    pub message: &'a str,
    /// To whom it counts as the letter of the day.
    pub daily: &'a [String],
    /// When.
    pub now: Timestamp,
    /// Until when nobody else posts them.
    pub until: Timestamp,
}

/// What changes of a case's credentials, in one step.
#[derive(Clone, Copy, Debug)]
pub struct CredentialChange<'a> {
    /// What happened, as its history tells it.
    pub event: &'static str,
    /// One more.
    pub new: Option<&'a NewCredential>,
    /// Those that end, and when.
    pub ended: &'a [(u32, Timestamp)],
    /// The link by which it was caused.
    pub link: Option<&'a TokenHash>,
}

/// What somebody said of a grant of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The grant's name.
    pub name: Box<str>,
    /// Whether it must not serve.
    pub suspended: bool,
    /// Whether that is for spam, phish or malware, so that security alone lets it serve again; or was, where it may.
    pub abuse: bool,
    /// Since when.
    pub at: Timestamp,
    /// Who said so, in words.
    pub actor: String,
    /// Why.
    pub why: String,
}

/// A letter to the people of a grant of the configuration file that waits to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedLetter {
    /// Its number, among its like.
    pub number: u64,
    /// The grant's name.
    pub name: Box<str>,
    /// What it says.
    pub notice: Notice,
    /// What somebody, or a rule, said.
    pub said: String,
    /// Since when it waits.
    pub at: Timestamp,
    /// The message it may have been sent in already.
    pub message: Option<Box<str>>,
}

/// Is rung when somebody else changed something. It is rung on a thread of the store's: what it does is short.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// Why a store refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was faster; look again, and decide again.
    #[error("{0} has changed meanwhile; look at it again")]
    Changed(CaseId),
    /// The same of a department's list.
    #[error("{0} has changed meanwhile; look at it again")]
    ListChanged(ListId),
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
    /// Something that belongs to no case cannot be read.
    #[error("{what} cannot be read; restore the registry from its backup")]
    Unreadable {
        /// What.
        what: &'static str,
    },
    /// A link that does not work.
    #[error(transparent)]
    Link(#[from] DeadLink),
    /// The database refuses.
    #[error("the registry: {0}")]
    Database(String),
}

/// Where cases are kept. Calls block.
pub trait Store: Send {
    /// Keeps a new case.
    fn create(&mut self, scope: &str, form: &Form, case: &Case, actor: &Actor) -> Result<Kept, StoreError>;

    /// Keeps new cases, each with its first step, in one transaction: all or none.
    fn begin(&mut self, all: &[Beginning<'_>]) -> Result<Vec<Kept>, StoreError>;

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

    /// The letters that wait and are nobody's to post now, oldest first.
    fn waiting(&mut self, now: Timestamp) -> Result<Vec<Letter>, StoreError>;

    /// Claims letters, all or none: `false` where somebody else has one of them or wrote to one of the readers less than a
    /// day ago.
    fn claim(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError>;

    /// Gives back what was claimed under this `Message-ID` and could not be posted: it waits again from now on.
    fn give_back(&mut self, message: &str) -> Result<(), StoreError>;

    /// The cases that the message of this `Message-ID` was about.
    fn letters_in(&mut self, message: &str) -> Result<Vec<CaseId>, StoreError>;

    /// Adds to the history of a case what somebody said, and changes nothing else.
    fn note(&mut self, id: CaseId, event: &str, said: &str, actor: &Actor, now: Timestamp) -> Result<(), StoreError>;

    /// When each reader got the letter of the day, as far as that is less than a day ago.
    fn written_to(&mut self, now: Timestamp) -> Result<BTreeMap<String, Timestamp>, StoreError>;

    /// Notes that letters were sent, in this message.
    fn sent(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Changes whenever a case, a credential or what was said of a pinned grant does; use alone does not count. Cheap: it
    /// is asked every second.
    fn revision(&mut self) -> Result<u64, StoreError>;

    /// The cases that were changed behind this revision, in the order of their numbers.
    fn changed(&mut self, after: u64) -> Result<Vec<Kept>, StoreError>;

    /// Rings when somebody else changed something, where the database tells. Who is not told asks for the revision.
    fn ring(&mut self, bell: Bell);

    /// Changes credentials of a case; the new one, where there is one.
    fn change_credentials(
        &mut self,
        id: CaseId,
        change: CredentialChange<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError>;

    /// Every credential a case ever had.
    fn credentials(&mut self, id: CaseId) -> Result<Vec<Credential>, StoreError>;

    /// Every credential that holds now, of all cases that were set up and have not ended; by their numbers.
    fn live_credentials(&mut self, now: Timestamp) -> Result<Vec<(CaseId, Credential)>, StoreError>;

    /// Remembers when credentials were used last, for several at once. An older time changes nothing; no step is taken.
    fn credentials_used(&mut self, last: &[(CaseId, u32, Timestamp)]) -> Result<(), StoreError>;

    /// Keeps what a link stands for.
    fn keep_link(&mut self, hash: &TokenHash, link: &Link) -> Result<(), StoreError>;

    /// What a link stands for, where it works now. It goes on working.
    fn look_at_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError>;

    /// The same, and it never works again. Of all who try in the same moment, one is told.
    fn redeem_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError>;

    /// Remembers who spoke through a grant, and when last, for several at once.
    fn observe(&mut self, seen: &[(CaseId, Observation, Timestamp)]) -> Result<(), StoreError>;

    /// Who spoke through a grant since then.
    fn observed(&mut self, id: CaseId, since: Timestamp) -> Result<Vec<Observation>, StoreError>;

    /// Notes that a gate is there, and was since this time. Called once a minute.
    fn seen(&mut self, since: Timestamp, now: Timestamp) -> Result<(), StoreError>;

    /// The times longer than an hour in which no gate was there, in order; the last one may not have ended. Nothing is
    /// missed before the first gate ever was.
    fn gaps(&mut self, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, StoreError>;

    /// Steps of all cases behind this one, oldest first.
    fn steps(&mut self, after: u64, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError>;

    /// The steps the ledger was not told of, oldest first.
    fn untold(&mut self, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError>;

    /// Notes that the ledger was told of every step up to this one.
    fn told(&mut self, sequence: u64) -> Result<(), StoreError>;

    /// Notes that mail to somebody came back.
    fn bounced(&mut self, address: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Notes that somebody can be reached again.
    fn reached(&mut self, address: &str) -> Result<(), StoreError>;

    /// Whom mail does not reach, and since when.
    fn unreachable(&mut self) -> Result<Vec<(Box<str>, Timestamp)>, StoreError>;

    /// Makes the list of a department and keeps the letters about it; `None` where there is one that this one would only
    /// repeat. An earlier one that nobody answered in time is replaced.
    fn make_list(
        &mut self,
        new: &NewList,
        actor: &Actor,
        letters: &[ListLetter],
    ) -> Result<Option<Attestation>, StoreError>;

    /// Lists of departments, oldest first.
    fn lists(&mut self, which: Lists) -> Result<Vec<Attestation>, StoreError>;

    /// Keeps a step of a list with the steps of its grants and its letters, all or nothing. [`StoreError::ListChanged`], or
    /// [`StoreError::Changed`] of a grant, where they are not what the step was taken from.
    fn take_list(&mut self, from: &Attestation, taking: &ListTaking<'_>) -> Result<Attestation, StoreError>;

    /// Every step of a list, oldest first.
    fn history_of_list(&mut self, id: ListId) -> Result<Vec<ListStep>, StoreError>;

    /// Steps of lists that the ledger was not told of, oldest first.
    fn untold_of_lists(&mut self) -> Result<Vec<ListStep>, StoreError>;

    /// Keeps what somebody said of a grant of the configuration file, and the letter about it.
    fn pin(&mut self, said: &Pinned) -> Result<(), StoreError>;

    /// What was said last of each such grant, in the order of their names.
    fn pinned(&mut self) -> Result<Vec<Pinned>, StoreError>;

    /// Everything that was ever said of this one, oldest first.
    fn said_of(&mut self, name: &str) -> Result<Vec<Pinned>, StoreError>;

    /// Keeps a letter about something of the mail of such a grant that is not as it was granted, at this time; `false`
    /// where its people were told of the same since the other.
    fn trouble_of_pinned(
        &mut self,
        name: &str,
        trouble: Trouble,
        said: &str,
        times: (Timestamp, Timestamp),
    ) -> Result<bool, StoreError>;

    /// The letters about such grants that wait to be written, oldest first, and are nobody's to post now.
    fn waiting_of_pinned(&mut self, now: Timestamp) -> Result<Vec<PinnedLetter>, StoreError>;

    /// [`claim`](Self::claim) of these.
    fn claim_of_pinned(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError>;

    /// Notes that these were sent, in this message.
    fn sent_of_pinned(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError>;

    /// What was said of such grants and the ledger was not told of, oldest first, with its number among the steps of all
    /// cases.
    fn untold_of_pinned(&mut self) -> Result<Vec<(u64, Pinned)>, StoreError>;
}
