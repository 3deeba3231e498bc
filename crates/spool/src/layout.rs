//! The bytes around the contents: segment headers, record headers, names of files. `FORMAT.md` draws them.

use std::path::{Path, PathBuf};

/// The highest number of a segment or checkpoint that can be ours. A writer that begins one each second comes here in 68
/// years; what claims more is damage, and one more than that must still be a number.
pub(crate) const NUMBER_MAX: u32 = u32::MAX / 2;

/// The format this programme writes, and the only one it reads.
pub(crate) const VERSION: u32 = 3;
const SEGMENT_MAGIC: [u8; 8] = *b"PTCSEGMT";
pub(crate) const CHECKPOINT_MAGIC: [u8; 8] = *b"PTCCHKPT";
const RECORD_MAGIC: u32 = 0xA5_52_43_50;
const SEGMENT_HEADER: usize = 40;
/// The second copy of the header lies in another sector, so that one torn or flipped sector does not take both.
const SECOND_COPY: usize = 512;
/// Where the records of a segment begin.
pub(crate) const RECORDS_START: u32 = 1024;
/// Octets of a record's header.
pub(crate) const RECORD_HEADER: usize = 40;
/// A head is never longer; a header that says so is damaged.
pub(crate) const HEAD_MAX: u32 = 32 << 20;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) writer: u32,
    pub(crate) sequence: u32,
    /// Unpredictable, and repeated in each record: a message cannot smuggle in octets that pass for a record when
    /// a damaged segment is searched for its next sound one.
    pub(crate) nonce: u64,
    /// Octets of the file that were written before its records were: what lies there behind the last record is
    /// nothing that anybody began to write. 0 for a file that grows with its records.
    pub(crate) prepared: u32,
}

/// Why no segment header could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged,
    Version(u32),
}

impl SegmentHeader {
    /// The first [`RECORDS_START`] octets of a segment.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut one = Vec::with_capacity(SEGMENT_HEADER);
        one.extend_from_slice(&SEGMENT_MAGIC);
        one.extend_from_slice(&VERSION.to_le_bytes());
        one.extend_from_slice(&self.writer.to_le_bytes());
        one.extend_from_slice(&self.sequence.to_le_bytes());
        one.extend_from_slice(&self.prepared.to_le_bytes());
        one.extend_from_slice(&self.nonce.to_le_bytes());
        one.extend_from_slice(&[0; 4]);
        let crc = crc32c::crc32c(&one);
        one.extend_from_slice(&crc.to_le_bytes());
        let mut both = one.clone();
        both.resize(SECOND_COPY, 0);
        both.extend_from_slice(&one);
        both.resize(RECORDS_START as usize, 0);
        both
    }

    /// Reads either copy.
    pub(crate) fn decode(octets: &[u8]) -> Result<Self, HeaderFault> {
        let copies = [0, SECOND_COPY].map(|at| octets.get(at..at + SEGMENT_HEADER));
        let mut fault = HeaderFault::Damaged;
        for copy in copies.into_iter().flatten() {
            match Self::decode_copy(copy) {
                Ok(header) => return Ok(header),
                Err(HeaderFault::Damaged) => {}
                Err(version) => fault = version,
            }
        }
        Err(fault)
    }

    fn decode_copy(copy: &[u8]) -> Result<Self, HeaderFault> {
        let (covered, crc) = copy.split_last_chunk::<4>().ok_or(HeaderFault::Damaged)?;
        if !covered.starts_with(&SEGMENT_MAGIC) || crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return Err(HeaderFault::Damaged);
        }
        match word(covered, 8) {
            VERSION => Ok(Self {
                writer: word(covered, 12),
                sequence: word(covered, 16),
                nonce: long(covered, 24),
                prepared: word(covered, 20),
            }),
            other => Err(HeaderFault::Version(other)),
        }
    }
}

/// The version that the front of a segment or checkpoint claims; both have it behind eight octets of their own.
pub(crate) fn version_of(front: &[u8]) -> Option<u32> {
    let known = [SEGMENT_MAGIC, CHECKPOINT_MAGIC]
        .iter()
        .any(|magic| front.starts_with(magic));
    (known && front.len() >= 12).then(|| word(front, 8))
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message was accepted.
    Letter = 1,
    /// A message that was accepted before, re-appended with its states of that moment.
    Moved = 2,
    /// States of recipients changed.
    Change = 3,
    /// Where earlier segments end.
    Sealed = 4,
    /// What is suspended, all of it.
    Suspended = 5,
}

impl Kind {
    fn from_octet(octet: u8) -> Option<Self> {
        [Self::Letter, Self::Moved, Self::Change, Self::Sealed, Self::Suspended]
            .into_iter()
            .find(|kind| *kind as u8 == octet)
    }
}

/// What stands before each record: header, then the head, then (letters in the segment) the octets that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: Kind,
    /// Where the batch began that this record was written with. Everything before that was synced then.
    pub(crate) batch: u32,
    pub(crate) head_len: u32,
    pub(crate) body_len: u32,
    pub(crate) head_crc: u32,
    pub(crate) body_crc: u32,
}

impl RecordHeader {
    pub(crate) fn encode(&self, nonce: u64) -> [u8; RECORD_HEADER] {
        let mut octets = [0u8; RECORD_HEADER];
        let mut rest = octets.as_mut_slice();
        let mut put = |field: &[u8]| {
            if let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(field.len()) {
                place.copy_from_slice(field);
                rest = behind;
            }
        };
        put(&RECORD_MAGIC.to_le_bytes());
        put(&[self.kind as u8, 0, 0, 0]);
        put(&nonce.to_le_bytes());
        for field in [self.batch, self.head_len, self.body_len, self.head_crc, self.body_crc] {
            put(&field.to_le_bytes());
        }
        let crc = octets.get(..RECORD_HEADER - 4).map_or(0, crc32c::crc32c);
        if let Some(place) = octets.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
        octets
    }

    /// Reads a header at the front of `octets`; `None` where there is none of this segment.
    pub(crate) fn decode(octets: &[u8], nonce: u64) -> Option<Self> {
        let octets = octets.get(..RECORD_HEADER)?;
        let (covered, crc) = octets.split_last_chunk::<4>()?;
        let sound = word(covered, 0) == RECORD_MAGIC
            && long(covered, 8) == nonce
            && crc32c::crc32c(covered) == u32::from_le_bytes(*crc);
        if !sound {
            return None;
        }
        let kind = Kind::from_octet(*covered.get(4)?)?;
        let header = Self {
            kind,
            batch: word(covered, 16),
            head_len: word(covered, 20),
            body_len: word(covered, 24),
            head_crc: word(covered, 28),
            body_crc: word(covered, 32),
        };
        (header.head_len <= HEAD_MAX).then_some(header)
    }

    /// Octets of the whole record.
    pub(crate) fn record_len(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.head_len) + u64::from(self.body_len)
    }
}

/// Where the next possible record header at or behind `from` stands.
pub(crate) fn find_record(segment: &[u8], from: usize, nonce: u64) -> Option<usize> {
    let magic = RECORD_MAGIC.to_le_bytes();
    memchr::memmem::find_iter(segment.get(from..)?, &magic)
        .map(|step| from + step)
        .find(|at| {
            segment
                .get(*at..)
                .and_then(|rest| RecordHeader::decode(rest, nonce))
                .is_some()
        })
}

fn word(octets: &[u8], at: usize) -> u32 {
    octets
        .get(at..at + 4)
        .and_then(|field| field.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

fn long(octets: &[u8], at: usize) -> u64 {
    octets
        .get(at..at + 8)
        .and_then(|field| field.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// A file of the spool, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileName {
    /// Held while its writer lives.
    Lock { writer: u32 },
    /// A segment of the log.
    Segment { writer: u32, sequence: u32 },
    /// A checkpoint.
    Checkpoint { writer: u32, number: u32 },
    /// A checkpoint that is being written.
    Unfinished { writer: u32, number: u32 },
    /// A file that waits to become a segment.
    Spare { writer: u32, number: u32 },
    /// The octets of one large message.
    Own { writer: u32, number: u64 },
    /// All that this writer left is another's; what is still there is to be cleared away.
    Taken { writer: u32 },
}

impl FileName {
    pub(crate) fn writer(self) -> u32 {
        match self {
            Self::Lock { writer }
            | Self::Segment { writer, .. }
            | Self::Checkpoint { writer, .. }
            | Self::Unfinished { writer, .. }
            | Self::Spare { writer, .. }
            | Self::Own { writer, .. }
            | Self::Taken { writer } => writer,
        }
    }

    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Lock { writer } => format!("{writer:08x}.lock"),
            Self::Segment { writer, sequence } => format!("{writer:08x}-{sequence:08x}.segment"),
            Self::Checkpoint { writer, number } => format!("{writer:08x}-{number:08x}.checkpoint"),
            Self::Unfinished { writer, number } => format!("{writer:08x}-{number:08x}.unfinished"),
            Self::Spare { writer, number } => format!("{writer:08x}-{number:08x}.spare"),
            Self::Own { writer, number } => format!("{writer:08x}-{number:016x}.message"),
            Self::Taken { writer } => format!("{writer:08x}.taken"),
        })
    }

    pub(crate) fn parse(name: &Path) -> Option<Self> {
        let name = name.to_str()?;
        let (stem, suffix) = name.split_once('.')?;
        let (writer, number) = stem
            .split_once('-')
            .map_or((stem, None), |(writer, number)| (writer, Some(number)));
        let writer = u32::from_str_radix(writer, 16).ok()?;
        let short = || {
            u32::from_str_radix(number?, 16)
                .ok()
                .filter(|number| *number <= NUMBER_MAX)
        };
        match suffix {
            "lock" if number.is_none() => Some(Self::Lock { writer }),
            "taken" if number.is_none() => Some(Self::Taken { writer }),
            "segment" => Some(Self::Segment {
                writer,
                sequence: short()?,
            }),
            "checkpoint" => Some(Self::Checkpoint {
                writer,
                number: short()?,
            }),
            "unfinished" => Some(Self::Unfinished {
                writer,
                number: short()?,
            }),
            "spare" => Some(Self::Spare {
                writer,
                number: short()?,
            }),
            "message" => Some(Self::Own {
                writer,
                number: u64::from_str_radix(number?, 16).ok()?,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader {
        writer: 7,
        sequence: 9,
        nonce: 0x1122_3344_5566_7788,
        prepared: 64 << 20,
    };

    #[test]
    fn a_segment_header_survives_the_loss_of_either_copy() {
        let sound = HEADER.encode();
        assert_eq!(sound.len(), RECORDS_START as usize);
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 0x40;
            assert_eq!(SegmentHeader::decode(&flipped), Ok(HEADER));
        }
        assert_eq!(SegmentHeader::decode(&sound[..100]), Ok(HEADER));
        assert_eq!(SegmentHeader::decode(&[]), Err(HeaderFault::Damaged));
    }

    #[test]
    fn another_version_is_named_and_not_guessed_at() {
        let mut octets = HEADER.encode();
        for at in [0, SECOND_COPY] {
            octets[at + 8] = 9;
            let crc = crc32c::crc32c(&octets[at..at + SEGMENT_HEADER - 4]);
            octets[at + SEGMENT_HEADER - 4..at + SEGMENT_HEADER].copy_from_slice(&crc.to_le_bytes());
        }
        assert_eq!(SegmentHeader::decode(&octets), Err(HeaderFault::Version(9)));
    }

    #[test]
    fn a_record_header_reads_back_only_with_the_nonce_of_its_segment() {
        let header = RecordHeader {
            kind: Kind::Change,
            batch: 1024,
            head_len: 3,
            body_len: 4,
            head_crc: 5,
            body_crc: 6,
        };
        let octets = header.encode(42);
        assert_eq!(RecordHeader::decode(&octets, 42), Some(header));
        assert_eq!(RecordHeader::decode(&octets, 43), None);
        let mut segment = vec![0u8; 100];
        segment.extend_from_slice(&octets);
        assert_eq!(find_record(&segment, 3, 42), Some(100));
        assert_eq!(find_record(&segment, 101, 42), None);
        for at in 0..octets.len() {
            let mut flipped = octets;
            flipped[at] ^= 1;
            assert_eq!(RecordHeader::decode(&flipped, 42), None, "octet {at}");
        }
    }

    #[test]
    fn names_of_files_read_back() {
        for name in [
            FileName::Lock { writer: 0xfe },
            FileName::Segment { writer: 1, sequence: 2 },
            FileName::Checkpoint { writer: 1, number: 3 },
            FileName::Unfinished { writer: 1, number: 3 },
            FileName::Spare { writer: 1, number: 4 },
            FileName::Own {
                writer: 1,
                number: 1 << 59,
            },
        ] {
            let path = name.path(Path::new("/q"));
            assert_eq!(FileName::parse(Path::new(path.file_name().unwrap())), Some(name));
        }
        assert_eq!(FileName::parse(Path::new("lost+found")), None);
        // The one behind it would be no number.
        assert_eq!(FileName::parse(Path::new("00000001-ffffffff.segment")), None);
    }
}
