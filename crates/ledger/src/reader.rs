//! Finding what was said of a message, a session or an event id.
//!
//! Files are read newest first. The index of a closed file says which parts of it to read; of one that has none every
//! line is looked at, and parsed only where the letters that were asked for occur in it.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mail::{MessageId, Timestamp};
use memchr::memchr;
use world::{Disk, DiskFile, OpenMode};

use crate::chain;
use crate::key::Key;
use crate::line::{self, LINE_OCTETS_MAX, Line};
use crate::search::Search;

/// Octets read at once.
const READ_OCTETS: usize = 128 << 10;

/// How far a reading has come, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub read: u64,
    /// Of so many, when it began.
    pub of: u64,
}

/// Reads a ledger's folder, also while it is being written.
#[derive(Clone)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Reader {
    /// A reader of this folder.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: impl Into<PathBuf>) -> Self {
        Self { disk, dir: dir.into() }
    }

    /// The folder, and the disk it is on.
    pub(crate) fn place(&self) -> (Arc<dyn Disk>, PathBuf) {
        (self.disk.clone(), self.dir.clone())
    }

    /// What was said, in the order it was written. Blocks; lines that cannot be read are passed over ([`verify`] names
    /// them).
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    ///
    /// [`verify`]: crate::verify()
    pub fn events_of(&self, key: &Key) -> io::Result<Vec<Line>> {
        let mut found: Vec<Line> = Vec::new();
        self.newest_first(|name, file| {
            let mut begun = false;
            let mut search = Search::of(self.disk.as_ref(), &self.dir, name, file, key)?;
            while let Some(line) = search.before()? {
                begun |= key.begins_with(&line.event);
                found.push(line);
            }
            Ok(if begun { Next::Enough } else { Next::Older })
        })?;
        Ok(in_order(found))
    }

    /// The last `most` lines about this, in the order they were written. Blocks.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn last_of(&self, key: &Key, most: usize) -> io::Result<Vec<Line>> {
        let mut found: Vec<Line> = Vec::new();
        self.newest_first(|name, file| {
            let mut search = Search::of(self.disk.as_ref(), &self.dir, name, file, key)?;
            // Another writer may have written at the same time: of each as many are taken.
            let mut of_this = 0;
            while of_this < most {
                let Some(line) = search.before()? else { break };
                found.push(line);
                of_this += 1;
            }
            Ok(if of_this == most { Next::Enough } else { Next::Older })
        })?;
        let mut found = in_order(found);
        found.drain(..found.len().saturating_sub(most));
        Ok(found)
    }

    /// The messages that lines about this are about. Blocks; holds no line in memory longer than it looks at it.
    pub(crate) fn messages_of(&self, key: &Key) -> io::Result<BTreeSet<MessageId>> {
        let mut messages = BTreeSet::new();
        self.newest_first(|name, file| {
            let mut search = Search::of(self.disk.as_ref(), &self.dir, name, file, key)?;
            while let Some(line) = search.before()? {
                messages.extend(line.event.message());
            }
            Ok(Next::Older)
        })?;
        Ok(messages)
    }

    /// Hands every line that was written at `since` or later to `visit`, day after day, with how far it has come. Blocks;
    /// passes over lines that cannot be read. A line that was written again behind a failed sync is handed out twice.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn each_since(&self, since: Timestamp, mut visit: impl FnMut(&Line, Progress)) -> io::Result<()> {
        // What was said about midnight may stand in the file of the day before or behind.
        let first = since.minus(Duration::from_secs(86_400)).to_date();
        let mut names = chain::files(self.disk.as_ref(), &self.dir)?;
        names.retain(|name| *name.day >= *first);
        names.sort_by(|a, b| (&a.day, &a.writer, a.part).cmp(&(&b.day, &b.writer, b.part)));
        let open = |name: &chain::FileName| self.disk.open(&self.dir.join(name.text()), OpenMode::Read);
        let mut progress = Progress { read: 0, of: 0 };
        for name in &names {
            progress.of += open(name)?.len()?;
        }
        for name in &names {
            let file = open(name)?;
            let before = progress.read;
            let mut lines = Lines::from(file.as_ref(), 0);
            while let Some(piece) = lines.next()? {
                progress.read = before + piece.at + piece.octets.len() as u64;
                match line::read(&piece.octets) {
                    Ok(line) if line.at >= since => visit(&line, progress),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The names of the files there are, oldest first within each writer. Blocks.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let names = chain::files(self.disk.as_ref(), &self.dir)?;
        Ok(names.iter().map(chain::FileName::text).collect())
    }

    /// Hands each file to `look`, the newest first, until it has seen enough of its writer: then the files of that day
    /// that other writers may have filled follow, and no older ones.
    pub(crate) fn newest_first(&self, mut look: impl FnMut(&str, &dyn DiskFile) -> io::Result<Next>) -> io::Result<()> {
        let mut names = chain::files(self.disk.as_ref(), &self.dir)?;
        names.sort_by(|a, b| (&b.day, b.part, &b.writer).cmp(&(&a.day, a.part, &a.writer)));
        let mut last_day: Option<Box<str>> = None;
        let mut done: BTreeSet<Box<str>> = BTreeSet::new();
        for name in names {
            if last_day.as_ref().is_some_and(|day| *day != name.day) {
                break;
            }
            if done.contains(&name.writer) {
                continue;
            }
            let text = name.text();
            let file = match self.disk.open(&self.dir.join(&text), OpenMode::Read) {
                Ok(file) => file,
                // Its time to be kept had come since the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if look(&text, file.as_ref())? == Next::Enough {
                last_day = Some(name.day);
                done.insert(name.writer);
            }
        }
        Ok(())
    }
}

/// In the order they were written, each once: a write whose sync failed is made again in the next file.
fn in_order(mut found: Vec<Line>) -> Vec<Line> {
    found.sort_by_key(|line| (line.at, line.seq));
    found.dedup_by(|a, b| a.at == b.at && a.event == b.event);
    found
}

/// Whether to look into older files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Older,
    Enough,
}

/// A line's octets as they stand in a file.
pub(crate) struct Piece {
    /// Where it begins.
    pub(crate) at: u64,
    /// Without the line end.
    pub(crate) octets: Vec<u8>,
    /// Whether there is a line end behind it; the last piece of a file may have none.
    pub(crate) ended: bool,
}

/// Cuts a file into lines, holding no more of it in memory than one line and one read.
pub(crate) struct Lines<'a> {
    file: &'a dyn DiskFile,
    /// Where the octets in `buffer` begin.
    at: u64,
    buffer: Vec<u8>,
    /// Octets of `buffer` that were handed out.
    used: usize,
    /// Octets read at once.
    step: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn from(file: &'a dyn DiskFile, at: u64) -> Self {
        Self::in_steps(file, at, READ_OCTETS)
    }

    /// The same for who wants few lines: so many octets are read at once.
    pub(crate) fn in_steps(file: &'a dyn DiskFile, at: u64, step: usize) -> Self {
        Self {
            file,
            at,
            buffer: Vec::new(),
            used: 0,
            step,
        }
    }

    /// The next line; a piece longer than any line of ours is cut.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece>> {
        let mut searched = 0;
        loop {
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            if let Some(found) = memchr(b'\n', rest.get(searched..).unwrap_or_default()) {
                return Ok(Some(self.cut(searched + found, true)));
            }
            searched = rest.len();
            if searched > LINE_OCTETS_MAX || !self.read_on()? {
                return Ok((searched > 0).then(|| self.cut(searched, false)));
            }
        }
    }

    /// Reads what follows; `false` at the end of the file.
    fn read_on(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.used);
        self.at += self.used as u64;
        self.used = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + self.step, 0);
        let read = match self.buffer.get_mut(kept..) {
            Some(room) => self.file.read_at(self.at + kept as u64, room)?,
            None => 0,
        };
        self.buffer.truncate(kept + read);
        Ok(read > 0)
    }

    fn cut(&mut self, len: usize, ended: bool) -> Piece {
        let octets = self.buffer.get(self.used..self.used + len).unwrap_or_default().to_vec();
        let at = self.at + self.used as u64;
        self.used += len + usize::from(ended);
        Piece { at, octets, ended }
    }
}
