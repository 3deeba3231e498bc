//! Finding what may be removed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use mail::Timestamp;
use world::{Disk, DiskFile, OpenMode};

use super::heed::Heed;
use super::{Gap, Pruned, SharedDisk, Stretch, Stretches};
use crate::chain::{self, Chain, FileName};
use crate::line::{self, Hash, Line};
use crate::lineup::Lineup;
use crate::reader::{Lines, Reader};
use crate::{Event, Key, Opened, Words};

/// What is to be removed, and what not.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The files, the oldest first within each writer.
    pub(super) files: Vec<Stretch>,
    /// Files in which nothing counts.
    pub(super) leftovers: Vec<Box<str>>,
    /// What is missing already, and explained.
    gone: Vec<Stretch>,
    /// Whether records name all of it already: a crash kept a former run from ending.
    is_recorded: bool,
    /// Files that are kept for each hold.
    pub(super) held: BTreeMap<u64, u64>,
    /// Writers of which nothing is removed, and why.
    pub(super) refused: Vec<(Box<str>, String)>,
}

impl Plan {
    /// Looks through the folder.
    pub(super) fn make(
        disk: &dyn Disk,
        dir: &Path,
        before: Timestamp,
        records: &[Line],
        mut heed: Heed,
    ) -> io::Result<Self> {
        let mut named = Stretches::default();
        for line in records {
            if let Event::Pruned(record) = &line.event {
                named.add(record);
            }
        }
        let mut plan = Self::default();
        for (writer, names) in chain::by_writer(disk, dir)? {
            let mut survey = Survey {
                disk,
                dir,
                before,
                writer: &writer,
                named: &named,
                heed: &mut heed,
                found: Found::default(),
            };
            match survey.of(&names)? {
                Ok(()) => {
                    plan.files.append(&mut survey.found.files);
                    plan.gone.append(&mut survey.found.gone);
                    plan.leftovers.append(&mut survey.found.leftovers);
                }
                Err(why) => plan.refused.push((writer, why)),
            }
        }
        plan.held = heed.kept;
        let is_named = |stretch: &Stretch| named.of(&stretch.writer).contains(stretch);
        plan.is_recorded = plan.leftovers.is_empty() && plan.files.iter().all(is_named);
        Ok(plan)
    }

    /// The record that has to be on disk before anything of it is done; `None` where it is, or nothing is to be done.
    pub(super) fn record(&self, before: Timestamp, rule: Words) -> Option<Pruned> {
        let record = Pruned {
            rule,
            before,
            files: self.files.clone(),
            gone: self.gone.clone(),
            leftovers: self.leftovers.clone(),
        };
        (!self.is_recorded).then_some(record)
    }
}

/// Records of earlier removals.
pub(super) fn records(disk: SharedDisk, dir: &Path) -> io::Result<Vec<Line>> {
    Reader::new(disk, dir).events_of(&Key::Pruned)
}

/// Lets writers that are gone begin another file, where all they wrote is older than this: the last file of a writer
/// counts as open and would be kept for ever.
pub(super) fn turn_pages(
    disk: &SharedDisk,
    dir: &Path,
    own: &str,
    now: Timestamp,
    before: Timestamp,
) -> io::Result<()> {
    for (writer, names) in chain::by_writer(&**disk, dir)? {
        let is_old = names.last().is_some_and(|last| *last.day < *before.to_date());
        if *writer == *own || !is_old {
            continue;
        }
        match Chain::open(disk.clone(), dir, &writer, now, u64::MAX) {
            Err(error) if error.kind() != io::ErrorKind::ResourceBusy => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What was found of one writer.
#[derive(Default)]
struct Found {
    files: Vec<Stretch>,
    gone: Vec<Stretch>,
    leftovers: Vec<Box<str>>,
}

/// The look through one writer's files.
struct Survey<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    before: Timestamp,
    writer: &'a str,
    named: &'a Stretches,
    heed: &'a mut Heed,
    found: Found,
}

impl Survey<'_> {
    /// In the inner result, why nothing may be removed.
    fn of(&mut self, names: &[FileName]) -> io::Result<Result<(), String>> {
        let lineup = Lineup::of(self.disk, self.dir, self.writer, names)?;
        if let Some((file, _)) = lineup.spoilt {
            return Ok(Err(format!("the first line of {file} is not what it was")));
        }
        let day = self.before.to_date();
        let is_old = |file: &str| file.get(..day.len()).is_some_and(|of| of <= day.as_str());
        let mut at: Option<(u64, Hash)> = None;
        for (index, (file, opened)) in lineup.files.iter().enumerate() {
            if let Err(why) = self.join(at, file, opened)? {
                return Ok(Err(why));
            }
            // The last file of a writer is open, or its page is turned before.
            let Some((_, next)) = lineup.files.get(index + 1).filter(|_| is_old(file)) else {
                break;
            };
            let end = next.after().filter(|_| next.continues(file)).map(|after| after.octets);
            let (stretch, held) = match self.read(file, end)? {
                Ok(read) => read,
                Err(why) => return Ok(Err(why)),
            };
            at = Some((stretch.last, stretch.seal));
            if stretch.newest >= self.before {
                break;
            }
            if held.is_empty() {
                self.found.files.push(stretch);
            } else {
                self.heed.keeps(&held);
            }
        }
        if self.heed.is_in_force() {
            // What cannot be read might be what is held.
            return Ok(Ok(()));
        }
        let leftovers = lineup.never_synced.iter().filter(|file| is_old(file));
        let newest = names.last().map(FileName::text);
        self.found.leftovers = leftovers
            .filter(|file| Some(*file) != newest.as_ref())
            .map(|file| file.as_str().into())
            .collect();
        Ok(Ok(()))
    }

    /// Whether a file follows what stands before it, or what is missing there was removed by rule.
    fn join(&mut self, at: Option<(u64, Hash)>, file: &str, opened: &Opened) -> io::Result<Result<(), String>> {
        let path = self.dir.join(file);
        let Some((first, prev)) = first_line(&*self.disk.open(&path, OpenMode::Read)?)? else {
            return Ok(Err(format!("the first line of {file} cannot be read")));
        };
        let follows = match at {
            Some((seq, seal)) => first == seq + 1 && prev == seal,
            None => opened.after().is_none(),
        };
        if follows {
            return Ok(Ok(()));
        }
        let gap = Gap {
            from: at,
            file: file.to_owned(),
            first,
            prev,
        };
        match self.named.explain(self.writer, &gap) {
            Some(stretch) => self.found.gone.push(stretch),
            // Taken away by hand, as was the only way once. Verification says so for as long as it shows.
            None if at.is_none() => {}
            None => {
                return Ok(Err(format!(
                    "what should stand before {file} is missing, and no record says why"
                )));
            }
        }
        Ok(Ok(()))
    }

    /// Reads a whole file, and finds which holds cover something in it; in the inner error, what is wrong with it.
    fn read(&self, name: &str, end: Option<u64>) -> io::Result<Result<(Stretch, BTreeSet<u64>), String>> {
        let file = self.disk.open(&self.dir.join(name), OpenMode::Read)?;
        let mut lines = Lines::from(&*file, 0);
        let (mut read, mut good_to): (Option<Stretch>, u64) = (None, 0);
        let mut held: BTreeSet<u64> = BTreeSet::new();
        while end.is_none_or(|end| good_to < end) {
            let Some(piece) = lines.next()? else { break };
            let line = match line::read(&piece.octets) {
                Ok(line) if piece.ended => line,
                // Where nothing tells its end, a crash may have left anything there.
                _ if end.is_none() => break,
                _ => {
                    return Ok(Err(format!(
                        "{name} has a line at octet {} that does not hold",
                        piece.at
                    )));
                }
            };
            good_to = piece.at + piece.octets.len() as u64 + 1;
            self.heed.cover(&line.event, &mut held);
            read = match read {
                Some(so_far) if so_far.last + 1 == line.seq && so_far.seal == line.prev => Some(Stretch {
                    last: line.seq,
                    seal: line.hash,
                    oldest: so_far.oldest.min(line.at),
                    newest: so_far.newest.max(line.at),
                    ..so_far
                }),
                Some(_) if end.is_none() => break,
                Some(_) => {
                    return Ok(Err(format!(
                        "{name} has a line at octet {} that follows no other",
                        piece.at
                    )));
                }
                None => Some(self.beginning(name, &line)),
            };
        }
        Ok(match read {
            Some(read) if end.is_none_or(|end| good_to == end) => Ok((read, held)),
            _ => Err(format!("{name} is shorter than it was")),
        })
    }

    fn beginning(&self, file: &str, line: &Line) -> Stretch {
        Stretch {
            writer: self.writer.into(),
            file: file.into(),
            files: 1,
            first: line.seq,
            prev: line.prev,
            last: line.seq,
            seal: line.hash,
            oldest: line.at,
            newest: line.at,
        }
    }
}

/// Number of the first line of a file, and the seal it names as the one before.
fn first_line(file: &dyn DiskFile) -> io::Result<Option<(u64, Hash)>> {
    let first = Lines::in_steps(file, 0, 4096).next()?;
    Ok(first
        .and_then(|piece| line::read(&piece.octets).ok())
        .map(|line| (line.seq, line.prev)))
}
