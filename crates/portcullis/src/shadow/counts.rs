//! What a shadow counts, in bounded room whatever comes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::difference::{Difference, Example, Last};
use crate::replay::{Again, Made, Recorded};

/// Names that are counted apart in each table; what comes later is counted together.
const NAMES_MAX: usize = 100;

/// How often each difference was met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<Difference, u64>);

impl Tally {
    fn count(&mut self, difference: Difference) {
        let count = self.0.entry(difference).or_default();
        *count = count.saturating_add(1);
    }

    /// How often this one was.
    #[must_use]
    pub fn of(&self, difference: Difference) -> u64 {
        self.0.get(&difference).copied().unwrap_or(0)
    }

    /// Adds what another counted.
    pub(super) fn add(&mut self, other: &Self) {
        for (difference, more) in &other.0 {
            let count = self.0.entry(*difference).or_default();
            *count = count.saturating_add(*more);
        }
    }

    /// How often any was.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().fold(0, |sum, one| sum.saturating_add(*one))
    }
}

/// Differences by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByName {
    names: BTreeMap<String, Tally>,
    /// Those of all other names.
    #[serde(default)]
    others: Tally,
}

impl ByName {
    fn count(&mut self, name: &str, difference: Difference) {
        if let Some(tally) = self.names.get_mut(name) {
            tally.count(difference);
        } else if self.names.len() < NAMES_MAX {
            self.names.entry(name.to_owned()).or_default().count(difference);
        } else {
            self.others.count(difference);
        }
    }

    /// The names with the most differences first.
    pub(super) fn most(&self) -> Vec<(&str, &Tally)> {
        let mut all: Vec<(&str, &Tally)> = self.names.iter().map(|(name, tally)| (name.as_str(), tally)).collect();
        all.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.all()));
        all
    }

    pub(super) fn others(&self) -> &Tally {
        &self.others
    }
}

/// Everything a shadow counts: decisions, one for each recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Decided alike.
    pub agree: u64,
    /// Decided otherwise.
    pub differ: Tally,
    /// Records that came faster than they were decided, and were left out.
    pub skipped: u64,
    /// Why some are unknown.
    pub(super) unknown: BTreeMap<String, u64>,
    pub(super) by_grant: ByName,
    pub(super) by_sender: ByName,
    pub(super) by_listener: ByName,
    pub(super) examples: BTreeMap<Difference, Last>,
}

impl Counts {
    /// How many were decided again.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.agree.saturating_add(self.differ.all())
    }

    /// Counts a decision that was made again; the difference, where there is one.
    pub(super) fn count(&mut self, recorded: &Recorded, made: &Made, again: &Again) -> Option<Difference> {
        let Some(difference) = Difference::between(made, again) else {
            self.agree = self.agree.saturating_add(1);
            return None;
        };
        self.differ.count(difference);
        if difference == Difference::Unknown {
            self.why_unknown(&again.fate.to_string());
        }
        self.by_grant.count(&grant(recorded, again), difference);
        self.by_sender.count(&recorded.from, difference);
        self.by_listener.count(&recorded.listener, difference);
        let example = Example::of(recorded, made, again);
        self.examples.entry(difference).or_default().push(example);
        Some(difference)
    }

    /// Counts a record that cannot be decided again, for a reason of a closed list.
    pub(super) fn unreadable(&mut self, why: &str) {
        self.differ.count(Difference::Unknown);
        self.why_unknown(why);
    }

    fn why_unknown(&mut self, why: &str) {
        let count = self.unknown.entry(why.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
}

/// The grant it stood on; where none, the one it would have stood on.
fn grant(recorded: &Recorded, again: &Again) -> String {
    let would = || again.ground.strip_prefix("grant ").unwrap_or("").to_owned();
    recorded.grant.as_ref().map_or_else(would, ToString::to_string)
}
