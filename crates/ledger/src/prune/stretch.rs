//! A part of a chain that is no longer there, and whether records explain it.

use std::collections::BTreeMap;

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Pruned;
use crate::line::Hash;
use crate::text::millis;

/// A part of a chain: whole files of one writer, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Whose chain.
    pub writer: Box<str>,
    /// The file; of several, the last.
    pub file: Box<str>,
    /// How many files.
    pub files: u64,
    /// The number of the first line.
    pub first: u64,
    /// The seal of the line before it.
    pub prev: Hash,
    /// The number of the last line.
    pub last: u64,
    /// The seal of the last line.
    pub seal: Hash,
    /// When its oldest line was recorded.
    #[serde(with = "millis")]
    pub oldest: Timestamp,
    /// When its newest line was recorded.
    #[serde(with = "millis")]
    pub newest: Timestamp,
}

impl Stretch {
    /// How many lines.
    #[must_use]
    pub fn lines(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// With one that follows it at once.
    fn with(&self, next: &Self) -> Self {
        Self {
            writer: next.writer.clone(),
            file: next.file.clone(),
            files: self.files + next.files,
            first: self.first,
            prev: self.prev,
            last: next.last,
            seal: next.seal,
            oldest: self.oldest.min(next.oldest),
            newest: self.newest.max(next.newest),
        }
    }
}

/// A place where lines of a chain are missing, as what stands around it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The last line before it: number and seal. `None` at the beginning of the chain.
    pub(crate) from: Option<(u64, Hash)>,
    /// The file behind it.
    pub(crate) file: String,
    /// The first line behind it, and the seal it names as the one before.
    pub(crate) first: u64,
    pub(crate) prev: Hash,
}

/// What records say was removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretches {
    by_writer: BTreeMap<Box<str>, Vec<Stretch>>,
}

impl Stretches {
    pub(crate) fn add(&mut self, record: &Pruned) {
        for stretch in record.files.iter().chain(&record.gone) {
            let all = self.by_writer.entry(stretch.writer.clone()).or_default();
            if !all.contains(stretch) {
                all.push(stretch.clone());
            }
        }
    }

    /// Of whose chains something was removed.
    pub(crate) fn writers(&self) -> impl Iterator<Item = &str> {
        self.by_writer.keys().map(|writer| &**writer)
    }

    pub(crate) fn of(&self, writer: &str) -> &[Stretch] {
        self.by_writer.get(writer).map_or(&[], Vec::as_slice)
    }

    /// The part that is missing here, where records name all of it. At the beginning of a chain it may be less than all:
    /// what was taken away by hand before there were records is not named by any.
    pub(crate) fn explain(&self, writer: &str, gap: &Gap) -> Option<Stretch> {
        let floor = gap.from.map_or(0, |(seq, _)| seq + 1);
        let mut explained: Option<Stretch> = None;
        loop {
            let (first, prev) = match &explained {
                Some(all) => (all.first, all.prev),
                None => (gap.first, gap.prev),
            };
            if explained.is_some() && first == floor {
                let joins = gap.from.map_or(Hash::NONE, |(_, seal)| seal) == prev;
                return explained.filter(|_| joins);
            }
            let before = self.of(writer).iter().filter(|stretch| {
                stretch.last + 1 == first
                    && stretch.seal == prev
                    && stretch.first >= floor
                    && stretch.first <= stretch.last
            });
            // The longest: it was summed up of others.
            let Some(before) = before.min_by_key(|stretch| stretch.first) else {
                return explained.filter(|_| gap.from.is_none());
            };
            explained = Some(match &explained {
                Some(all) => before.with(all),
                None => before.clone(),
            });
        }
    }
}
