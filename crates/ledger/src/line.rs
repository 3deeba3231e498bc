//! One line: an event, its place in the chain, and the seal.
//!
//! ```text
//! {"v":1,"seq":7,"at":1795262400000,"ts":"2026-11-21T12:00:00.000Z","prev":"<seal of line 6>","event":"...",...,"hash":"<seal>"}
//! ```
//! The seal is the SHA-256 of every octet of the line before `,"hash":"`. As `prev` is among them, a seal vouches for
//! all lines before it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::quill::Quill;
use crate::text::shown;
use crate::{Entry, Event};

/// The version of the line; another one is refused rather than guessed at.
const VERSION: u8 = 1;
/// What stands before the seal.
const SEAL_MARK: &str = ",\"hash\":\"";
/// What stands behind it.
pub(crate) const SEAL_END: &str = "\"}";
/// Hexadecimal digits of a seal.
const SEAL_DIGITS: usize = 64;
/// Room for what a line has besides its entry: its place in the chain and the seal.
pub(crate) const SEAL_OCTETS: usize = 256;
/// Octets of a line at most; an acceptance with very many recipients is the longest.
pub(crate) const LINE_OCTETS_MAX: usize = 16 << 20;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first line of a writer names as the one before it.
    pub const NONE: Self = Self([0; 32]);

    /// Its hexadecimal digits.
    fn digits(self) -> [u8; SEAL_DIGITS] {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [b'0'; SEAL_DIGITS];
        for (pair, octet) in text.chunks_exact_mut(2).zip(self.0) {
            for (digit, value) in pair.iter_mut().zip([octet >> 4, octet & 15]) {
                *digit = DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
            }
        }
        text
    }

    /// Its octets.
    pub(crate) fn octets(self) -> [u8; 32] {
        self.0
    }

    /// Its first 64 bits.
    pub(crate) fn leading_u64(self) -> u64 {
        self.0
            .iter()
            .take(8)
            .fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    /// The hash of these octets.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest(&SHA256, octets).as_ref()) {
            *to = *from;
        }
        Self(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has {SEAL_DIGITS} hexadecimal digits")]
pub struct HashError;

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.len() != SEAL_DIGITS || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(HashError);
        }
        let mut hash = [0; 32];
        for (to, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| HashError)?;
            *to = u8::from_str_radix(pair, 16).map_err(|_| HashError)?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        shown::deserialize(from)
    }
}

/// One line, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the chain of its writer, from 0.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The seal of the line before.
    pub prev: Hash,
    /// Its own seal.
    pub hash: Hash,
    /// What happened.
    pub event: Event,
}

#[derive(Deserialize)]
struct Read {
    v: u8,
    seq: u64,
    at: i64,
    prev: Hash,
    hash: Hash,
    #[serde(flatten)]
    event: Event,
}

/// Why octets are no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    /// Not an object of this version, or an event nobody knows.
    Unreadable,
    /// The seal does not fit the octets before it.
    Seal,
}

/// Appends a sealed line with its line end; returns the seal.
pub(crate) fn write(out: &mut Vec<u8>, seq: u64, at: Timestamp, prev: Hash, entry: &Entry) -> Hash {
    let start = out.len();
    let mut quill = Quill(out);
    quill.put("{\"v\":");
    quill.signed(VERSION.into());
    quill.number("seq", seq);
    quill.name("at");
    quill.signed(at.0);
    quill.put(",\"ts\":\"");
    out.extend_from_slice(&at.rfc3339());
    out.extend_from_slice(b"\",\"prev\":\"");
    out.extend_from_slice(&prev.digits());
    out.extend_from_slice(b"\",");
    out.extend_from_slice(entry.members());
    seal(out, start)
}

/// Ends the line that begins at `start` with its seal and a line end; returns the seal.
pub(crate) fn seal(out: &mut Vec<u8>, start: usize) -> Hash {
    let seal = Hash::of(out.get(start..).unwrap_or_default());
    out.extend_from_slice(SEAL_MARK.as_bytes());
    out.extend_from_slice(&seal.digits());
    out.extend_from_slice(SEAL_END.as_bytes());
    out.push(b'\n');
    seal
}

/// Whether the seal at the end of a line (without its line end) fits what stands before it.
pub(crate) fn unseal(octets: &[u8]) -> Result<(), LineFault> {
    let sealed = octets.len().checked_sub(SEAL_MARK.len() + SEAL_DIGITS + SEAL_END.len());
    let (body, seal) = sealed
        .and_then(|at| octets.split_at_checked(at))
        .ok_or(LineFault::Unreadable)?;
    let seal = seal
        .strip_prefix(SEAL_MARK.as_bytes())
        .and_then(|seal| seal.strip_suffix(SEAL_END.as_bytes()));
    if seal != Some(&Hash::of(body).digits()[..]) {
        return Err(LineFault::Seal);
    }
    Ok(())
}

/// Reads a line (without its line end) whose seal fits.
pub(crate) fn read(octets: &[u8]) -> Result<Line, LineFault> {
    unseal(octets)?;
    let read: Read = serde_json::from_slice(octets).map_err(|_| LineFault::Unreadable)?;
    if read.v != VERSION {
        return Err(LineFault::Unreadable);
    }
    Ok(Line {
        seq: read.seq,
        at: Timestamp(read.at),
        prev: read.prev,
        hash: read.hash,
        event: read.event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dropped;

    fn sample() -> (Vec<u8>, Hash) {
        let mut out = Vec::new();
        let seal = write(
            &mut out,
            3,
            Timestamp(1000),
            Hash::NONE,
            &Event::Dropped(Dropped { refusals: 2 }).into(),
        );
        (out, seal)
    }

    #[test]
    fn a_line_reads_back_with_its_seal() {
        let (octets, seal) = sample();
        let line = read(octets.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(
            (line.seq, line.at, line.prev, line.hash),
            (3, Timestamp(1000), Hash::NONE, seal)
        );
        assert_eq!(line.event, Event::Dropped(Dropped { refusals: 2 }));
    }

    #[test]
    fn every_changed_octet_breaks_the_seal() {
        let (octets, _) = sample();
        let octets = octets.strip_suffix(b"\n").unwrap();
        for at in 0..octets.len() {
            let mut changed = octets.to_vec();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "octet {at}");
            assert!(read(&octets[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_hash_reads_back() {
        let hash = Hash::of(b"portcullis");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("+1".repeat(32).parse::<Hash>().is_err());
        assert_eq!("é".repeat(32).parse::<Hash>(), Err(HashError));
    }
}
