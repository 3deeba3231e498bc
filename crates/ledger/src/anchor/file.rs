//! Writing anchors: each behind the last good one, durable when it counts.

use std::io;
use std::path::Path;

use mail::Timestamp;
use world::{Disk, DiskFile, OpenMode};

use super::{Anchor, Cause, Place};
use crate::line::Hash;
use crate::reader::Lines;

/// Octets at the end of the file in which the last good anchor is looked for first; one has some hundred octets a writer.
const TAIL_OCTETS: u64 = 256 << 10;

/// Appends an anchor to a file, which is made where it is missing; its folder is not, for that may be a disk that is not
/// mounted. The anchor is durable when this returns; its line is returned too. Blocks.
///
/// # Errors
/// The file cannot be opened, read, written or synced; or another process writes to it now, which is
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy). Nothing counts then, and it may be tried again.
pub fn write_anchor(
    disk: &dyn Disk,
    path: &Path,
    at: Timestamp,
    why: Cause,
    heads: Vec<Place>,
) -> io::Result<(Anchor, Vec<u8>)> {
    let (file, fresh) = match disk.open(path, OpenMode::Append) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (disk.open(path, OpenMode::CreateNew)?, true),
        opened => (opened?, false),
    };
    if !file.try_lock()? {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let len = file.len()?;
    let last = last_good(file.as_ref(), len)?;
    let (anchor, line) = Anchor::after(last, at, why, heads);
    // A crash tore the last one. It stays: verification tells of it, and nothing is ever taken out of this file.
    let is_torn = len > 0 && !ends_a_line(file.as_ref(), len)?;
    let end: &[u8] = if is_torn { b"\n" } else { b"" };
    let durable = file.write_at(len, &[end, &line]).and_then(|()| file.sync());
    let durable = match path.parent().filter(|_| fresh) {
        Some(folder) => durable.and_then(|()| disk.sync_dir(folder)),
        None => durable,
    };
    if let Err(error) = durable {
        // What may not have reached the disk must not be followed by another. Where this is refused as well, the next
        // one cannot tell, and a power cut may leave a gap that verification names.
        let _ = file.truncate(len);
        return Err(error);
    }
    Ok((anchor, line))
}

/// Number and seal of the last good anchor.
fn last_good(file: &dyn DiskFile, len: u64) -> io::Result<Option<(u64, Hash)>> {
    let start = len.saturating_sub(TAIL_OCTETS);
    match last_good_from(file, start)? {
        None if start > 0 => last_good_from(file, 0),
        found => Ok(found),
    }
}

fn last_good_from(file: &dyn DiskFile, start: u64) -> io::Result<Option<(u64, Hash)>> {
    let mut lines = Lines::from(file, start);
    let mut last = None;
    while let Some(piece) = lines.next()? {
        // One that lacks nothing but the end of its line gets it with the next.
        if let Ok(anchor) = Anchor::read(&piece.octets) {
            last = Some((anchor.number, anchor.hash));
        }
    }
    Ok(last)
}

fn ends_a_line(file: &dyn DiskFile, len: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_at(len.saturating_sub(1), &mut last)?;
    Ok(last == *b"\n")
}
