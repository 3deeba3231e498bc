//! The way along one writer's chain.

use std::io;
use std::path::Path;

use memchr::memmem;
use world::{Disk, OpenMode};

use super::ended::{Ended, Present, Stand};
use super::{Broken, Expected, Fault, Report, Torn};
use crate::anchor::{AnchorFault, Anchors, BrokenAnchor, Known};
use crate::chain::FileName;
use crate::line::{self, Line, LineFault};
use crate::lineup::Lineup;
use crate::prune::{Gap, Stretches};
use crate::reader::{Lines, Piece};
use crate::{Event, Opened};

/// Follows a chain, and compares it with what is known of it.
pub(super) struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    anchors: &'a Anchors,
    /// What is known of lines that were not come to yet.
    known: &'a [Known],
    found: Ended,
    report: &'a mut Report,
    /// What records name as removed.
    named: &'a mut Stretches,
}

impl<'a> Walk<'a> {
    pub(super) fn of(
        disk: &'a dyn Disk,
        dir: &'a Path,
        writer: &str,
        anchors: &'a Anchors,
        report: &'a mut Report,
        named: &'a mut Stretches,
    ) -> Self {
        Self {
            disk,
            dir,
            anchors,
            known: anchors.of(writer),
            found: Ended {
                writer: writer.into(),
                gaps: Vec::new(),
                present: Vec::new(),
                broken: None,
                stand: None,
                missed: None,
            },
            report,
            named,
        }
    }

    /// Follows these files, which are in their order.
    pub(super) fn along(mut self, names: &[FileName]) -> io::Result<Ended> {
        let lineup = Lineup::of(self.disk, self.dir, &self.found.writer, names)?;
        for file in lineup.never_synced {
            self.never_synced(file)?;
        }
        let spoilt = lineup.spoilt.map(|(file, fault)| self.broken(&file, 1, 0, fault));
        self.found.broken = self.files(&lineup.files)?.or(spoilt);
        if self.found.broken.is_some() {
            self.hear_the_rest(names)?;
        }
        self.found.missed = self.known.first().copied();
        Ok(self.found)
    }

    fn files(&mut self, files: &[(String, Opened)]) -> io::Result<Option<Broken>> {
        for (index, (file, opened)) in files.iter().enumerate() {
            let next = files.get(index + 1).map(|(_, opened)| opened);
            let broken = self.file(file, opened, next)?;
            if broken.is_some() {
                return Ok(broken);
            }
        }
        Ok(None)
    }

    fn broken(&self, file: &str, line: u64, at: u64, fault: Fault) -> Broken {
        Broken {
            writer: self.found.writer.clone(),
            file: file.to_owned(),
            line,
            at,
            fault,
            expected: None,
        }
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
        self.report.files += 1;
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
            if end.is_none() && is_torn(&piece) {
                break;
            }
            let line = match line::read(&piece.octets) {
                Ok(line) if piece.ended => line,
                Err(LineFault::Seal) => return Ok(Some(self.broken(name, count, piece.at, Fault::Seal))),
                _ => return Ok(Some(self.broken(name, count, piece.at, Fault::Unreadable))),
            };
            let follows = match count {
                1 => self.begin(name, opened, &line),
                _ => self.follows(&line).then_some(()).ok_or(Fault::Link),
            };
            if let Err(fault) = follows {
                return Ok(Some(self.broken(name, count, piece.at, fault)));
            }
            if let Some(other) = self.other_than_known(&line) {
                let broken = self.broken(name, count, piece.at, Fault::HeadMissing);
                let expected = Some(Expected::of(self.anchors, &other));
                return Ok(Some(Broken { expected, ..broken }));
            }
            self.hear(&line.event);
            good_to = piece.at + piece.octets.len() as u64 + 1;
            self.stand_at(name, &line, good_to);
        }
        if end.is_some_and(|end| good_to != end) {
            return Ok(Some(self.broken(name, count + 1, good_to, Fault::CutShort)));
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

    /// Whether a line follows the one before.
    fn follows(&self, line: &Line) -> bool {
        let stand = self.found.stand.as_ref();
        stand.is_some_and(|stand| line.prev == stand.hash && line.seq == stand.seq + 1)
    }

    /// At the first line of a file: whether it follows what stands before it, or something that may have been removed.
    fn begin(&mut self, name: &str, opened: &Opened, line: &Line) -> Result<(), Fault> {
        let from = self.found.stand.as_ref().map(|stand| (stand.seq, stand.hash));
        let follows = match (&self.found.stand, opened.after()) {
            (None, None) => return if line.seq == 0 { Ok(()) } else { Err(Fault::Link) },
            (Some(stand), Some(after)) => *stand.file == *after.file && stand.octets == after.octets,
            _ => false,
        };
        if follows {
            return if self.follows(line) { Ok(()) } else { Err(Fault::Link) };
        }
        if opened.after().is_none() || from.is_some_and(|(seq, _)| line.seq <= seq + 1) {
            return Err(Fault::FileMissing);
        }
        let missing = self.known.partition_point(|known| known.seq < line.seq);
        let (missing, rest) = self.known.split_at_checked(missing).unwrap_or_default();
        self.known = rest;
        let gap = Gap {
            from,
            file: name.to_owned(),
            first: line.seq,
            prev: line.prev,
        };
        self.found.gaps.push((gap, missing.to_vec()));
        Ok(())
    }

    fn stand_at(&mut self, file: &str, line: &Line, octets: u64) {
        match self.found.present.last_mut() {
            Some(present) if present.file == file => (present.last, present.seal) = (line.seq, line.hash),
            _ => self.found.present.push(Present {
                file: file.to_owned(),
                first: line.seq,
                last: line.seq,
                seal: line.hash,
            }),
        }
        self.found.stand = Some(Stand {
            seq: line.seq,
            hash: line.hash,
            file: file.to_owned(),
            octets,
        });
        self.report.lines += 1;
    }

    /// What is known of this line, where it is not as it is here.
    fn other_than_known(&mut self, line: &Line) -> Option<Known> {
        while let Some((known, rest)) = self.known.split_first().filter(|(known, _)| known.seq <= line.seq) {
            if known.seq < line.seq || known.hash != line.hash {
                return Some(*known);
            }
            self.known = rest;
        }
        None
    }

    /// What the ledger says of itself.
    fn hear(&mut self, event: &Event) {
        let anchored = match event {
            Event::Anchored(anchored) => anchored,
            Event::Pruned(record) => return self.named.add(record),
            _ => return,
        };
        let mut broken = self.report.broken_anchors.iter();
        let is_told = broken.any(|one| one.fault == AnchorFault::Missing);
        if self.anchors.are_given() && !is_told && !self.anchors.has(anchored.seal) {
            self.report.broken_anchors.push(BrokenAnchor {
                file: std::path::PathBuf::new(),
                line: anchored.anchor,
                fault: AnchorFault::Missing,
            });
        }
    }

    /// Hears what was removed by rule behind the place where a chain breaks, so that what is named is what broke it.
    fn hear_the_rest(&mut self, names: &[FileName]) -> io::Result<()> {
        for name in names {
            let file = self.disk.open(&self.dir.join(name.text()), OpenMode::Read)?;
            let mut lines = Lines::from(file.as_ref(), 0);
            while let Some(piece) = lines.next()? {
                if memmem::find(&piece.octets, b"ledger.pruned").is_none() {
                    continue;
                }
                if let Ok(Event::Pruned(record)) = line::read(&piece.octets).map(|line| line.event) {
                    self.named.add(&record);
                }
            }
        }
        Ok(())
    }
}

/// Whether a line at the end of a chain is one being written, or one that a crash cut short or of which it left the
/// middle out: a sector that was never written reads as zeros, which no line holds. Nothing behind it was synced, or it
/// would have been as well.
fn is_torn(piece: &Piece) -> bool {
    !piece.ended || memchr::memchr(0, &piece.octets).is_some()
}
