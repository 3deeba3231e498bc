//! Whether what the queue speaks of is there, and whether anything is there that nobody speaks of.

use std::collections::BTreeMap;

use mail::MessageId;
use world::OpenMode;

use super::words::{FILE_MISSING, SEGMENT_MISSING, TAIL_MISSING};
use super::{Reading, Whose, failed};
use crate::entry::Place;
use crate::layout::{FileName, RECORDS_START};
use crate::sweep::set_aside;
use crate::{Damage, OpenError};

impl Reading<'_> {
    /// Segments of the tail, from `first` on, of which a later one tells the end and that are not there.
    pub(super) fn check_tail(&mut self, ends: &BTreeMap<u32, u32>, first: u32) {
        for (sequence, end) in ends.range(first..).filter(|_| self.tail_is_kept) {
            // One that could not be begun ends where its records would have begun.
            if *end <= RECORDS_START || self.recovered.segments.contains_key(sequence) {
                continue;
            }
            let name = FileName::Segment {
                writer: self.writer,
                sequence: *sequence,
            };
            let file = name.path(self.dir);
            let aside = set_aside(&file);
            let damaged = &mut self.recovered.index.damaged;
            if damaged.iter().all(|damage| damage.file != aside && damage.file != file) {
                damaged.push(Damage {
                    file,
                    at: 0,
                    octets: u64::from(*end),
                    message: None,
                    what: TAIL_MISSING,
                });
            }
        }
    }

    /// Letters of the checkpoint whose segment is not there.
    pub(super) fn check_places(&mut self) {
        let recovered = &mut self.recovered;
        let missing: Vec<(MessageId, Place)> = recovered
            .index
            .entries
            .iter()
            .filter(|(_, entry)| !recovered.segments.contains_key(&entry.place.segment))
            .map(|(id, entry)| (*id, entry.place))
            .collect();
        for (id, place) in missing {
            self.damage(
                place.segment,
                place.offset,
                place.record_len(),
                Some(id),
                SEGMENT_MISSING,
            );
        }
    }

    /// Files of large messages: those of no letter are removed, letters without their file are marked. A file that
    /// still bears the name of a writer whose letters were taken over is found by its number.
    pub(super) fn check_own_files(&mut self, names: &[FileName]) -> Result<(), OpenError> {
        let mut present = BTreeMap::new();
        for name in names {
            if let FileName::Own { writer, number } = *name {
                present.insert(number, writer);
            }
        }
        let wanted: BTreeMap<u64, MessageId> = self
            .recovered
            .index
            .entries
            .iter()
            .filter_map(|(id, entry)| Some((entry.own_file()?, *id)))
            .collect();
        for (number, writer) in &present {
            let path = FileName::Own {
                writer: *writer,
                number: *number,
            }
            .path(self.dir);
            if !wanted.contains_key(number) && *writer == self.writer {
                // It may be gone already: its message finished in the tail.
                if self.disk.remove(&path).is_ok() {
                    self.recovered.abandoned_files += 1;
                }
            }
        }
        for (number, id) in wanted {
            let named = |writer| FileName::Own { writer, number }.path(self.dir);
            let mut ours = named(self.writer);
            if let Some(writer) = present.get(&number).filter(|writer| **writer != self.writer) {
                let theirs = named(*writer);
                match self.whose {
                    Whose::Ours => self.disk.rename(&theirs, &ours).map_err(failed(&theirs))?,
                    Whose::Another => ours = theirs,
                }
            }
            let raw = self.recovered.index.entries.get(&id).map_or(0, |entry| entry.octets);
            let found = self.disk.open(&ours, OpenMode::Read).and_then(|file| file.len());
            if !found.is_ok_and(|len| len > 0 || raw == 0) {
                let damage = Damage {
                    file: ours,
                    at: 0,
                    octets: raw,
                    message: Some(id),
                    what: FILE_MISSING,
                };
                self.recovered.index.mark_damaged(id, damage);
            }
        }
        Ok(())
    }
}
