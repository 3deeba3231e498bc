//! Heeding holds: whether a line is covered by one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use mail::{MessageId, Timestamp};
use world::Disk;

use crate::hold::{Hold, Holds};
use crate::{Event, Key, Reader};

/// The holds that are in force, and what they cover.
pub(crate) struct Heed {
    holds: Vec<(Hold, Option<Key>, BTreeSet<MessageId>)>,
    /// Files that are kept, by the number of the hold.
    pub(super) kept: BTreeMap<u64, u64>,
}

impl Heed {
    /// Reads the holds, and finds the messages whose whole story they cover. Blocks.
    pub(super) fn of(disk: &Arc<dyn Disk>, dir: &Path, now: Timestamp) -> io::Result<Self> {
        let reader = Reader::new(disk.clone(), dir);
        let mut holds = Vec::new();
        for hold in Holds::read(disk, dir)?
            .all()
            .iter()
            .filter(|hold| hold.is_in_force(now))
        {
            let key = hold.covers.key();
            let messages = match &key {
                Some(key) => reader.messages_of(key)?,
                None => BTreeSet::new(),
            };
            holds.push((hold.clone(), key, messages));
        }
        Ok(Self {
            holds,
            kept: BTreeMap::new(),
        })
    }

    /// Whether there is any.
    pub(super) fn is_in_force(&self) -> bool {
        !self.holds.is_empty()
    }

    /// Adds the numbers of the holds that cover this.
    pub(super) fn cover(&self, event: &Event, by: &mut BTreeSet<u64>) {
        for (hold, key, messages) in &self.holds {
            let is_covered = key.as_ref().is_none_or(|key| key.fits(event))
                || event.message().is_some_and(|message| messages.contains(&message));
            if is_covered {
                by.insert(hold.number);
            }
        }
    }

    /// Counts a file that is kept.
    pub(super) fn keeps(&mut self, by: &BTreeSet<u64>) {
        for number in by {
            *self.kept.entry(*number).or_default() += 1;
        }
    }
}
