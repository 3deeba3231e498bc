//! Reading back what a writer left: its checkpoint, then the tail of its log, then the files of large messages.

mod check;
mod checkpoints;
mod scan;
mod segments;
mod tail;
mod version;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use mail::MessageId;
use world::{Disk, DiskFile};

use crate::core::Segment;
use crate::index::Index;
use crate::layout::FileName;
use crate::record::SegmentEnd;
use crate::{Damage, OpenError, Testimony};
pub(crate) use words::{UNREADABLE, known_words};

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
    reading.recovered.index.reschedule_some(usize::MAX);
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

    fn segment_path(&self, sequence: u32) -> std::path::PathBuf {
        FileName::Segment {
            writer: self.writer,
            sequence,
        }
        .path(self.dir)
    }
}

/// Up to `most` octets from `offset` on; fewer where the file ends.
pub(crate) fn read_exact_or_less(file: &dyn DiskFile, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    let there = usize::try_from(file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut octets = vec![0u8; most.min(there)];
    let read = file.read_at(offset, &mut octets)?;
    octets.truncate(read);
    Ok(octets)
}
