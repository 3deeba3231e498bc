//! Keeping the log short: letters that stay are moved together, segments nobody needs are deleted.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use mail::MessageId;
use parking_lot::MutexGuard;

use crate::Damage;
use crate::body::read_letter;
use crate::entry::Place;
use crate::layout::{FileName, Kind};
use crate::log::Record;
use crate::writer::{Batch, Effect, LogWriter, Movable};

/// A segment with less than one in this many octets alive is emptied.
const MOSTLY_DEAD: u64 = 4;
/// Octets moved with one sync; who accepts meanwhile is served in between.
const MOVE_OCTETS: u64 = 1 << 20;
/// Messages looked at while others wait for the queue.
const LOOKS: usize = 5_000;

impl LogWriter {
    /// Moves letters out of segments that are mostly dead, and letters that stay long out of fresh ones.
    pub(crate) fn sweep(&mut self) {
        let (mostly_dead, staying) = self.movable();
        self.move_letters(&mostly_dead);
        if staying.is_empty() {
            return;
        }
        // They get segments of their own, so that the segments of passing mail die as a whole.
        self.log.close_segment();
        self.move_letters(&staying);
        self.log.mark_cold();
        self.log.close_segment();
    }

    fn movable(&self) -> (Movable, Movable) {
        let horizon = self
            .shared
            .now()
            .0
            .saturating_sub(self.shared.config.cold_after.as_millis() as i64);
        let mut chosen: BTreeMap<u32, bool> = BTreeMap::new();
        for (sequence, segment) in self.shared.segments.lock().iter() {
            let sealed = Some(*sequence) != self.log.active_sequence();
            if !sealed || segment.live == 0 {
                continue;
            }
            if segment.live * MOSTLY_DEAD < segment.size {
                chosen.insert(*sequence, segment.newest.0 < horizon);
            } else if !segment.cold && segment.newest.0 < horizon && segment.live * 10 < segment.size * 9 {
                chosen.insert(*sequence, true);
            }
        }
        let (mut mostly_dead, mut staying) = (Movable::new(), Movable::new());
        if chosen.is_empty() {
            return (mostly_dead, staying);
        }
        let mut from = Bound::Unbounded;
        let mut index = self.shared.index.lock();
        loop {
            let mut looked = None;
            for (id, entry) in index.entries.range((from, Bound::Unbounded)).take(LOOKS) {
                looked = Some(*id);
                match chosen.get(&entry.place.segment) {
                    Some(true) if !entry.damaged => staying.push((*id, entry.place)),
                    Some(false) if !entry.damaged => mostly_dead.push((*id, entry.place)),
                    _ => {}
                }
            }
            let Some(last) = looked else { break };
            from = Bound::Excluded(last);
            MutexGuard::bump(&mut index);
        }
        (mostly_dead, staying)
    }

    fn move_letters(&mut self, letters: &Movable) {
        let mut batch = Batch::default();
        let mut octets = 0;
        for (id, place) in letters {
            if let Some((record, effect)) = self.moved(*id, *place) {
                octets += place.record_len();
                batch.push(record, effect);
            }
            if octets >= MOVE_OCTETS {
                self.store(std::mem::take(&mut batch));
                self.serve_waiting();
                octets = 0;
                if self.log.is_segment_full() {
                    self.log.close_segment();
                }
            }
        }
        self.store(batch);
    }

    /// The record that puts a letter elsewhere, with its states of now.
    fn moved(&self, id: MessageId, place: Place) -> Option<(Record, Effect)> {
        let (file, nonce) = self.shared.segment_file(place.segment)?;
        match read_letter(file.as_ref(), nonce, place) {
            Ok((mut head, body)) => {
                self.shared.index.lock().entries.get(&id)?.update(&mut head);
                let encoded = head.encode();
                let body_crc = crc32c::crc32c(&body);
                let record = Record {
                    kind: Kind::Moved,
                    head_crc: crc32c::crc32c(&encoded),
                    head: encoded,
                    body: vec![body],
                    body_crc,
                };
                Some((record, Effect::Moved(Box::new(head))))
            }
            // The disk could not say what is there; that is no damage, and the letter stays where it is until it can.
            Err(error) if error.kind() != std::io::ErrorKind::InvalidData => {
                tracing::warn!(message = %id, %error, "a stored message could not be read to be moved");
                None
            }
            Err(error) => {
                let name = FileName::Segment {
                    writer: self.shared.writer,
                    sequence: place.segment,
                };
                let damage = Damage {
                    file: self.shared.path(name),
                    at: u64::from(place.offset),
                    octets: place.record_len(),
                    message: Some(id),
                    what: crate::recover::UNREADABLE,
                };
                tracing::error!(event = "spool.damaged", message = %id, %error, "a stored message cannot be read");
                self.shared.index.lock().mark_damaged(id, damage);
                if let Some(segment) = self.shared.segments.lock().get_mut(&place.segment) {
                    segment.damaged = true;
                }
                None
            }
        }
    }

    /// Deletes segments that hold no queued letter and that neither of the two checkpoints needs. One with damage in
    /// it is set aside under another name, for an operator to look at; a full one may become a spare.
    pub(crate) fn delete_dead_segments(&mut self) {
        let needed_from = self.needed_from.0;
        let active = self.log.active_sequence();
        let full = self.shared.config.segment_octets;
        let mut dead = Vec::new();
        self.shared.segments.lock().retain(|sequence, segment| {
            let keep = segment.live > 0 || *sequence >= needed_from || Some(*sequence) == active;
            if !keep {
                // Who still reads in it must not find another life there.
                let may_live_again = segment.size >= full && Arc::strong_count(&segment.file) == 1;
                dead.push((*sequence, segment.damaged, may_live_again));
            }
            keep
        });
        let mut reusable = Vec::new();
        for (sequence, damaged, may_live_again) in dead {
            let path = self.shared.path(FileName::Segment {
                writer: self.shared.writer,
                sequence,
            });
            if may_live_again && !damaged {
                reusable.push(path);
                continue;
            }
            let disk = &self.shared.world.disk;
            let done = if damaged {
                disk.rename(&path, &set_aside(&path))
            } else {
                disk.remove(&path)
            };
            if let Err(error) = done {
                tracing::warn!(path = %path.display(), %error, "a segment nobody needs could not be cleared away");
            }
        }
        self.shared.recycle(reusable);
    }
}

/// The name under which a damaged file waits for an operator.
pub(crate) fn set_aside(path: &std::path::Path) -> std::path::PathBuf {
    path.with_added_extension("damaged")
}
