//! What came of deciding again: counted, grouped, told.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Fate, Recorded};
use crate::recollection::Unreadable;
use crate::story::Printable;

/// Different groups at most; what comes later is counted in one more.
const GROUPS_MAX: usize = 10_000;

/// Messages of one kind that would have met another fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The grant they stood on; absent where none.
    pub grant: Option<String>,
    /// The envelope sender.
    pub from: String,
    /// What became of them.
    pub was: Fate,
    /// What would have.
    pub would_be: Fate,
    /// How often: once for each recipient.
    pub times: u64,
    /// The last of them: the id of its message or refusal.
    pub example: String,
}

/// What those of one group share: grant, sender, what became of them, what would have.
type Kindred = (Option<String>, String, Fate, Fate);

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Decisions that were made again, one for each recipient.
    pub decided: u64,
    /// Of them, the ones that would have come out the same.
    pub same: u64,
    /// How often, and the last one.
    groups: BTreeMap<Kindred, (u64, String)>,
    beyond: u64,
    passed_over: BTreeMap<Unreadable, u64>,
    /// Where more was asked for than there is: how far back the ledger is kept.
    pub kept: Option<String>,
}

impl Report {
    pub(super) fn count(&mut self, recorded: &Recorded, was: Fate, would_be: Fate) {
        self.decided += 1;
        if was.is_like(would_be) {
            self.same += 1;
            return;
        }
        let grant = recorded.grant.as_ref().map(ToString::to_string);
        let key = (grant, recorded.from.clone(), was, would_be);
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let (times, example) = self.groups.entry(key).or_default();
        *times += 1;
        example.clone_from(&recorded.id);
    }

    pub(super) fn passed_over(&mut self, why: Unreadable, times: u64) {
        *self.passed_over.entry(why).or_default() += times;
    }

    /// What would have come out otherwise, or nobody knows how: what would have been taken and was not first, then what
    /// was taken and would not have been, and within each what is most frequent.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .groups
            .iter()
            .map(|((grant, from, was, would_be), (times, example))| Group {
                grant: grant.clone(),
                from: from.clone(),
                was: *was,
                would_be: *would_be,
                times: *times,
                example: example.clone(),
            })
            .collect();
        groups.sort_by_key(|group| (Kind::of(group), std::cmp::Reverse(group.times)));
        groups
    }

    /// Whether any message would have met another fate, or gone on where it was refused.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.beyond > 0 || self.groups.keys().any(|(.., would_be)| *would_be != Fate::NoListener)
    }

    /// For scripts.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let passed_over: BTreeMap<_, _> = self
            .passed_over
            .iter()
            .map(|(why, times)| (why.words(), times))
            .collect();
        serde_json::json!({
            "decided": self.decided,
            "same": self.same,
            "differ": self.groups(),
            "not_listed": self.beyond,
            "passed_over": passed_over,
            "kept": self.kept,
        })
    }
}

/// What it means for those whose mail it is; in the order of telling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Gained,
    Lost,
    Other,
    Unknown,
}

impl Kind {
    fn of(group: &Group) -> Self {
        match (group.was.is_taken(), group.would_be.is_taken()) {
            _ if !group.would_be.is_known() => Self::Unknown,
            (false, true) => Self::Gained,
            (true, false) => Self::Lost,
            _ => Self::Other,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Gained => "Would have been taken, and was not:",
            Self::Lost => "Was taken, and would not have been:",
            Self::Other => "Would have been treated otherwise:",
            Self::Unknown => "Would have gone on, and how it would have ended is unknown:",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups();
        writeln!(
            f,
            "{} decisions made again, {} come out the same.",
            self.decided, self.same
        )?;
        let mut last = None;
        for group in &groups {
            let kind = Kind::of(group);
            if last != Some(kind) {
                writeln!(f, "\n{}", kind.heading())?;
                last = Some(kind);
            }
            let grant = group.grant.as_deref().unwrap_or("no grant");
            let from = if group.from.is_empty() {
                "no sender named"
            } else {
                &group.from
            };
            writeln!(
                f,
                "  {:>7} x  {}, {}: {} -> {}  (as {})",
                group.times,
                Printable(grant),
                Printable(from),
                group.was,
                group.would_be,
                group.example,
            )?;
        }
        if self.beyond > 0 {
            writeln!(f, "\n{} more differ, of too many kinds to be listed.", self.beyond)?;
        }
        if !self.passed_over.is_empty() {
            writeln!(f, "\nNot decided again:")?;
        }
        for (why, times) in &self.passed_over {
            writeln!(f, "  {times:>7} {}", why.words())?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "\nThere may have been more: {kept}.")?;
        }
        Ok(())
    }
}
