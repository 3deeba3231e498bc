//! As much of the spool's format as it takes to find records and to set checksums right; `FORMAT.md` draws it.

use std::ops::Range;
use std::path::Path;

const RECORD_MAGIC: [u8; 4] = 0xA552_4350_u32.to_le_bytes();
/// Where the records of a segment begin.
pub(super) const RECORDS_START: usize = 1024;
/// The two copies of a segment's header.
pub(super) const HEADER_COPIES: [Range<usize>; 2] = [0..40, 512..552];
const RECORD_HEADER: usize = 40;

/// A record of a segment.
pub(super) struct Found {
    pub(super) place: Range<usize>,
    /// The message it tells of, where it is a letter.
    pub(super) letter: Option<u64>,
}

fn word(octets: &[u8], at: usize) -> usize {
    octets.get(at..at + 4).map_or(0, |four| {
        u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize
    })
}

/// The records of a sound segment.
pub(super) fn records(segment: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = RECORDS_START;
    while segment.get(at..at + 4) == Some(&RECORD_MAGIC) {
        let end = at + RECORD_HEADER + word(segment, at + 20) + word(segment, at + 24);
        let is_letter = segment.get(at + 4).is_some_and(|kind| matches!(kind, 1 | 2));
        let id = segment.get(at + RECORD_HEADER..at + RECORD_HEADER + 8);
        found.push(Found {
            place: at..end,
            letter: id
                .filter(|_| is_letter)
                .map(|id| u64::from_le_bytes(id.try_into().unwrap_or_default())),
        });
        at = end;
    }
    found
}

/// Writes the checksums that fit the octets, wherever there is something that has one.
pub(super) fn set_checksums_right(path: &Path, octets: &mut [u8]) {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("segment") => set_segment_right(octets),
        Some("checkpoint") => set_checkpoint_right(octets),
        _ => {}
    }
}

fn set_segment_right(octets: &mut [u8]) {
    for copy in HEADER_COPIES {
        seal(octets, copy);
    }
    let mut at = RECORDS_START;
    while at + RECORD_HEADER <= octets.len() {
        if octets[at..at + 4] != RECORD_MAGIC {
            at += 1;
            continue;
        }
        let head = at + RECORD_HEADER;
        let body = head.saturating_add(word(octets, at + 20));
        let end = body.saturating_add(word(octets, at + 24));
        for (place, covered) in [(at + 28, head..body), (at + 32, body..end)] {
            if let Some(sum) = octets.get(covered).map(crc32c::crc32c) {
                octets[place..place + 4].copy_from_slice(&sum.to_le_bytes());
            }
        }
        seal(octets, at..head);
        at = if end <= octets.len() { end } else { at + 1 };
    }
}

/// Magic and version, then frames: length, checksum, octets.
fn set_checkpoint_right(octets: &mut [u8]) {
    let mut at = 12;
    while at + 8 <= octets.len() {
        let end = (at + 8).saturating_add(word(octets, at));
        let Some(sum) = octets.get(at + 8..end).map(crc32c::crc32c) else {
            return;
        };
        octets[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

/// Sets the last four octets of a place to the checksum of those before.
fn seal(octets: &mut [u8], place: Range<usize>) {
    let Some(covered) = octets.get_mut(place) else { return };
    let (covered, sum) = covered.split_at_mut(covered.len() - 4);
    sum.copy_from_slice(&crc32c::crc32c(covered).to_le_bytes());
}
