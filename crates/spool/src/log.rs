//! The log: segments that are appended to, one at a time.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use mail::Timestamp;
use world::{DiskFile, OpenMode};

use crate::core::{Segment, Shared};
use crate::entry::Place;
use crate::layout::{FileName, Kind, RECORD_HEADER, RECORDS_START, RecordHeader, SegmentHeader};
use crate::record::{SegmentEnd, encode_sealed};
use crate::spare::Spare;

/// A record about to be written.
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) head: Vec<u8>,
    pub(crate) head_crc: u32,
    pub(crate) body: Vec<Bytes>,
    pub(crate) body_crc: u32,
}

impl Record {
    pub(crate) fn plain(kind: Kind, head: Vec<u8>) -> Self {
        Self {
            kind,
            head_crc: crc32c::crc32c(&head),
            head,
            body: Vec::new(),
            body_crc: 0,
        }
    }

    /// Octets of head and body.
    pub(crate) fn octets(&self) -> usize {
        self.head.len() + self.body.iter().map(Bytes::len).sum::<usize>()
    }

    fn header(&self, batch: u32) -> RecordHeader {
        let body_len = self.body.iter().map(Bytes::len).sum::<usize>();
        RecordHeader {
            kind: self.kind,
            batch,
            // Both are bounded far below 2^32 where letters enter.
            head_len: u32::try_from(self.head.len()).unwrap_or(u32::MAX),
            body_len: u32::try_from(body_len).unwrap_or(u32::MAX),
            head_crc: self.head_crc,
            body_crc: self.body_crc,
        }
    }
}

struct Active {
    sequence: u32,
    nonce: u64,
    file: Arc<dyn DiskFile>,
    /// Where the next record goes. What lies before is synced.
    end: u32,
    /// Octets that were written before; 0 for a file that grows.
    prepared: u32,
}

/// The one who appends.
pub(crate) struct Log {
    shared: Arc<Shared>,
    /// None after a failure, until a new segment could be begun.
    active: Option<Active>,
    next_sequence: u32,
    /// Ends of segments that no record on disk tells yet.
    untold: Vec<SegmentEnd>,
    /// Octets appended since the last checkpoint.
    pub(crate) grown: u64,
}

impl Log {
    pub(crate) fn new(shared: Arc<Shared>, next_sequence: u32, untold: Vec<SegmentEnd>) -> Self {
        Self {
            shared,
            active: None,
            next_sequence,
            untold,
            grown: 0,
        }
    }

    /// Up to where everything is written and synced, for the checkpoint.
    pub(crate) fn position(&self) -> SegmentEnd {
        match &self.active {
            Some(active) => SegmentEnd {
                sequence: active.sequence,
                end: active.end,
            },
            None => SegmentEnd {
                sequence: self.next_sequence,
                end: RECORDS_START,
            },
        }
    }

    /// Whether the segment has grown to its size.
    pub(crate) fn is_segment_full(&self) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| u64::from(active.end) >= self.shared.config.segment_octets)
    }

    /// Whether it is time to make the next segment ready: this one is half full, or was itself not made ready.
    pub(crate) fn wants_spare(&self) -> bool {
        let after = u64::from(RECORDS_START) + self.shared.config.prepare_after_octets;
        self.shared.config.prepare_after_octets > 0
            && self.active.as_ref().is_some_and(|active| match active.prepared {
                0 => u64::from(active.end) >= after,
                prepared => active.end >= prepared / 2,
            })
    }

    /// Whether the current segment grows with each append, which costs more than going over to a spare.
    pub(crate) fn grows(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.prepared == 0)
    }

    /// Appends the records behind what is there, in one write, and syncs them with one sync. Nothing of them counts
    /// before this has returned `Ok`; after an error nothing of them is in the log.
    pub(crate) fn append_and_sync(&mut self, records: &[Record]) -> io::Result<Vec<Place>> {
        if self.active.is_none() {
            self.begin_segment()?;
        }
        let Some(active) = &mut self.active else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (headers, places, end) = arrange(records, active)?;
        let mut parts: Vec<&[u8]> = Vec::with_capacity(records.len() * 3);
        for (header, record) in headers.iter().zip(records) {
            parts.push(header);
            parts.push(&record.head);
            parts.extend(record.body.iter().map(Bytes::as_ref));
        }
        let written = active.file.write_at(u64::from(active.end), &parts);
        match written.and_then(|()| active.file.sync()) {
            Ok(()) => {
                self.grown += u64::from(end - active.end);
                active.end = end;
                Ok(places)
            }
            Err(error) => {
                self.take_back(&error);
                Err(error)
            }
        }
    }

    /// After a failed append. A full disk leaves the segment in order once its end is cut off; any other failure
    /// poisons it: what was synced before stays good, nothing more is written there.
    fn take_back(&mut self, error: &io::Error) {
        let Some(active) = &self.active else { return };
        let cut = crate::error::is_full(error) && active.file.truncate(u64::from(active.end)).is_ok();
        if !cut {
            tracing::error!(
                event = "spool.segment_closed",
                segment = active.sequence,
                %error,
                "a segment of the spool failed and is closed"
            );
            self.close_segment();
        }
    }

    /// Ends the current segment; the next append begins another.
    pub(crate) fn close_segment(&mut self) {
        if let Some(active) = self.active.take() {
            self.untold.push(SegmentEnd {
                sequence: active.sequence,
                end: active.end,
            });
            if let Some(segment) = self.shared.segments.lock().get_mut(&active.sequence) {
                segment.size = u64::from(active.end);
            }
        }
    }

    /// Marks the current segment as one for letters that stay long.
    pub(crate) fn mark_cold(&self) {
        if let Some(active) = &self.active
            && let Some(segment) = self.shared.segments.lock().get_mut(&active.sequence)
        {
            segment.cold = true;
        }
    }

    /// Begins a segment in a spare, or in a new file: header and first record are synced before it gets its name, and
    /// the name before it is used.
    pub(crate) fn begin_segment(&mut self) -> io::Result<()> {
        let shared = self.shared.clone();
        let (disk, dir) = (&shared.world.disk, &shared.config.dir);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let path = shared.path(FileName::Segment {
            writer: shared.writer,
            sequence,
        });
        let Spare {
            path: spare,
            file,
            octets,
        } = shared.spare_or_new()?;
        let header = SegmentHeader {
            writer: shared.writer,
            sequence,
            nonce: shared.world.rng.next_u64(),
            prepared: u32::try_from(octets).unwrap_or(u32::MAX),
        };
        let sealed = Record::plain(Kind::Sealed, encode_sealed(&self.untold));
        let first = sealed.header(RECORDS_START).encode(header.nonce);
        let begun = file
            .write_at(0, &[&header.encode(), &first, &sealed.head])
            .and_then(|()| file.sync())
            .and_then(|()| disk.rename(&spare, &path))
            .and_then(|()| disk.sync_dir(dir));
        if let Err(error) = begun {
            // It never held anything; what may remain of it is recognised as unfinished.
            let _ = disk.remove(&spare);
            let _ = disk.remove(&path);
            self.untold.push(SegmentEnd {
                sequence,
                end: RECORDS_START,
            });
            return Err(error);
        }
        let told = std::mem::take(&mut self.untold);
        let end = RECORDS_START + (RECORD_HEADER + sealed.head.len()) as u32;
        let segment = Segment {
            file: file.clone(),
            nonce: header.nonce,
            size: u64::from(end),
            live: 0,
            newest: Timestamp(0),
            cold: false,
            damaged: false,
        };
        shared.segments.lock().insert(sequence, segment);
        self.active = Some(Active {
            sequence,
            nonce: header.nonce,
            file,
            end,
            prepared: header.prepared,
        });
        for end in told {
            self.trim(end);
        }
        Ok(())
    }

    /// Gives back the room behind the end of a segment that was closed early. One that is nearly full keeps its
    /// length: it will be a spare one day.
    fn trim(&self, end: SegmentEnd) {
        if u64::from(end.end) >= self.shared.config.segment_octets / 8 * 7 {
            return;
        }
        let path = self.shared.path(FileName::Segment {
            writer: self.shared.writer,
            sequence: end.sequence,
        });
        // Where any of this fails some room is wasted, until the segment is dead.
        if let Ok(file) = self.shared.world.disk.open(&path, OpenMode::ReadWrite)
            && file.len().is_ok_and(|len| len > u64::from(end.end))
        {
            let _ = file.truncate(u64::from(end.end));
        }
    }

    /// At the end of the writer: what is behind the last record is not needed any more.
    pub(crate) fn trim_active(&self) {
        if let Some(active) = &self.active
            && active.prepared > active.end
        {
            let _ = active.file.truncate(u64::from(active.end));
        }
    }

    /// The segment that is being written, if any.
    pub(crate) fn active_sequence(&self) -> Option<u32> {
        self.active.as_ref().map(|active| active.sequence)
    }
}

type Arranged = (Vec<[u8; RECORD_HEADER]>, Vec<Place>, u32);

/// Gives each record its place; says where the batch will end.
fn arrange(records: &[Record], active: &Active) -> io::Result<Arranged> {
    let mut headers = Vec::with_capacity(records.len());
    let mut places = Vec::with_capacity(records.len());
    let mut at = u64::from(active.end);
    for record in records {
        let header = record.header(active.end);
        let offset = u32::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        places.push(Place {
            segment: active.sequence,
            offset,
            head_len: header.head_len,
            body_len: header.body_len,
        });
        headers.push(header.encode(active.nonce));
        at += header.record_len();
    }
    let end = u32::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
    Ok((headers, places, end))
}
