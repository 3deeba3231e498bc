//! Writing indexes, in bounded memory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use world::{Disk, DiskFile, OpenMode};

use super::table::{digest, first_seal};
use super::{ENTRIES_AT, ENTRY_OCTETS, HEAD_OCTETS, MAGIC, PART_OCTETS, SHELVES, Table, name_of};
use crate::chain;
use crate::key::{Mark, keys_of};
use crate::line::{self, Hash};
use crate::reader::Lines;

/// Octets of a file whose entries are gathered in one go; a longer file is read several times, for some shelves each.
const PASS_OCTETS: u64 = 256 << 20;

/// What was done about the indexes of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Closed files whose index fitted.
    pub kept: u64,
    /// Closed files that have got one now.
    pub built: u64,
    /// Indexes of files that are gone, removed.
    pub removed: u64,
}

/// Gives every closed file of a ledger's folder an index that fits, and removes those whose file is gone. The last file
/// of each writer counts as open. Blocks; for a thread on which nobody waits.
///
/// # Errors
/// The folder or a file in it cannot be read or written.
pub fn index(disk: &dyn Disk, dir: &Path) -> io::Result<Indexed> {
    let names = chain::files(disk, dir)?;
    let mut done = Indexed::default();
    let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        let closed = names.get(place + 1).is_some_and(|next| next.writer == name.writer);
        if !closed {
            continue;
        }
        let text = name.text();
        let file = disk.open(&dir.join(&text), OpenMode::Read)?;
        if Table::of(disk, dir, &text, file.as_ref())?.is_some() {
            done.kept += 1;
        } else if build(disk, dir, &text, file.as_ref(), PASS_OCTETS)? {
            done.built += 1;
        }
        wanted.insert(name_of(&text), true);
    }
    for name in disk.list(dir)? {
        let Some(text) = name.to_str() else { continue };
        let ours = text.ends_with(".index") || text.ends_with(".index.new");
        if ours && !wanted.contains_key(text) {
            disk.remove(&dir.join(text))?;
            done.removed += 1;
        }
    }
    Ok(done)
}

/// Writes the index of one file; `false` where the file has no good first line to know it by.
pub(super) fn build(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    about: &dyn DiskFile,
    pass_octets: u64,
) -> io::Result<bool> {
    let Some(seal) = first_seal(about)? else {
        return Ok(false);
    };
    let octets = about.len()?;
    let fresh = dir.join(format!("{}.new", name_of(name)));
    match disk.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&fresh, OpenMode::CreateNew)?;
    let mut writing = Writing {
        file: file.as_ref(),
        head: Vec::with_capacity(ENTRIES_AT),
        entries: 0,
    };
    writing.head.extend_from_slice(MAGIC);
    writing.head.extend_from_slice(&octets.to_be_bytes());
    writing.head.extend_from_slice(&seal.octets());
    writing
        .head
        .extend_from_slice(&octets.div_ceil(PART_OCTETS).to_be_bytes());

    let passes = usize::try_from(octets.div_ceil(pass_octets))
        .unwrap_or(SHELVES)
        .clamp(1, SHELVES);
    let each = SHELVES.div_ceil(passes);
    for first in (0..SHELVES).step_by(each) {
        let shelves = first..(first + each).min(SHELVES);
        let entries = entries_of(about, octets, &shelves)?;
        for shelf in shelves {
            writing.shelf(shelf_of(&entries, shelf))?;
        }
    }
    writing.finish()?;
    disk.rename(&fresh, &dir.join(name_of(name)))?;
    disk.sync_dir(dir)?;
    Ok(true)
}

/// One entry, ordered as it is written.
type Entry = (Mark, u32);

/// All entries on these shelves, sorted, each once.
fn entries_of(about: &dyn DiskFile, octets: u64, shelves: &std::ops::Range<usize>) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut lines = Lines::from(about, 0);
    while let Some(piece) = lines.next()? {
        if piece.at >= octets {
            break;
        }
        // What cannot be read is not found without an index either; verification names it.
        let Ok(line) = line::read(&piece.octets) else { continue };
        let Ok(part) = u32::try_from(piece.at / PART_OCTETS) else {
            break;
        };
        keys_of(&line.event, |key| {
            let mark = key.mark();
            if shelves.contains(&shelf_number(mark)) {
                entries.push((mark, part));
            }
        });
    }
    entries.sort_unstable();
    entries.dedup();
    Ok(entries)
}

fn shelf_number(mark: Mark) -> usize {
    usize::try_from(mark.0 >> (Mark::BITS - 8)).unwrap_or(0)
}

fn shelf_of(entries: &[Entry], shelf: usize) -> &[Entry] {
    let begin = entries.partition_point(|(mark, _)| shelf_number(*mark) < shelf);
    let end = entries.partition_point(|(mark, _)| shelf_number(*mark) <= shelf);
    entries.get(begin..end).unwrap_or_default()
}

/// An index being written: entries first, the head that makes them count last.
struct Writing<'a> {
    file: &'a dyn DiskFile,
    head: Vec<u8>,
    entries: u64,
}

impl Writing<'_> {
    fn shelf(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut octets = Vec::with_capacity(entries.len() * ENTRY_OCTETS);
        for (mark, part) in entries {
            octets.extend_from_slice(mark.0.to_be_bytes().get(2..).unwrap_or_default());
            octets.extend_from_slice(&part.to_be_bytes());
        }
        let at = ENTRIES_AT as u64 + self.entries * ENTRY_OCTETS as u64;
        self.file.write_at(at, &[&octets])?;
        self.entries += entries.len() as u64;
        self.head.extend_from_slice(&self.entries.to_be_bytes());
        self.head.extend_from_slice(&digest(&octets));
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        debug_assert_eq!(self.head.len(), HEAD_OCTETS + SHELVES * super::SHELF_OCTETS);
        let seal = Hash::of(&self.head);
        self.head.extend_from_slice(&seal.octets());
        self.file.write_at(0, &[&self.head])?;
        self.file.sync()
    }
}
