//! The proof that nothing was changed: follows the chain and names the first link that does not hold.
//!
//! What it cannot see by itself is a chain cut off at its very end: nothing follows there that would miss the rest. So
//! it takes [`Head`]s that somebody wrote down elsewhere, and says which it ended with.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use world::{Disk, OpenMode};

use crate::Opened;
use crate::chain::{self, FileName};
use crate::line::{self, Hash, LineFault};
use crate::lineup::Lineup;
use crate::reader::Lines;

/// A place in a writer's chain: a line's number and seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose chain.
    pub writer: Box<str>,
    /// The number of the line.
    pub seq: u64,
    /// Its seal.
    pub hash: Hash,
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line is not one of this version, or has no end.
    Unreadable,
    /// Octets of the line were changed.
    Seal,
    /// The line does not follow the one before: something was taken out, put in or moved.
    Link,
    /// The file ends before the place where the next one says it did.
    CutShort,
    /// The file that should stand before this one is missing, or is another one.
    FileMissing,
    /// The chain does not hold the line that is known from elsewhere.
    HeadMissing,
}

/// The first broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file; empty where none is left.
    pub file: String,
    /// The line in it, from 1; 0 where one is missing behind the last.
    pub line: u64,
    /// The octet at which the line begins.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// Octets that are no testimony: a crash or a failing disk left them behind the last line that was synced, and the
/// file that follows says so (or nothing follows yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: String,
    /// Where they begin.
    pub at: u64,
    /// How many.
    pub octets: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Good lines read.
    pub lines: u64,
    /// The last good line of each writer. Written down elsewhere, it lets the next verification see a cut end.
    pub heads: Vec<Head>,
    /// Writers whose first file continues one that is gone, as it is after old files were removed.
    pub begins_later: Vec<Box<str>>,
    /// What crashes left.
    pub torn: Vec<Torn>,
    /// The first broken link of each writer whose chain does not hold.
    pub broken: Vec<Broken>,
}

impl Report {
    /// The first broken link, if any.
    #[must_use]
    pub fn first_broken(&self) -> Option<&Broken> {
        self.broken.first()
    }
}

/// Follows the chain of every writer in a folder, beside the heads known from elsewhere. Blocks, in constant memory.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn verify(disk: &dyn Disk, dir: &Path, known: &[Head]) -> io::Result<Report> {
    let mut writers: BTreeMap<Box<str>, Vec<FileName>> = BTreeMap::new();
    for file in chain::files(disk, dir)? {
        writers.entry(file.writer.clone()).or_default().push(file);
    }
    let mut report = Report::default();
    for (writer, files) in &writers {
        let known: Vec<&Head> = known.iter().filter(|head| head.writer == *writer).collect();
        Walk {
            disk,
            dir,
            known,
            at: None,
            report: &mut report,
        }
        .writer(writer, files)?;
    }
    if known.iter().any(|head| !writers.contains_key(&head.writer)) {
        report.broken.push(Broken {
            file: String::new(),
            line: 0,
            at: 0,
            fault: Fault::HeadMissing,
        });
    }
    Ok(report)
}

/// The way along one writer's chain.
struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    known: Vec<&'a Head>,
    /// The last good line: number, seal, file, where it ends.
    at: Option<Stand>,
    report: &'a mut Report,
}

struct Stand {
    seq: u64,
    hash: Hash,
    file: String,
    octets: u64,
}

impl Walk<'_> {
    fn writer(mut self, writer: &str, names: &[FileName]) -> io::Result<()> {
        let Lineup {
            files,
            never_synced,
            spoilt,
        } = Lineup::of(self.disk, self.dir, writer, names)?;
        for file in never_synced {
            self.never_synced(file)?;
        }
        for (index, (file, opened)) in files.iter().enumerate() {
            let next = files.get(index + 1).map(|(_, opened)| opened);
            if let Some(broken) = self.file(file, opened, next)? {
                self.report.broken.push(broken);
                return Ok(());
            }
        }
        if let Some((file, fault)) = spoilt {
            self.report.broken.push(Broken {
                file,
                line: 1,
                at: 0,
                fault,
            });
            return Ok(());
        }
        let stand = self.at.take();
        let reached = stand.as_ref().map(|stand| stand.seq);
        if self.known.iter().any(|head| Some(head.seq) > reached) {
            let (file, at) = stand
                .as_ref()
                .map_or((String::new(), 0), |stand| (stand.file.clone(), stand.octets));
            self.report.broken.push(Broken {
                file,
                line: 0,
                at,
                fault: Fault::HeadMissing,
            });
        }
        if let Some(stand) = stand {
            self.report.heads.push(Head {
                writer: writer.into(),
                seq: stand.seq,
                hash: stand.hash,
            });
        }
        Ok(())
    }

    /// Notes a file in which nothing counts.
    fn never_synced(&mut self, file: String) -> io::Result<()> {
        let octets = self.disk.open(&self.dir.join(&file), OpenMode::Read)?.len()?;
        self.report.files += 1;
        self.report.torn.push(Torn { file, at: 0, octets });
        Ok(())
    }

    /// Follows one file up to where the next one says it ends, or to its last line.
    fn file(&mut self, name: &str, opened: &Opened, next: Option<&Opened>) -> io::Result<Option<Broken>> {
        let broken = |line, at, fault| {
            Ok(Some(Broken {
                file: name.to_owned(),
                line,
                at,
                fault,
            }))
        };
        self.report.files += 1;
        match (&self.at, opened.after()) {
            (None, None) => {}
            (None, Some(_)) => self.report.begins_later.push(opened.writer().into()),
            (Some(stand), Some(after)) if *stand.file == *after.file && stand.octets == after.octets => {}
            (Some(_), _) => return broken(1, 0, Fault::FileMissing),
        }
        let end = match next.map(Opened::after) {
            Some(Some(after)) if *after.file == *name => Some(after.octets),
            // Where the next one continues another, that is found there.
            _ => None,
        };

        let file = self.disk.open(&self.dir.join(name), OpenMode::Read)?;
        let len = file.len()?;
        let mut lines = Lines::from(file.as_ref(), 0);
        let mut count = 0;
        let mut good_to = 0;
        while end.is_none_or(|end| good_to < end) {
            let Some(piece) = lines.next()? else { break };
            count += 1;
            // What has no line end is a line being written, or one that a crash cut short.
            if !piece.ended && end.is_none() {
                break;
            }
            let line = match line::read(&piece.octets) {
                Ok(line) if piece.ended => line,
                Err(LineFault::Seal) => return broken(count, piece.at, Fault::Seal),
                _ => return broken(count, piece.at, Fault::Unreadable),
            };
            let follows = match &self.at {
                Some(stand) => line.prev == stand.hash && line.seq == stand.seq + 1,
                None => count == 1 && (opened.after().is_some() || line.seq == 0),
            };
            if !follows {
                return broken(count, piece.at, Fault::Link);
            }
            if self
                .known
                .iter()
                .any(|head| head.seq == line.seq && head.hash != line.hash)
            {
                return broken(count, piece.at, Fault::HeadMissing);
            }
            good_to = piece.at + piece.octets.len() as u64 + 1;
            self.at = Some(Stand {
                seq: line.seq,
                hash: line.hash,
                file: name.to_owned(),
                octets: good_to,
            });
            self.report.lines += 1;
        }
        if end.is_some_and(|end| good_to != end) {
            return broken(count + 1, good_to, Fault::CutShort);
        }
        if good_to < len {
            self.report.torn.push(Torn {
                file: name.to_owned(),
                at: good_to,
                octets: len - good_to,
            });
        }
        Ok(None)
    }
}
