//! Reading anchors back, for what they know of the ledger and for whether they are whole themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use world::{Disk, OpenMode};

use super::{Anchor, is_torn};
use crate::line::{Hash, LineFault};
use crate::reader::Lines;
use crate::verify::{Head, Torn};

/// What is wrong with an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorFault {
    /// It cannot be read.
    Unreadable,
    /// Its octets are not those that were sealed.
    Seal,
    /// It does not follow the one before: something was taken out, put in or moved.
    Link,
    /// The file does not begin with the first anchor.
    BeginningMissing,
    /// The ledger says that an anchor with this number was written, and it is in none of the files.
    Missing,
}

/// An anchor that does not hold: the first of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenAnchor {
    /// The file; empty where an anchor is in none.
    pub file: PathBuf,
    /// The line in it, from 1; of a missing anchor, its number.
    pub line: u64,
    /// What is wrong.
    pub fault: AnchorFault,
}

/// What anchors say, from one file of them or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    files: Vec<PathBuf>,
    /// Names of the ledger's files that occur.
    names: Vec<Box<str>>,
    /// What is known of each chain, in the order of its lines.
    known: BTreeMap<Box<str>, Vec<Known>>,
    /// Seals of all anchors, in their order.
    seals: Vec<Hash>,
    pub(crate) lines: u64,
    pub(crate) broken: Vec<BrokenAnchor>,
    pub(crate) torn: Vec<Torn>,
}

/// A line of the ledger that is known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Known {
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
    pub(crate) from: KnownFrom,
}

/// Where it is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KnownFrom {
    /// Somebody wrote the head down.
    Head,
    /// An anchor: which file of anchors, the line in it, the name of the ledger's file. Numbers, for there are many.
    Anchor { file: u32, line: u32, name: u32 },
}

impl Anchors {
    /// Reads files of anchors. What is wrong with them is told with the ledger's report. Blocks.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(disk: &dyn Disk, paths: &[PathBuf]) -> io::Result<Self> {
        let mut anchors = Self::default();
        let mut names = BTreeMap::new();
        for path in paths {
            anchors.file(disk, path, &mut names)?;
        }
        anchors.known.values_mut().for_each(|known| known.sort_unstable());
        anchors.seals.sort_unstable();
        Ok(anchors)
    }

    /// Adds heads that somebody wrote down.
    #[must_use]
    pub fn with_heads(mut self, heads: &[Head]) -> Self {
        for head in heads {
            let (seq, hash, from) = (head.seq, head.hash, KnownFrom::Head);
            let known = self.known.entry(head.writer.clone()).or_default();
            known.push(Known { seq, hash, from });
            known.sort_unstable();
        }
        self
    }

    /// What is known of a writer's chain.
    pub(crate) fn of(&self, writer: &str) -> &[Known] {
        self.known.get(writer).map_or(&[], Vec::as_slice)
    }

    /// Writers of whom something is known.
    pub(crate) fn writers(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(|writer| &**writer)
    }

    /// The file of anchors, the line in it, and the ledger's file it names.
    pub(crate) fn place(&self, from: KnownFrom) -> Option<(&Path, u64, &str)> {
        let KnownFrom::Anchor { file, line, name } = from else {
            return None;
        };
        let file = self.files.get(usize::try_from(file).ok()?)?;
        let name = self.names.get(usize::try_from(name).ok()?)?;
        Some((file, u64::from(line), name))
    }

    /// Whether any files were read.
    pub(crate) fn are_given(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whether one of the anchors has this seal.
    pub(crate) fn has(&self, seal: Hash) -> bool {
        self.seals.binary_search(&seal).is_ok()
    }

    fn file(&mut self, disk: &dyn Disk, path: &Path, names: &mut BTreeMap<Box<str>, u32>) -> io::Result<()> {
        let file = disk.open(path, OpenMode::Read)?;
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(path.to_owned());
        let mut lines = Lines::from(file.as_ref(), 0);
        let (mut line, mut last): (u32, Option<(u64, Hash)>) = (0, None);
        let mut fault = None;
        while let Some(piece) = lines.next()? {
            line = line.saturating_add(1);
            let anchor = match Anchor::read(&piece.octets) {
                Ok(anchor) => anchor,
                // What follows shows whether one is missing here.
                _ if is_torn(&piece.octets, piece.ended) => {
                    self.torn.push(Torn {
                        file: path.display().to_string(),
                        at: piece.at,
                        octets: piece.octets.len() as u64,
                    });
                    continue;
                }
                Err(LineFault::Seal) => {
                    fault = fault.or(Some((line, AnchorFault::Seal)));
                    continue;
                }
                _ => {
                    fault = fault.or(Some((line, AnchorFault::Unreadable)));
                    continue;
                }
            };
            let begins = anchor.number == 0 && anchor.prev == Hash::NONE;
            let follows = match last {
                // One that was made without the file at hand, as syslog's are, begins again.
                _ if begins => true,
                Some((number, hash)) => anchor.number == number + 1 && anchor.prev == hash,
                None => false,
            };
            if !follows {
                let what = match last {
                    Some(_) => AnchorFault::Link,
                    None => AnchorFault::BeginningMissing,
                };
                fault = fault.or(Some((line, what)));
            }
            last = Some((anchor.number, anchor.hash));
            self.lines += 1;
            self.seals.push(anchor.hash);
            for head in anchor.heads {
                let fresh = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                let name = *names.entry(head.file.clone()).or_insert_with(|| {
                    self.names.push(head.file);
                    fresh
                });
                let from = KnownFrom::Anchor {
                    file: number,
                    line,
                    name,
                };
                let known = self.known.entry(head.writer).or_default();
                known.push(Known {
                    seq: head.seq,
                    hash: head.hash,
                    from,
                });
            }
        }
        if let Some((line, fault)) = fault {
            self.broken.push(BrokenAnchor {
                file: path.to_owned(),
                line: u64::from(line),
                fault,
            });
        }
        Ok(())
    }
}
