//! The index: which parts of a closed file speak of a message, a session, a source, a grant, a login or an address.
//!
//! Derived and disposable: it answers nothing by itself, it only says where to look, and what stands there is compared
//! with what was asked. Without it, or where it does not fit its file, the file is read as a whole, which is slower and
//! finds the same. It is written beside its file (`2026-11-21.gate.0000.index`), never on a letter's way, and may be
//! deleted at any time.
//!
//! ```text
//!   0  "PCINDEX1"
//!   8  octets of the file it is about                  } it fits as long as
//!  16  seal of that file's first line                  } both are so
//!  48  parts of 16 KiB it points into, 64 bits
//!  56  256 shelves: entries up to the end of each (64 bits), the first 64 bits of its SHA-256
//! 4152 SHA-256 of all before
//! 4184 entries: 48 bits of a key's hash, 32 bits that number the part in which the line begins; sorted
//! ```
//! Numbers are big-endian, so that entries order as octets do. A shelf holds the entries whose first octet is its
//! number.

mod build;
mod table;

pub use build::{Indexed, index};
pub(crate) use table::Table;

const MAGIC: &[u8; 8] = b"PCINDEX1";
/// Shelves of a table.
const SHELVES: usize = 256;
/// Octets before the shelves.
const HEAD_OCTETS: usize = 56;
/// Octets of what is said of a shelf.
const SHELF_OCTETS: usize = 16;
/// Octets of the seal behind the shelves.
const SEAL_OCTETS: usize = 32;
/// Where entries begin.
const ENTRIES_AT: usize = HEAD_OCTETS + SHELVES * SHELF_OCTETS + SEAL_OCTETS;
/// Octets of an entry.
const ENTRY_OCTETS: usize = 10;
/// Octets of a part of a file: what an entry leads to is read from there on.
pub(crate) const PART_OCTETS: u64 = 16 << 10;

/// What an index is named.
pub(crate) fn name_of(file: &str) -> String {
    format!("{}.index", file.strip_suffix(".jsonl").unwrap_or(file))
}

#[cfg(test)]
mod tests;
