//! Finding the records of a segment, sound ones between damaged ones included.

use crate::layout::{RECORD_HEADER, RecordHeader, find_record};

/// A sound record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) at: u32,
    pub(crate) header: RecordHeader,
}

/// The octets of a segment from some place on.
pub(crate) struct Stretch {
    pub(crate) from: u32,
    pub(crate) octets: Vec<u8>,
}

impl Stretch {
    /// What lies there and behind.
    pub(crate) fn behind(&self, at: u32) -> Option<&[u8]> {
        self.octets.get(at.checked_sub(self.from)? as usize..)
    }

    /// The head of the record that begins there.
    pub(crate) fn head(&self, at: u32, len: u32) -> Option<&[u8]> {
        let record = self.behind(at)?;
        record.get(RECORD_HEADER..RECORD_HEADER + len as usize)
    }
}

/// What a segment holds from some place on.
#[derive(Default, Debug)]
pub(crate) struct Scan {
    pub(crate) records: Vec<Found>,
    /// Stretches that were acknowledged and cannot be read, as (from, to).
    pub(crate) damaged: Vec<(u32, u32)>,
    /// Octets of the last batch, or behind it, that no returned sync covered.
    pub(crate) unfinished: u64,
    /// Where the sound part ends.
    pub(crate) end: u32,
}

/// Reads the records of a stretch. With `told_end` a later segment says where this one ends; without, this is the
/// one that was being written: what is broken in its last batch was never acknowledged. Of the first `prepared` octets
/// those behind the last record may be left from before; they are nobody's loss.
pub(crate) fn scan(stretch: &Stretch, told_end: Option<u32>, nonce: u64, prepared: u32) -> Scan {
    let (from, segment) = (stretch.from, stretch.octets.as_slice());
    // Segments are far below 4 GiB.
    let offset = |at: usize| from.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
    let limit = told_end.map_or(segment.len(), |end| {
        segment.len().min(end.saturating_sub(from) as usize)
    });
    let octets = segment.get(..limit).unwrap_or(segment);
    let mut scan = Scan {
        end: from,
        ..Scan::default()
    };
    // Where it begins, where it ends, and whether a sound header says that it was a record.
    let mut broken: Vec<(u32, u32, bool)> = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let header = octets.get(at..).and_then(|rest| RecordHeader::decode(rest, nonce));
        let whole = header.and_then(|header| whole_record(octets, at, &header).map(|end| (header, end)));
        let next = match whole {
            Some((header, end)) if is_sound(octets, at, &header) => {
                scan.records.push(Found { at: offset(at), header });
                scan.end = offset(end);
                end
            }
            Some((_, end)) => {
                broken.push((offset(at), offset(end), true));
                end
            }
            None => {
                let end = find_record(octets, at + 1, nonce).unwrap_or(octets.len());
                broken.push((offset(at), offset(end), header.is_some()));
                end
            }
        };
        at = next;
    }
    let synced = match told_end {
        // A segment shorter than it was told to be has lost octets that were acknowledged.
        Some(end) => {
            if end > offset(segment.len()) {
                broken.push((offset(segment.len()), end, true));
            }
            scan.end = end;
            u32::MAX
        }
        None => scan.records.last().map_or(from, |last| last.header.batch),
    };
    for (start, end, was_record) in broken {
        if start < synced {
            scan.damaged.push((start, end));
        } else {
            let from = if was_record { start } else { start.max(prepared) };
            scan.unfinished += u64::from(end.saturating_sub(from));
        }
    }
    let nobodys = limit.max(prepared.saturating_sub(from) as usize);
    scan.unfinished += segment.len().saturating_sub(nobodys) as u64;
    scan
}

/// Where the record ends, if it does so before the segment does.
fn whole_record(octets: &[u8], at: usize, header: &RecordHeader) -> Option<usize> {
    let end = at as u64 + header.record_len();
    usize::try_from(end).ok().filter(|end| *end <= octets.len())
}

fn is_sound(octets: &[u8], at: usize, header: &RecordHeader) -> bool {
    let head_at = at + RECORD_HEADER;
    let body_at = head_at + header.head_len as usize;
    let body_end = body_at + header.body_len as usize;
    let head = octets.get(head_at..body_at);
    let body = octets.get(body_at..body_end);
    head.is_some_and(|head| crc32c::crc32c(head) == header.head_crc)
        && body.is_some_and(|body| body.is_empty() || crc32c::crc32c(body) == header.body_crc)
}
