//! Reading back what a writer left: its checkpoint, then the tail of its log, then the files of large messages.

mod check;
mod scan;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use mail::{MessageId, Timestamp};
use world::{Disk, DiskFile, OpenMode};

use crate::checkpoint::{self, Summary, Unusable};
use crate::codec::Decoder;
use crate::core::Segment;
use crate::entry::Place;
use crate::index::{Finished, Index};
use crate::layout::{FileName, HeaderFault, Kind, RECORD_HEADER, RECORDS_START, RecordHeader, SegmentHeader, VERSION};
use crate::record::{ChangeHead, LetterHead, SegmentEnd, decode_sealed, take_suspended};
use crate::{Damage, OpenError, Testimony};
use scan::{Found, Scan};

pub(crate) const UNREADABLE: &str = "the stored message cannot be read";
const RECORD_DAMAGED: &str = "a record is damaged";
const CHECKPOINT_DAMAGED: &str = "a checkpoint is damaged; an older one or the log was read instead";
const SEGMENT_DAMAGED: &str = "the header of a segment is damaged; nothing in it can be read";
const BODY_DAMAGED: &str = "the octets of a message are damaged";
const SEGMENT_MISSING: &str = "the segment of a message is missing";
const TAIL_MISSING: &str = "a segment is missing; what only it knew is lost";
const FILE_MISSING: &str = "the file of a large message is missing or too short";
const UNKNOWN: &str = "damage of a kind this programme does not name";

/// The words for a damage, as a checkpoint has them.
pub(crate) fn known_words(text: &str) -> &'static str {
    let all = [
        UNREADABLE,
        RECORD_DAMAGED,
        CHECKPOINT_DAMAGED,
        SEGMENT_DAMAGED,
        BODY_DAMAGED,
        SEGMENT_MISSING,
        TAIL_MISSING,
        FILE_MISSING,
    ];
    all.into_iter().find(|known| *known == text).unwrap_or(UNKNOWN)
}

/// What a writer left.
#[derive(Default)]
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) segments: BTreeMap<u32, Segment>,
    /// Where segments end that no record tells the end of.
    pub(crate) untold: Vec<SegmentEnd>,
    pub(crate) next_sequence: u32,
    pub(crate) next_checkpoint: u32,
    /// The segment with which the tail began.
    pub(crate) tail_from: u32,
    pub(crate) last_id: u64,
    pub(crate) from_checkpoint: u64,
    pub(crate) tail_records: u64,
    pub(crate) tail_octets: u64,
    pub(crate) unfinished_octets: u64,
    pub(crate) abandoned_files: u64,
    pub(crate) testimony: Vec<Testimony>,
}

/// Whose log is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The one that goes on as this process.
    Ours,
    /// One that is to be taken over: files of large messages stay where they are, for ours may speak of them already.
    Another,
}

/// Reads what `writer` left in `dir`; its lock is held by the caller.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    writer: u32,
    names: &[FileName],
    whose: Whose,
    finished_max: usize,
) -> Result<Recovered, OpenError> {
    let mut reading = Reading {
        disk,
        dir,
        writer,
        whose,
        finished_max,
        recovered: Recovered::new(finished_max),
        prepared: BTreeMap::new(),
        tail_is_kept: true,
    };
    let mine: Vec<FileName> = names.iter().copied().filter(|name| name.writer() == writer).collect();
    reading.remove_spares(&mine);
    let summary = reading.read_checkpoint(&mine)?;
    reading.open_segments(&mine, &summary)?;
    reading.read_tail(&summary)?;
    reading.check_places();
    reading.check_own_files(names)?;
    reading.recovered.count_live();
    Ok(reading.recovered)
}

impl Recovered {
    fn new(finished_max: usize) -> Self {
        Self {
            index: Index::new(finished_max),
            segments: BTreeMap::new(),
            untold: Vec::new(),
            next_sequence: 1,
            next_checkpoint: 1,
            tail_from: 0,
            last_id: 0,
            from_checkpoint: 0,
            tail_records: 0,
            tail_octets: 0,
            unfinished_octets: 0,
            abandoned_files: 0,
            testimony: Vec::new(),
        }
    }

    fn count_live(&mut self) {
        for entry in self.index.entries.values() {
            if let Some(segment) = self.segments.get_mut(&entry.place.segment) {
                segment.live += entry.place.record_len();
                segment.newest = segment.newest.max(entry.received);
            }
        }
        let last = self.index.entries.last_key_value().map_or(0, |(id, _)| id.number());
        self.last_id = self.last_id.max(last);
    }
}

/// An error of the disk, with the file it is about.
pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |error| OpenError::Io { path, error }
}

struct Reading<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    writer: u32,
    whose: Whose,
    finished_max: usize,
    recovered: Recovered,
    /// Octets of each segment that were written before its records.
    prepared: BTreeMap<u32, u32>,
    /// No segment of the tail may be missing. Where checkpoints were there and none can be read, the tail is the whole
    /// log, of which some was deleted rightly.
    tail_is_kept: bool,
}

impl Reading<'_> {
    /// Nothing in them is needed, and new ones are soon made.
    fn remove_spares(&self, names: &[FileName]) {
        for name in names {
            if matches!(name, FileName::Spare { .. }) {
                // Where this fails the next start tries again.
                let _ = self.disk.remove(&name.path(self.dir));
            }
        }
    }

    /// The newest checkpoint that can be read. Without one the whole log is the tail.
    fn read_checkpoint(&mut self, names: &[FileName]) -> Result<Summary, OpenError> {
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

    /// Opens each segment and reads its header.
    fn open_segments(&mut self, names: &[FileName], summary: &Summary) -> Result<(), OpenError> {
        self.recovered.tail_from = summary.position.sequence;
        self.recovered.next_sequence = summary.position.sequence.max(1);
        for name in names {
            let FileName::Segment { sequence, .. } = *name else {
                continue;
            };
            self.recovered.next_sequence = self.recovered.next_sequence.max(sequence + 1);
            let path = name.path(self.dir);
            let file: Arc<dyn DiskFile> = self.disk.open(&path, OpenMode::Read).map_err(failed(&path))?.into();
            let size = file.len().map_err(failed(&path))?;
            let front =
                read_exact_or_less(file.as_ref(), 0, RECORDS_START as usize + RECORD_HEADER).map_err(failed(&path))?;
            let header = match SegmentHeader::decode(&front) {
                Ok(header) if header.sequence == sequence && header.writer == self.writer => {
                    Ok((header.nonce, header.prepared))
                }
                Ok(_) | Err(HeaderFault::Damaged) => {
                    // How much of it was prepared is not known; without, stale octets are called unfinished.
                    nonce_of_first_record(&front).map(|nonce| (nonce, 0)).ok_or(size)
                }
                Err(HeaderFault::Version(version)) => {
                    return Err(OpenError::UnknownVersion {
                        path,
                        version,
                        known: VERSION,
                    });
                }
            };
            match header {
                Ok((nonce, prepared)) => {
                    self.prepared.insert(sequence, prepared);
                    let segment = Segment {
                        file,
                        nonce,
                        size,
                        live: 0,
                        newest: Timestamp(0),
                        cold: summary.cold.contains(&sequence),
                        damaged: self.recovered.index.damaged.iter().any(|damage| damage.file == path),
                    };
                    self.recovered.segments.insert(sequence, segment);
                }
                Err(size) => self.set_aside_segment(&path, size),
            }
        }
        Ok(())
    }

    /// Without a header: a segment that was being begun when the end came, or a wholly damaged one.
    fn set_aside_segment(&mut self, path: &Path, size: u64) {
        if size <= u64::from(RECORDS_START) + 2 * RECORD_HEADER as u64 {
            // Its header was never synced, so nothing was ever acknowledged from it.
            self.recovered.unfinished_octets += size;
            let _ = self.disk.remove(path);
            return;
        }
        let file = crate::sweep::set_aside(path);
        let _ = self.disk.rename(path, &file);
        self.recovered.index.damaged.push(Damage {
            file,
            at: 0,
            octets: size,
            message: None,
            what: SEGMENT_DAMAGED,
        });
    }

    fn read_tail(&mut self, summary: &Summary) -> Result<(), OpenError> {
        let sequences: Vec<u32> = self
            .recovered
            .segments
            .range(summary.position.sequence..)
            .map(|(s, _)| *s)
            .collect();
        let mut scans = Vec::new();
        let mut ends: BTreeMap<u32, u32> = BTreeMap::new();
        for sequence in &sequences {
            for end in self.told_ends(*sequence)? {
                ends.insert(end.sequence, end.end);
            }
        }
        self.check_tail(&ends, summary.position.sequence);
        for sequence in sequences {
            let from = if sequence == summary.position.sequence {
                summary.position.end
            } else {
                RECORDS_START
            };
            let scan = self.scan(sequence, from, ends.get(&sequence).copied())?;
            scans.push((sequence, scan.end, ends.contains_key(&sequence)));
        }
        for (sequence, end, told) in scans {
            if !told {
                self.recovered.untold.push(SegmentEnd { sequence, end });
            }
        }
        Ok(())
    }

    /// What the first record of a segment tells of the ends of earlier ones.
    fn told_ends(&self, sequence: u32) -> Result<Vec<SegmentEnd>, OpenError> {
        let Some(segment) = self.recovered.segments.get(&sequence) else {
            return Ok(Vec::new());
        };
        let path = self.segment_path(sequence);
        let header = read_exact_or_less(segment.file.as_ref(), u64::from(RECORDS_START), RECORD_HEADER)
            .map_err(failed(&path))?;
        let Some(header) = RecordHeader::decode(&header, segment.nonce) else {
            return Ok(Vec::new());
        };
        if header.kind != Kind::Sealed {
            return Ok(Vec::new());
        }
        let at = u64::from(RECORDS_START) + RECORD_HEADER as u64;
        let head = read_exact_or_less(segment.file.as_ref(), at, header.head_len as usize).map_err(failed(&path))?;
        let sound = crc32c::crc32c(&head) == header.head_crc;
        Ok(if sound {
            decode_sealed(&head).unwrap_or_default()
        } else {
            Vec::new()
        })
    }

    /// Reads one segment of the tail and applies its records.
    fn scan(&mut self, sequence: u32, from: u32, told_end: Option<u32>) -> Result<Scan, OpenError> {
        let path = self.segment_path(sequence);
        let Some(segment) = self.recovered.segments.get(&sequence) else {
            return Ok(Scan::default());
        };
        let (file, nonce) = (segment.file.clone(), segment.nonce);
        let size = usize::try_from(segment.size).unwrap_or(usize::MAX);
        let octets = read_exact_or_less(file.as_ref(), 0, size).map_err(failed(&path))?;
        // A process that was killed leaves records that are readable and not yet durable. They are used from now on,
        // so they must not vanish with the next loss of power.
        file.sync().map_err(failed(&path))?;
        let prepared = self.prepared.get(&sequence).copied().unwrap_or(0);
        let scan = scan::scan(&octets, from, told_end, nonce, prepared);
        if let Some(segment) = self.recovered.segments.get_mut(&sequence) {
            segment.size = u64::from(scan.end);
        }
        self.recovered.tail_octets += u64::from(scan.end.saturating_sub(from));
        self.recovered.unfinished_octets += scan.unfinished;
        for found in &scan.records {
            self.recovered.tail_records += 1;
            if self.apply(sequence, &octets, found).is_none() {
                self.damage(sequence, found.at, found.header.record_len(), None, RECORD_DAMAGED);
            }
        }
        for (at, end) in &scan.damaged {
            let message = self.rescue(sequence, &octets, *at, nonce);
            let what = if message.is_some() {
                BODY_DAMAGED
            } else {
                RECORD_DAMAGED
            };
            self.damage(sequence, *at, u64::from(end - at), message, what);
        }
        Ok(scan)
    }

    fn damage(&mut self, sequence: u32, at: u32, octets: u64, message: Option<MessageId>, what: &'static str) {
        let damage = Damage {
            file: self.segment_path(sequence),
            at: u64::from(at),
            octets,
            message,
            what,
        };
        if let Some(segment) = self.recovered.segments.get_mut(&sequence) {
            segment.damaged = true;
        }
        match message {
            Some(id) => self.recovered.index.mark_damaged(id, damage),
            None => self.recovered.index.damaged.push(damage),
        }
    }

    /// A letter whose envelope is sound and whose octets are not: it stays in the queue, marked.
    fn rescue(&mut self, sequence: u32, octets: &[u8], at: u32, nonce: u64) -> Option<MessageId> {
        let header = RecordHeader::decode(octets.get(at as usize..)?, nonce)?;
        if !matches!(header.kind, Kind::Letter | Kind::Moved) {
            return None;
        }
        let start = at as usize + RECORD_HEADER;
        let head = octets.get(start..start + header.head_len as usize)?;
        if crc32c::crc32c(head) != header.head_crc {
            return None;
        }
        let id = LetterHead::decode(head).ok()?.id;
        self.apply(sequence, octets, &Found { at, header })?;
        self.recovered.index.entries.contains_key(&id).then_some(id)
    }

    /// Applies one record; `None` where its contents make no sense.
    fn apply(&mut self, sequence: u32, octets: &[u8], found: &Found) -> Option<()> {
        let start = found.at as usize + RECORD_HEADER;
        let head = octets.get(start..start + found.header.head_len as usize)?;
        match found.header.kind {
            Kind::Letter | Kind::Moved => {
                let head = LetterHead::decode(head).ok()?;
                let place = Place {
                    segment: sequence,
                    offset: found.at,
                    head_len: found.header.head_len,
                    body_len: found.header.body_len,
                };
                self.recovered.last_id = self.recovered.last_id.max(head.id.number());
                if found.header.kind == Kind::Letter {
                    self.recovered.testimony.extend(head.told());
                }
                self.recovered.index.insert(&head, place);
            }
            Kind::Change => {
                let change = ChangeHead::decode(head).ok()?;
                self.recovered.testimony.extend(change.testimony());
                if let Some(Finished {
                    own_file: Some(number), ..
                }) = self.recovered.index.apply(&change)
                {
                    let _ = self.disk.remove(
                        &FileName::Own {
                            writer: self.writer,
                            number,
                        }
                        .path(self.dir),
                    );
                }
            }
            Kind::Suspended => {
                let mut from = Decoder::new(head);
                let suspended: BTreeSet<_> = take_suspended(&mut from).ok()?.into_iter().collect();
                self.recovered.index.set_suspended(suspended);
            }
            Kind::Sealed => {
                decode_sealed(head).ok()?;
            }
        }
        Some(())
    }

    fn segment_path(&self, sequence: u32) -> std::path::PathBuf {
        FileName::Segment {
            writer: self.writer,
            sequence,
        }
        .path(self.dir)
    }
}

/// The nonce of the first record, when both copies of the segment's header are gone.
fn nonce_of_first_record(front: &[u8]) -> Option<u64> {
    let first = front.get(RECORDS_START as usize..)?;
    let nonce = u64::from_le_bytes(first.get(8..16)?.try_into().ok()?);
    RecordHeader::decode(first, nonce).map(|_| nonce)
}

/// Up to `most` octets from `offset` on; fewer where the file ends.
pub(crate) fn read_exact_or_less(file: &dyn DiskFile, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    let there = usize::try_from(file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut octets = vec![0u8; most.min(there)];
    let read = file.read_at(offset, &mut octets)?;
    octets.truncate(read);
    Ok(octets)
}
