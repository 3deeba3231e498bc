//! Anchors: where every chain stands, written down from time to time in a second place.
//!
//! A chain shows what was done to it, but for two things: that its end was cut off, and that all of it was written anew
//! from some line on. Whoever knows a line's number and seal from elsewhere sees both. An anchor is one JSON object a
//! line, sealed as the ledger's lines are, and names the last durable line of each chain: so the chains of several
//! writers are tied together, and the anchors themselves are a chain.
//!
//! ```text
//! {"v":1,"anchor":7,"at":1795262400000,"ts":"2026-11-21T12:00:00.000Z","prev":"<seal of anchor 6>","why":"time",
//!  "heads":[{"writer":"gate","file":"2026-11-21.gate.0000.jsonl","seq":41,"hash":"<seal of line 41>"}],"hash":"<seal>"}
//! ```

mod file;
mod heads;
mod read;

use std::io::Write as _;

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::line::{self, Hash, LineFault};

pub use file::write_anchor;
pub use heads::Heads;
pub(crate) use read::Known;
pub use read::{AnchorFault, Anchors, BrokenAnchor};

/// The version of the line.
const VERSION: u8 = 1;

/// Where a chain stands: its last durable line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whose chain.
    pub writer: Box<str>,
    /// The file the line is in.
    pub file: Box<str>,
    /// The line's number in the chain.
    pub seq: u64,
    /// Its seal.
    pub hash: Hash,
}

/// Why an anchor is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The gate began.
    Start,
    /// A file of the ledger began.
    File,
    /// Something was written, and time has passed.
    Time,
    /// The gate ends.
    Stop,
}

/// One anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its number, from 0.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The seal of the anchor before.
    pub prev: Hash,
    /// Why.
    pub why: Cause,
    /// Where each chain stood.
    pub heads: Vec<Place>,
    /// Its own seal.
    pub hash: Hash,
}

#[derive(Deserialize)]
struct Read {
    v: u8,
    anchor: u64,
    at: i64,
    prev: Hash,
    why: Cause,
    heads: Vec<Place>,
    hash: Hash,
}

impl Anchor {
    /// The anchor that follows another one, or the first of all, with its line.
    #[must_use]
    pub fn after(before: Option<(u64, Hash)>, at: Timestamp, why: Cause, heads: Vec<Place>) -> (Self, Vec<u8>) {
        let (number, prev) = before.map_or((0, Hash::NONE), |(number, hash)| (number + 1, hash));
        let mut line = Vec::with_capacity(256 + heads.len() * 192);
        // Writing to a Vec cannot fail, and neither can places be anything but JSON.
        let _ = write!(
            line,
            "{{\"v\":{VERSION},\"anchor\":{number},\"at\":{},\"ts\":\"{at}\",\"prev\":\"{prev}\",\"why\":",
            at.0
        );
        let _ = serde_json::to_writer(&mut line, &why);
        line.extend_from_slice(b",\"heads\":");
        let _ = serde_json::to_writer(&mut line, &heads);
        let hash = line::seal(&mut line, 0);
        let anchor = Self {
            number,
            at,
            prev,
            why,
            heads,
            hash,
        };
        (anchor, line)
    }

    /// Reads a line (without its line end) whose seal fits.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, LineFault> {
        line::unseal(octets)?;
        let read: Read = serde_json::from_slice(octets).map_err(|_| LineFault::Unreadable)?;
        if read.v != VERSION {
            return Err(LineFault::Unreadable);
        }
        Ok(Self {
            number: read.anchor,
            at: Timestamp(read.at),
            prev: read.prev,
            why: read.why,
            heads: read.heads,
            hash: read.hash,
        })
    }
}

/// Whether octets that are no anchor are what a crash leaves of one: no end, a hole, or no seal behind it.
fn is_torn(octets: &[u8], ended: bool) -> bool {
    !ended || memchr::memchr(0, octets).is_some() || !octets.ends_with(line::SEAL_END.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_reads_back_and_shows_every_changed_octet() {
        let place = Place {
            writer: "gate".into(),
            file: "2026-11-21.gate.0000.jsonl".into(),
            seq: 41,
            hash: Hash::of(b"line 41"),
        };
        let before = Some((6, Hash::of(b"anchor 6")));
        let (anchor, line) = Anchor::after(before, Timestamp(1000), Cause::Time, vec![place]);
        let line = line.strip_suffix(b"\n").unwrap();
        assert_eq!(Anchor::read(line).unwrap(), anchor);
        assert_eq!(anchor.number, 7);
        for at in 0..line.len() {
            let mut changed = line.to_vec();
            changed[at] ^= 1;
            assert!(Anchor::read(&changed).is_err(), "octet {at}");
        }
    }
}
