//! The files of one writer: appending to the chain, and finding its end again.
//!
//! The order write, sync (and for a new file: sync its folder) stands in [`Chain::append`] alone. A file whose sync
//! failed is never written to again: the next one begins behind the last line that was synced and says so.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::Timestamp;
use world::{Disk, DiskFile, OpenMode};

use crate::anchor::Place;
use crate::event::{Opened, Previous};
use crate::line::{self, Hash};
use crate::reader::Lines;
use crate::{Dropped, Entry, Event};

/// Octets of one write at most, but for its last line.
pub(crate) const BATCH_OCTETS_MAX: usize = 1 << 20;
/// Octets at the end of a file in which a crash may have left anything: what one write may have held, and a line.
const TAIL_OCTETS: u64 = (BATCH_OCTETS_MAX + line::LINE_OCTETS_MAX) as u64;

/// The name of a file: `2026-11-21.gate.0000.jsonl`. Orders as the files of a writer follow each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName {
    pub(crate) writer: Box<str>,
    pub(crate) day: Box<str>,
    pub(crate) part: u32,
}

impl FileName {
    pub(crate) fn parse(name: &Path) -> Option<Self> {
        let mut parts = name.to_str()?.split('.');
        let (day, writer, part) = (parts.next()?, parts.next()?, parts.next()?);
        let ours = parts.next() == Some("jsonl") && parts.next().is_none() && day.len() == 10 && is_writer(writer);
        let part = part.parse().ok().filter(|_| ours)?;
        let name = Self {
            writer: writer.into(),
            day: day.into(),
            part,
        };
        Some(name)
    }

    pub(crate) fn text(&self) -> String {
        format!("{}.{}.{:04}.jsonl", self.day, self.writer, self.part)
    }
}

/// Whether this may name a writer: letters, digits and hyphens, 1 to 40 of them.
pub(crate) fn is_writer(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// The files in a ledger's folder, oldest first within each writer.
pub(crate) fn files(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<FileName>> {
    let mut files: Vec<FileName> = disk
        .list(dir)?
        .iter()
        .filter_map(|name| FileName::parse(name))
        .collect();
    files.sort();
    Ok(files)
}

/// The same, by writer.
pub(crate) fn by_writer(disk: &dyn Disk, dir: &Path) -> io::Result<BTreeMap<Box<str>, Vec<FileName>>> {
    let mut writers: BTreeMap<Box<str>, Vec<FileName>> = BTreeMap::new();
    for file in files(disk, dir)? {
        writers.entry(file.writer.clone()).or_default().push(file);
    }
    Ok(writers)
}

/// What was found behind the last good line of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) file: String,
    pub(crate) at: u64,
    pub(crate) octets: u64,
}

/// The end of a writer's chain, open for more.
pub(crate) struct Chain {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    writer: Box<str>,
    /// The newest name that was ever taken; the next file comes behind it.
    newest: Option<FileName>,
    /// The file being written to, where there is a sound one.
    open: Option<Box<dyn DiskFile>>,
    /// Where the chain stands: the last line that is durable. `None` before the first.
    end: Option<Previous>,
    next_seq: u64,
    /// Octets after which a file is closed.
    file_octets: u64,
    /// Held for as long as the chain lives, so that no other process writes as the same writer.
    _lock: Box<dyn DiskFile>,
}

impl Chain {
    /// Finds the end of the chain and begins a new file behind it.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        writer: &str,
        now: Timestamp,
        file_octets: u64,
    ) -> io::Result<(Self, Option<Damage>)> {
        disk.create_dir(dir)?;
        let lock = take_lock(disk.as_ref(), dir, writer)?;
        let names: Vec<FileName> = files(disk.as_ref(), dir)?
            .into_iter()
            .filter(|f| &*f.writer == writer)
            .collect();
        let mut chain = Self {
            disk,
            dir: dir.to_owned(),
            writer: writer.into(),
            newest: names.last().cloned(),
            open: None,
            end: None,
            next_seq: 0,
            file_octets,
            _lock: lock,
        };
        let End { last, damage } = find_end(chain.disk.as_ref(), dir, &names)?;
        if let Some((file, line, octets)) = last {
            chain.next_seq = line.seq + 1;
            chain.end = Some(Previous {
                file: file.into(),
                octets,
                hash: line.hash,
            });
        }
        chain.append(now, &[])?;
        Ok((chain, damage))
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        let (file, hash) = self.end.as_ref().map_or(("", Hash::NONE), |end| (&end.file, end.hash));
        Place {
            writer: self.writer.clone(),
            file: file.into(),
            seq: self.next_seq.saturating_sub(1),
            hash,
        }
    }

    /// Appends entries. They are durable when this returns; after an error none of them counts, and they may be given
    /// again.
    pub(crate) fn append(&mut self, now: Timestamp, entries: &[(Timestamp, Entry)]) -> io::Result<()> {
        let day = now.to_date();
        let turns = self.newest.as_ref().is_some_and(|newest| *day > *newest.day);
        let full = self.end.as_ref().is_some_and(|end| end.octets >= self.file_octets);
        if turns || full {
            self.open = None;
        }
        let (file, name, fresh) = match (self.open.take(), &self.newest) {
            (Some(file), Some(name)) => (file, name.clone(), false),
            _ => {
                let (file, name) = self.create(&day)?;
                (file, name, true)
            }
        };

        let lines = entries
            .iter()
            .map(|(_, entry)| entry.json().len() + line::SEAL_OCTETS)
            .sum();
        let mut octets = Vec::with_capacity(lines);
        let mut seq = self.next_seq;
        let mut prev = self.end.as_ref().map_or(Hash::NONE, |end| end.hash);
        let opening = fresh.then(|| Opened {
            writer: self.writer.clone(),
            after: self.end.clone(),
        });
        let opening = opening.map(|opened| (now, Event::Opened(Box::new(opened)).into()));
        for (at, entry) in opening.iter().chain(entries) {
            prev = line::write(&mut octets, seq, *at, prev, entry);
            seq += 1;
        }
        let at = match &self.end {
            Some(end) if !fresh => end.octets,
            _ => 0,
        };

        // From here to the sync an error leaves `open` empty: nothing is ever appended behind octets that may not
        // have reached the disk.
        let durable = file.write_at(at, &[&octets]).and_then(|()| file.sync());
        let durable = if fresh {
            durable.and_then(|()| self.disk.sync_dir(&self.dir))
        } else {
            durable
        };
        if let Err(error) = durable {
            if fresh {
                // Only tidiness: nothing in it counts, and verification knows such files.
                let _ = self.disk.remove(&self.dir.join(name.text()));
            }
            return Err(error);
        }
        self.open = Some(file);
        self.end = Some(Previous {
            file: name.text().into(),
            octets: at + octets.len() as u64,
            hash: prev,
        });
        self.next_seq = seq;
        Ok(())
    }

    /// Creates the next file. Its day is never before that of the last one, whatever the clock says.
    fn create(&mut self, day: &str) -> io::Result<(Box<dyn DiskFile>, FileName)> {
        let name = match &self.newest {
            Some(newest) if *newest.day >= *day => FileName {
                part: newest.part.saturating_add(1),
                ..newest.clone()
            },
            _ => FileName {
                writer: self.writer.clone(),
                day: day.into(),
                part: 0,
            },
        };
        self.newest = Some(name.clone());
        let file = self.disk.open(&self.dir.join(name.text()), OpenMode::CreateNew)?;
        Ok((file, name))
    }
}

/// The end of a chain as its files show it.
pub(crate) struct End {
    /// Its last good line: the file, the line, the octet behind it.
    pub(crate) last: Option<(String, line::Line, u64)>,
    /// What was found behind it.
    pub(crate) damage: Option<Damage>,
}

/// Walks back to the newest of a writer's files with a good line, and in it to its last good line, which is durable when
/// this returns: a process that was killed may have left it to the memory of the machine alone.
pub(crate) fn find_end(disk: &dyn Disk, dir: &Path, names: &[FileName]) -> io::Result<End> {
    let mut damage = None;
    for name in names.iter().rev() {
        let file = disk.open(&dir.join(name.text()), OpenMode::Read)?;
        let len = file.len()?;
        let found = last_good_line(file.as_ref(), len)?;
        let at = found.as_ref().map_or(0, |found| found.1);
        if at < len {
            damage = Some(Damage {
                file: name.text(),
                at,
                octets: len - at,
            });
        }
        if let Some((line, octets)) = found {
            file.sync()?;
            disk.sync_dir(dir)?;
            let last = Some((name.text(), line, octets));
            return Ok(End { last, damage });
        }
    }
    Ok(End { last: None, damage })
}

/// The last line of the unbroken run at the end of a file, and the octet behind it. A crash may have left anything in
/// what the last write held, so links are checked there, and the run ends at the first that does not hold.
fn last_good_line(file: &dyn DiskFile, len: u64) -> io::Result<Option<(line::Line, u64)>> {
    let start = len.saturating_sub(TAIL_OCTETS);
    let mut lines = Lines::from(file, start);
    if start > 0 {
        // The first piece is the rest of a line that began before the window.
        lines.next()?;
    }
    let mut last: Option<(line::Line, u64)> = None;
    while let Some(found) = lines.next()? {
        let Ok(line) = line::read(&found.octets) else { break };
        let follows = last
            .as_ref()
            .is_none_or(|(last, _)| last.hash == line.prev && last.seq + 1 == line.seq);
        if !found.ended || !follows {
            break;
        }
        last = Some((line, found.at + found.octets.len() as u64 + 1));
    }
    Ok(last)
}

/// Takes a writer's lock; [`ResourceBusy`](io::ErrorKind::ResourceBusy) where another process holds it.
pub(crate) fn take_lock(disk: &dyn Disk, dir: &Path, writer: &str) -> io::Result<Box<dyn DiskFile>> {
    let path = dir.join(format!("{writer}.lock"));
    let lock = match disk.open(&path, OpenMode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&path, OpenMode::ReadWrite)?,
        other => other?,
    };
    if lock.try_lock()? {
        Ok(lock)
    } else {
        Err(io::ErrorKind::ResourceBusy.into())
    }
}

/// A line that says how many refusals were left out.
pub(crate) fn dropped(refusals: u64) -> Entry {
    Event::Dropped(Dropped { refusals }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_read_back_and_order_by_day_and_part() {
        let name = |day: &str, part| FileName {
            writer: "gate".into(),
            day: day.into(),
            part,
        };
        let early = name("2026-11-21", 9999);
        assert_eq!(FileName::parse(Path::new(&early.text())), Some(early.clone()));
        assert!(early < name("2026-11-21", 10_000));
        assert!(name("2026-11-21", 10_000) < name("2026-11-22", 0));
        assert_eq!(FileName::parse(Path::new("gate.lock")), None);
        assert_eq!(FileName::parse(Path::new("2026-11-21.gate.x.jsonl")), None);
    }
}
