//! Which checkpoint is read, and what is taken from it.

use super::words::CHECKPOINT_DAMAGED;
use super::{Reading, failed};
use crate::checkpoint::{self, Summary, Unusable};
use crate::index::Index;
use crate::layout::{FileName, VERSION};
use crate::{Damage, OpenError};

impl Reading<'_> {
    /// The newest checkpoint that can be read. Without one the whole log is the tail.
    pub(super) fn read_checkpoint(&mut self, names: &[FileName]) -> Result<Summary, OpenError> {
        let mut numbers = Vec::new();
        for name in names {
            match name {
                FileName::Checkpoint { number, .. } => numbers.push(*number),
                FileName::Unfinished { number, .. } => {
                    // Its number is free again: the two checkpoints that are kept are neighbours.
                    let gone = checkpoint::is_gone(&self.disk.remove(&name.path(self.dir)));
                    let next = number + u32::from(!gone);
                    self.recovered.next_checkpoint = self.recovered.next_checkpoint.max(next);
                }
                _ => {}
            }
        }
        numbers.sort_unstable();
        let mut unusable = Vec::new();
        for number in numbers.iter().rev() {
            self.recovered.next_checkpoint = self.recovered.next_checkpoint.max(number + 1);
            let path = FileName::Checkpoint {
                writer: self.writer,
                number: *number,
            }
            .path(self.dir);
            let mut index = Index::new(self.finished_max);
            match checkpoint::read(self.disk, &path, &mut index) {
                Ok(mut summary) => {
                    self.recovered.index = index;
                    self.take_over(&mut summary);
                    self.recovered.index.damaged.append(&mut unusable);
                    self.remove_older_checkpoints(&numbers, *number);
                    return Ok(summary);
                }
                Err(Unusable::Version(version)) if self.another_version_was_here(names)? => {
                    return Err(OpenError::UnknownVersion {
                        path,
                        version,
                        known: VERSION,
                    });
                }
                Err(Unusable::Io(error)) => return Err(failed(&path)(error)),
                Err(Unusable::Damaged | Unusable::Version(_)) => {
                    unusable.push(Damage {
                        file: path,
                        at: 0,
                        octets: 0,
                        message: None,
                        what: CHECKPOINT_DAMAGED,
                    });
                }
            }
        }
        self.tail_is_kept = unusable.is_empty();
        self.recovered.index.damaged.append(&mut unusable);
        Ok(Summary::default())
    }

    /// A crash may have left one behind this one and the one before it. Nobody keeps segments for it any more, so it
    /// must never be read.
    fn remove_older_checkpoints(&self, numbers: &[u32], read: u32) {
        for number in numbers.iter().filter(|number| **number + 1 < read) {
            let name = FileName::Checkpoint {
                writer: self.writer,
                number: *number,
            };
            // Where this fails the next start tries again.
            let _ = self.disk.remove(&name.path(self.dir));
        }
    }

    fn take_over(&mut self, summary: &mut Summary) {
        let recovered = &mut self.recovered;
        recovered.index.damaged = std::mem::take(&mut summary.damaged);
        recovered.from_checkpoint = recovered.index.entries.len() as u64;
        recovered.last_id = summary.last_id;
        if !summary.suspended.is_empty() {
            recovered
                .index
                .set_suspended(std::mem::take(&mut summary.suspended).into_iter().collect());
        }
        recovered.testimony.append(&mut summary.recent);
    }
}
