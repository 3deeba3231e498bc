//! Reading an index.

use std::io;
use std::path::Path;

use world::{Disk, DiskFile, OpenMode};

use super::{ENTRIES_AT, ENTRY_OCTETS, HEAD_OCTETS, MAGIC, SEAL_OCTETS, SHELF_OCTETS, SHELVES, name_of};
use crate::key::Mark;
use crate::line::Hash;

/// An index that fits its file.
pub(crate) struct Table {
    file: Box<dyn DiskFile>,
    head: Vec<u8>,
}

impl Table {
    /// The index of a file of the ledger; `None` where there is none that fits.
    pub(crate) fn of(disk: &dyn Disk, dir: &Path, name: &str, about: &dyn DiskFile) -> io::Result<Option<Self>> {
        let file = match disk.open(&dir.join(name_of(name)), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut head = vec![0; ENTRIES_AT];
        let whole = file.read_at(0, &mut head)? == ENTRIES_AT;
        let table = Self { file, head };
        Ok((whole && table.is_sealed() && table.fits(about)?).then_some(table))
    }

    /// Parts of the file that may speak of this, in their order; `None` where the shelf is damaged.
    pub(crate) fn parts(&self, mark: Mark) -> io::Result<Option<Vec<u64>>> {
        let wanted = mark.0.to_be_bytes();
        let wanted = wanted.get(2..).unwrap_or_default();
        let number = usize::from(wanted.first().copied().unwrap_or_default());
        let begin = number.checked_sub(1).map_or(0, |before| self.shelf_end(before));
        let Some(entries) = self.shelf_end(number).checked_sub(begin) else {
            return Ok(None);
        };
        // A sealed head does not lie about lengths, but memory is not asked for on its word alone.
        let (at, len) = (
            ENTRIES_AT as u64 + begin * ENTRY_OCTETS as u64,
            entries * ENTRY_OCTETS as u64,
        );
        if at.saturating_add(len) > self.file.len()? {
            return Ok(None);
        }
        let mut shelf = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = self.file.read_at(at, &mut shelf)?;
        if read != shelf.len() || Some(digest(&shelf).as_slice()) != self.shelf(number).get(8..) {
            return Ok(None);
        }
        let (entries, _) = shelf.as_chunks::<ENTRY_OCTETS>();
        let first = entries.partition_point(|entry| entry.get(..6).unwrap_or_default() < wanted);
        let same = entries.get(first..).unwrap_or_default().iter();
        let same = same.take_while(|entry| entry.starts_with(wanted));
        Ok(Some(
            same.map(|entry| number_of(entry.get(6..).unwrap_or_default()))
                .collect(),
        ))
    }

    fn shelf(&self, number: usize) -> &[u8] {
        let at = HEAD_OCTETS + number * SHELF_OCTETS;
        self.head.get(at..at + SHELF_OCTETS).unwrap_or_default()
    }

    fn shelf_end(&self, number: usize) -> u64 {
        number_of(self.shelf(number).get(..8).unwrap_or_default())
    }

    fn is_sealed(&self) -> bool {
        let sealed = HEAD_OCTETS + SHELVES * SHELF_OCTETS;
        let (said, seal) = self.head.split_at_checked(sealed).unwrap_or_default();
        said.starts_with(MAGIC) && seal.len() == SEAL_OCTETS && Hash::of(said).octets() == seal
    }

    fn fits(&self, about: &dyn DiskFile) -> io::Result<bool> {
        let len = number_of(self.head.get(8..16).unwrap_or_default());
        if about.len()? != len {
            return Ok(false);
        }
        let first = first_seal(about)?;
        Ok(first.is_some_and(|seal| self.head.get(16..48) == Some(seal.octets().as_slice())))
    }
}

/// The seal of the first line of a file; `None` where it has no good one.
pub(super) fn first_seal(file: &dyn DiskFile) -> io::Result<Option<Hash>> {
    let first = crate::reader::Lines::in_steps(file, 0, FIRST_OCTETS).next()?;
    Ok(first
        .and_then(|piece| crate::line::read(&piece.octets).ok())
        .map(|line| line.hash))
}

/// Octets in which the first line of a file usually ends.
const FIRST_OCTETS: usize = 1024;

/// The first 64 bits of a shelf's SHA-256.
pub(super) fn digest(shelf: &[u8]) -> [u8; 8] {
    Hash::of(shelf).leading_u64().to_be_bytes()
}

fn number_of(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}
