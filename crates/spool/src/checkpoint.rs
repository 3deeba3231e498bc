//! The checkpoint: the queue as it was at one place of the log, so that a start need not read what lies before.

use std::io;
use std::path::Path;
use std::sync::Arc;

use mail::{MessageId, Timestamp};
use world::{Disk, DiskFile, OpenMode};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::core::Shared;
use crate::entry::Entry;
use crate::index::Index;
use crate::layout::{CHECKPOINT_MAGIC, FileName, NUMBER_MAX, VERSION};
use crate::record::{SegmentEnd, put_suspended, take_suspended};
use crate::writer::LogWriter;
use crate::{Damage, Selector, Testimony};

/// Magic and version.
const PREFIX: u64 = 12;
/// Length and checksum before each frame.
const FRAME_HEADER: usize = 8;
/// Octets after which a frame of entries ends.
const FRAME_OCTETS: usize = 128 << 10;
/// Octets between two syncs of one that is long, so that whoever accepts meanwhile does not wait for all of it.
const SYNC_EVERY: u64 = 8 << 20;
const FRAME_MAX: u32 = 64 << 20;

/// What a checkpoint says beside its entries.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Where the tail begins.
    pub(crate) position: SegmentEnd,
    pub(crate) last_id: u64,
    pub(crate) suspended: Vec<Selector>,
    pub(crate) damaged: Vec<Damage>,
    pub(crate) recent: Vec<Testimony>,
    pub(crate) cold: Vec<u32>,
    entries: u64,
}

impl Default for SegmentEnd {
    fn default() -> Self {
        Self {
            sequence: 0,
            end: crate::layout::RECORDS_START,
        }
    }
}

/// Why a checkpoint is of no use.
#[derive(Debug)]
pub(crate) enum Unusable {
    Damaged,
    Version(u32),
    Io(io::Error),
}

impl From<Malformed> for Unusable {
    fn from(_: Malformed) -> Self {
        Self::Damaged
    }
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A checkpoint of one moment, to be written.
pub(crate) struct Checkpointing {
    shared: Arc<Shared>,
    number: u32,
    position: SegmentEnd,
    summary: Vec<u8>,
    /// Octets the log had grown by at that moment.
    grown: u64,
}

/// What became of it.
pub(crate) struct Checkpointed {
    number: u32,
    position: SegmentEnd,
    grown: u64,
    /// Its octets.
    written: io::Result<u64>,
    /// It failed before it had its name, and left nothing behind.
    number_is_free: bool,
}

impl LogWriter {
    /// Fixes the moment: the queue as it is, the place of the log where the tail begins. From now until it is written
    /// the queue may change.
    pub(crate) fn begin_checkpoint(&mut self) -> Checkpointing {
        let number = self.next_checkpoint;
        self.next_checkpoint += 1;
        let position = self.log.position();
        self.forget_old_testimony();
        let summary = self.encode_summary(position);
        self.shared.index.lock().begin_image();
        Checkpointing {
            shared: self.shared.clone(),
            number,
            position,
            summary,
            grown: self.log.grown,
        }
    }

    /// Draws the consequences.
    pub(crate) fn conclude_checkpoint(&mut self, done: Checkpointed) -> io::Result<()> {
        self.shared.index.lock().end_image();
        if done.number_is_free {
            // The next one takes the same number, or else the two that are kept would not be neighbours.
            self.next_checkpoint = done.number;
        }
        self.checkpoint_octets = done.written?;
        self.log.grown = self.log.grown.saturating_sub(done.grown);
        self.needed_from = (self.needed_from.1, done.position.sequence);
        Ok(())
    }

    /// Writes a checkpoint here and now.
    pub(crate) fn checkpoint(&mut self) -> io::Result<()> {
        let done = self.begin_checkpoint().write();
        self.conclude_checkpoint(done)
    }

    fn encode_summary(&self, position: SegmentEnd) -> Vec<u8> {
        let mut out = Encoder::default();
        out.u32(position.sequence);
        out.u32(position.end);
        out.u64(self.shared.ids.last());
        let index = self.shared.index.lock();
        put_suspended(&mut out, index.suspended.iter());
        out.count(index.damaged.len());
        for damage in &index.damaged {
            out.text(&damage.file.to_string_lossy());
            out.u64(damage.at);
            out.u64(damage.octets);
            out.option(damage.message, |out, id| out.u64(id.number()));
            out.text(damage.what);
        }
        out.u64(index.entries.len() as u64);
        drop(index);
        out.count(self.recent.len());
        for testimony in self.recent.iter() {
            out.u64(testimony.id.number());
            out.i64(testimony.at.0);
            out.octets(&testimony.octets);
        }
        let segments = self.shared.segments.lock();
        let cold: Vec<u32> = segments
            .iter()
            .filter(|(_, segment)| segment.cold)
            .map(|(sequence, _)| *sequence)
            .collect();
        out.count(cold.len());
        for sequence in cold {
            out.u32(sequence);
        }
        out.0
    }
}

impl Checkpointing {
    /// Write, sync, rename, sync folder. The one before it is kept, older ones are removed.
    pub(crate) fn write(self) -> Checkpointed {
        let (shared, writer, number) = (&self.shared, self.shared.writer, self.number);
        let disk = &shared.world.disk;
        let unfinished = shared.path(FileName::Unfinished { writer, number });
        let mut number_is_free = false;
        let written = self
            .write_file(&unfinished)
            .inspect_err(|_| number_is_free = is_gone(&disk.remove(&unfinished)));
        let named = written.and_then(|octets| {
            disk.rename(&unfinished, &shared.path(FileName::Checkpoint { writer, number }))?;
            disk.sync_dir(&shared.config.dir)?;
            Ok(octets)
        });
        if let (Ok(_), Some(older)) = (&named, number.checked_sub(2)) {
            // It is there except after failures and at the beginning.
            let _ = disk.remove(&shared.path(FileName::Checkpoint { writer, number: older }));
        }
        Checkpointed {
            number,
            position: self.position,
            grown: self.grown,
            written: named,
            number_is_free,
        }
    }

    /// The index is free between frames.
    fn write_file(&self, path: &Path) -> io::Result<u64> {
        let file = self.shared.world.disk.open(path, OpenMode::CreateNew)?;
        let mut prefix = CHECKPOINT_MAGIC.to_vec();
        prefix.extend_from_slice(&VERSION.to_le_bytes());
        file.write_at(0, &[&prefix])?;
        let mut at = PREFIX;
        write_frame(file.as_ref(), &mut at, &self.summary)?;
        let mut synced = at;
        loop {
            let frame = self.shared.index.lock().next_of_image(FRAME_OCTETS);
            let Some(frame) = frame else { break };
            write_frame(file.as_ref(), &mut at, &frame)?;
            if at - synced >= SYNC_EVERY {
                file.sync()?;
                synced = at;
            }
        }
        file.sync()?;
        Ok(at)
    }
}

/// Whether a file that was to be removed is there no more.
pub(crate) fn is_gone(removed: &io::Result<()>) -> bool {
    removed
        .as_ref()
        .err()
        .is_none_or(|error| error.kind() == io::ErrorKind::NotFound)
}

fn write_frame(file: &dyn DiskFile, at: &mut u64, frame: &[u8]) -> io::Result<()> {
    let len = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut header = len.to_le_bytes().to_vec();
    header.extend_from_slice(&crc32c::crc32c(frame).to_le_bytes());
    file.write_at(*at, &[&header, frame])?;
    *at += (FRAME_HEADER + frame.len()) as u64;
    Ok(())
}

/// Reads a checkpoint into an empty index, entry by entry. After an error the index is of no use.
pub(crate) fn read(disk: &dyn Disk, path: &Path, index: &mut Index) -> Result<Summary, Unusable> {
    let file = disk.open(path, OpenMode::Read)?;
    let mut prefix = [0u8; PREFIX as usize];
    let read = file.read_at(0, &mut prefix)?;
    let version = prefix.last_chunk::<4>().map_or(0, |field| u32::from_le_bytes(*field));
    if read < prefix.len() || !prefix.starts_with(&CHECKPOINT_MAGIC) {
        return Err(Unusable::Damaged);
    }
    if version != VERSION {
        return Err(Unusable::Version(version));
    }
    let mut at = PREFIX;
    let summary = decode_summary(&read_frame(file.as_ref(), &mut at)?)?;
    let mut entries = 0;
    while entries < summary.entries {
        let frame = read_frame(file.as_ref(), &mut at)?;
        let mut from = Decoder::new(&frame);
        while !from.is_empty() {
            let id = MessageId::new(from.u64()?);
            let entry = Entry::decode(&mut from, &mut index.names)?;
            index.insert_entry(id, entry);
            entries += 1;
        }
    }
    Ok(summary)
}

fn read_frame(file: &dyn DiskFile, at: &mut u64) -> Result<Vec<u8>, Unusable> {
    let mut header = [0u8; FRAME_HEADER];
    if file.read_at(*at, &mut header)? < FRAME_HEADER {
        return Err(Unusable::Damaged);
    }
    let mut from = Decoder::new(&header);
    let (len, crc) = (from.u32()?, from.u32()?);
    if len == 0 || len > FRAME_MAX {
        return Err(Unusable::Damaged);
    }
    let mut frame = vec![0u8; len as usize];
    let read = file.read_at(*at + FRAME_HEADER as u64, &mut frame)?;
    if read < frame.len() || crc32c::crc32c(&frame) != crc {
        return Err(Unusable::Damaged);
    }
    *at += FRAME_HEADER as u64 + u64::from(len);
    Ok(frame)
}

fn decode_summary(frame: &[u8]) -> Result<Summary, Malformed> {
    let mut from = Decoder::new(frame);
    let position = SegmentEnd {
        sequence: from.u32()?,
        end: from.u32()?,
    };
    if position.sequence > NUMBER_MAX {
        return Err(Malformed);
    }
    let last_id = from.u64()?;
    let suspended = take_suspended(&mut from)?;
    let damaged = from.list(|from| {
        Ok(Damage {
            file: from.text()?.into(),
            at: from.u64()?,
            octets: from.u64()?,
            message: from.option(Decoder::u64)?.map(MessageId::new),
            what: crate::recover::known_words(from.text()?),
        })
    })?;
    let entries = from.u64()?;
    let recent = from.list(|from| {
        Ok(Testimony {
            id: MessageId::new(from.u64()?),
            at: Timestamp(from.i64()?),
            octets: from.octets()?,
        })
    })?;
    let cold = from.list(Decoder::u32)?;
    from.end()?;
    Ok(Summary {
        position,
        last_id,
        suspended,
        damaged,
        recent,
        cold,
        entries,
    })
}
