//! Which segments are there, and whether they can be read at all.

use std::path::Path;
use std::sync::Arc;

use mail::Timestamp;
use world::{DiskFile, OpenMode};

use super::words::SEGMENT_DAMAGED;
use super::{Reading, failed, read_exact_or_less};
use crate::checkpoint::Summary;
use crate::core::Segment;
use crate::layout::{FileName, HeaderFault, RECORD_HEADER, RECORDS_START, RecordHeader, SegmentHeader, VERSION};
use crate::{Damage, OpenError};

impl Reading<'_> {
    /// Opens each segment and reads its header.
    pub(super) fn open_segments(&mut self, names: &[FileName], summary: &Summary) -> Result<(), OpenError> {
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
}

/// The nonce of the first record, when both copies of the segment's header are gone.
fn nonce_of_first_record(front: &[u8]) -> Option<u64> {
    let first = front.get(RECORDS_START as usize..)?;
    let nonce = u64::from_le_bytes(first.get(8..16)?.try_into().ok()?);
    RecordHeader::decode(first, nonce).map(|_| nonce)
}
