//! What judged at a time: what a configuration declares, and what the registry granted then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mail::Timestamp;
use policy::{Grant, Name, Snapshot};
use registry::{CaseId, Granted, Pinned};

use super::{Again, Made};
use crate::gateway::{Registered, beside};

/// How long a change may take to be live: until then what was before it may have decided.
const LIVE_WITHIN: Duration = Duration::from_secs(5);
/// Alike refusals are told together, behind what came after the first of them: so far back rulebooks are kept.
const GATHERED: Duration = Duration::from_secs(120);
/// The most that are, however many changes there were.
const KEPT_MAX: usize = 32;

/// A change of what is granted.
enum Change {
    /// Of a grant of the registry.
    Granted(Box<Granted>),
    /// Of a grant of the file that was stopped, or let go on.
    Pinned(Pinned),
}

impl Change {
    const fn at(&self) -> Timestamp {
        match self {
            Self::Granted(one) => one.at,
            Self::Pinned(one) => one.at,
        }
    }
}

/// Goes with time through what was granted.
pub struct Past {
    declared: Snapshot,
    /// What is still to come, the next one first.
    changes: VecDeque<Change>,
    grants: BTreeMap<CaseId, Grant>,
    suspended: BTreeMap<Name, String>,
    /// The last rulebooks and since when each judged; the newest last, and never none.
    rulebooks: VecDeque<(Timestamp, Snapshot)>,
}

impl Past {
    /// Of a configuration beside which nothing was granted.
    #[must_use]
    pub fn alone(declared: Snapshot) -> Self {
        Self::of(declared, Vec::new(), Vec::new())
    }

    /// Of a configuration, with what its registry tells.
    #[must_use]
    pub fn of(declared: Snapshot, granted: Vec<Granted>, pinned: Vec<Pinned>) -> Self {
        let granted = granted.into_iter().map(|one| Change::Granted(Box::new(one)));
        let mut changes: Vec<Change> = granted.chain(pinned.into_iter().map(Change::Pinned)).collect();
        changes.sort_by_key(Change::at);
        Self {
            rulebooks: VecDeque::from([(Timestamp(i64::MIN), declared.clone())]),
            declared,
            changes: changes.into(),
            grants: BTreeMap::new(),
            suspended: BTreeMap::new(),
        }
    }

    /// Decides again what was decided, by what held then. Where a change was not live yet for what would come out
    /// otherwise, the rulebook before it is asked.
    pub fn decide(&mut self, listener: &str, made: &Made) -> Again {
        let at = made.recollection.now;
        self.reach(at);
        let mut again = None;
        let mut until = Timestamp(i64::MAX);
        for (since, rulebook) in self.rulebooks.iter().rev() {
            // It was over before the time in question.
            let is_over = again.is_some() && at.since(until) > LIVE_WITHIN;
            if is_over {
                break;
            }
            if *since <= at {
                let this = Again::decide(rulebook, listener, made);
                if this.fate.is_like(made.fate) {
                    return this;
                }
                again.get_or_insert(this);
            }
            until = *since;
        }
        // What is older than all that is kept is judged by the oldest of it.
        again.unwrap_or_else(|| {
            let oldest = self.rulebooks.front().map_or(&self.declared, |(_, rulebook)| rulebook);
            Again::decide(oldest, listener, made)
        })
    }

    /// Lets happen what had happened by then.
    fn reach(&mut self, at: Timestamp) {
        let long_ago = at.minus(GATHERED);
        while let Some(change) = self.changes.pop_front_if(|change| change.at() <= at) {
            let since = change.at();
            self.happens(change);
            // Nobody asks what judged between two changes of long ago.
            let is_last = self
                .changes
                .front()
                .is_none_or(|next| next.at() > long_ago && next.at() > since);
            if is_last {
                self.judges(since);
            }
        }
    }

    fn happens(&mut self, change: Change) {
        match change {
            Change::Granted(one) => match one.grant {
                Some(grant) => drop(self.grants.insert(one.id, grant)),
                None => drop(self.grants.remove(&one.id)),
            },
            Change::Pinned(said) if said.suspended => {
                self.suspended.insert(Name::from(&*said.name), said.why);
            }
            Change::Pinned(said) => {
                self.suspended.remove(&*said.name);
            }
        }
    }

    /// From this time on judges what holds then.
    fn judges(&mut self, since: Timestamp) {
        let said = Registered {
            grants: self.grants.values().cloned().collect(),
            suspended: self.suspended.clone(),
            ..Registered::default()
        };
        let rulebook = beside(&self.declared, &said, since);
        self.rulebooks.push_back((since, rulebook));
        let until = self.rulebooks.get(1).map(|(since, _)| *since);
        let is_long_over = until.is_some_and(|until| until < since.minus(GATHERED));
        if is_long_over || self.rulebooks.len() > KEPT_MAX {
            self.rulebooks.pop_front();
        }
    }
}
