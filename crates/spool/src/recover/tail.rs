//! The tail: all that was written behind the checkpoint, read and applied record by record.

use std::collections::{BTreeMap, BTreeSet};

use mail::MessageId;

use super::scan::{Found, Scan, Stretch, scan};
use super::words::{BODY_DAMAGED, RECORD_DAMAGED};
use super::{Reading, failed, read_exact_or_less};
use crate::OpenError;
use crate::checkpoint::Summary;
use crate::codec::Decoder;
use crate::entry::Place;
use crate::index::Finished;
use crate::layout::{FileName, Kind, RECORD_HEADER, RECORDS_START, RecordHeader};
use crate::record::{ChangeHead, LetterHead, SegmentEnd, decode_sealed, take_suspended};

impl Reading<'_> {
    pub(super) fn read_tail(&mut self, summary: &Summary) -> Result<(), OpenError> {
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
        let size = usize::try_from(segment.size.saturating_sub(u64::from(from))).unwrap_or(usize::MAX);
        let octets = read_exact_or_less(file.as_ref(), u64::from(from), size).map_err(failed(&path))?;
        let stretch = Stretch { from, octets };
        // A process that was killed leaves records that are readable and not yet durable. They are used from now on,
        // so they must not vanish with the next loss of power.
        file.sync().map_err(failed(&path))?;
        let prepared = self.prepared.get(&sequence).copied().unwrap_or(0);
        let scan = scan(&stretch, told_end, nonce, prepared);
        if let Some(segment) = self.recovered.segments.get_mut(&sequence) {
            segment.size = u64::from(scan.end);
        }
        self.recovered.tail_octets += u64::from(scan.end.saturating_sub(from));
        self.recovered.unfinished_octets += scan.unfinished;
        for found in &scan.records {
            self.recovered.tail_records += 1;
            if self.apply(sequence, &stretch, found).is_none() {
                self.damage(sequence, found.at, found.header.record_len(), None, RECORD_DAMAGED);
            }
        }
        for (at, end) in &scan.damaged {
            let message = self.rescue(sequence, &stretch, *at, nonce);
            let what = if message.is_some() {
                BODY_DAMAGED
            } else {
                RECORD_DAMAGED
            };
            self.damage(sequence, *at, u64::from(end - at), message, what);
        }
        Ok(scan)
    }

    /// A letter whose envelope is sound and whose octets are not: it stays in the queue, marked.
    fn rescue(&mut self, sequence: u32, stretch: &Stretch, at: u32, nonce: u64) -> Option<MessageId> {
        let header = RecordHeader::decode(stretch.behind(at)?, nonce)?;
        if !matches!(header.kind, Kind::Letter | Kind::Moved) {
            return None;
        }
        let head = stretch.head(at, header.head_len)?;
        if crc32c::crc32c(head) != header.head_crc {
            return None;
        }
        let id = LetterHead::decode(head).ok()?.id;
        self.apply(sequence, stretch, &Found { at, header })?;
        self.recovered.index.entries.contains_key(&id).then_some(id)
    }

    /// Applies one record; `None` where its contents make no sense.
    fn apply(&mut self, sequence: u32, stretch: &Stretch, found: &Found) -> Option<()> {
        let head = stretch.head(found.at, found.header.head_len)?;
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
}
