//! The proof that nothing was changed: follows the chain and names the first link that does not hold.
//!
//! What it cannot see by itself is a chain cut off at its very end, or written anew from some line on: nothing follows
//! there that would miss the rest. So it takes [`Anchors`], and [`Head`]s that somebody wrote down elsewhere, and says
//! which heads it ended with.

mod ended;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use world::Disk;

use crate::anchor::{Anchors, BrokenAnchor, Known};
use crate::chain;
use crate::line::Hash;
use crate::prune::{Stretch, Stretches};
use walk::Walk;

/// How often the files are listed anew while some of them are being removed.
const TRIES: u32 = 10;

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
    /// The file that should stand before this one is missing, or is another one, and no record of a removal names it.
    FileMissing,
    /// A record of a removal names this file, and it is another one.
    PrunedOther,
    /// The chain does not hold the line that is known from elsewhere.
    HeadMissing,
}

/// The first broken link of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Whose chain.
    pub writer: Box<str>,
    /// The file; empty where none is left.
    pub file: String,
    /// The line in it, from 1; 0 where one is missing behind the last.
    pub line: u64,
    /// The octet at which the line begins.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
    /// The line that is known from elsewhere and is not there, or is another one.
    pub expected: Option<Expected>,
}

/// A line that is known from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its number in the chain.
    pub seq: u64,
    /// Its seal.
    pub hash: Hash,
    /// The anchor that knows it; none where somebody wrote the head down.
    pub anchor: Option<AnchorPlace>,
}

/// Where an anchor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorPlace {
    /// The file of anchors.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: u64,
    /// The ledger's file it says the line is in.
    pub file: Box<str>,
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
    /// What is missing because it was removed by rule: each part that records name.
    pub pruned: Vec<Stretch>,
    /// What crashes left.
    pub torn: Vec<Torn>,
    /// The first broken link of each writer whose chain does not hold.
    pub broken: Vec<Broken>,
    /// Anchors read.
    pub anchors: u64,
    /// The first anchor that does not hold, of each file of them.
    pub broken_anchors: Vec<BrokenAnchor>,
}

impl Report {
    /// Whether everything that was looked at holds.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty() && self.broken_anchors.is_empty()
    }

    /// The first broken link, if any.
    #[must_use]
    pub fn first_broken(&self) -> Option<&Broken> {
        self.broken.first()
    }
}

/// Follows the chain of every writer in a folder, beside what is known from elsewhere. Blocks, in memory that grows with
/// the anchors alone.
///
/// # Errors
/// The folder or a file in it cannot be read.
pub fn verify(disk: &dyn Disk, dir: &Path, anchors: &Anchors) -> io::Result<Report> {
    for _ in 1..TRIES {
        match walk_all(disk, dir, anchors) {
            // A gate that runs has just removed it by rule: what is there now says so.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            walked => return walked,
        }
    }
    walk_all(disk, dir, anchors)
}

/// Follows every chain as its files are listed now.
fn walk_all(disk: &dyn Disk, dir: &Path, anchors: &Anchors) -> io::Result<Report> {
    let writers = chain::by_writer(disk, dir)?;
    let mut report = Report {
        anchors: anchors.lines,
        broken_anchors: anchors.broken.clone(),
        torn: anchors.torn.clone(),
        ..Report::default()
    };
    let (mut walked, mut named) = (Vec::new(), Stretches::default());
    for (writer, files) in &writers {
        let walk = Walk::of(disk, dir, writer, anchors, &mut report, &mut named);
        walked.push(walk.along(files)?);
    }
    // A record of what is missing may stand anywhere, also in another writer's chain.
    for ended in walked {
        ended.judge(anchors, &named, &mut report);
    }
    // The last file of a writer is never removed by rule.
    let mut lost: Vec<&str> = anchors.writers().chain(named.writers()).collect();
    lost.retain(|writer| !writers.contains_key(*writer));
    lost.sort_unstable();
    lost.dedup();
    for writer in lost {
        let known = anchors.of(writer).first();
        report.broken.push(Broken {
            writer: writer.into(),
            file: String::new(),
            line: 0,
            at: 0,
            fault: known.map_or(Fault::FileMissing, |_| Fault::HeadMissing),
            expected: known.map(|known| Expected::of(anchors, known)),
        });
    }
    Ok(report)
}

impl Expected {
    fn of(anchors: &Anchors, known: &Known) -> Self {
        let anchor = anchors.place(known.from).map(|(path, line, file)| AnchorPlace {
            path: path.to_owned(),
            line,
            file: file.into(),
        });
        Self {
            seq: known.seq,
            hash: known.hash,
            anchor,
        }
    }
}
