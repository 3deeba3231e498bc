//! The way along one writer's chain.

use std::io;
use std::path::Path;

use world::{Disk, OpenMode};

use super::{Broken, Expected, Fault, Head, Report, Torn};
use crate::anchor::{AnchorFault, Anchors, BrokenAnchor, Known};
use crate::chain::FileName;
use crate::line::{self, Hash, Line, LineFault};
use crate::lineup::Lineup;
use crate::reader::Lines;
use crate::{Event, Opened};

/// Follows a chain, and compares it with what is known of it.
pub(super) struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    writer: &'a str,
    anchors: &'a Anchors,
    /// What is known of lines that were not come to yet.
    known: &'a [Known],
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

impl<'a> Walk<'a> {
    pub(super) fn of(
        disk: &'a dyn Disk,
        dir: &'a Path,
        writer: &'a str,
        anchors: &'a Anchors,
        report: &'a mut Report,
    ) -> Self {
        Self {
            disk,
            dir,
            writer,
            anchors,
            known: anchors.of(writer),
            at: None,
            report,
        }
    }

    /// Follows these files, which are in their order.
    pub(super) fn along(mut self, names: &[FileName]) -> io::Result<()> {
        let Lineup {
            files,
            never_synced,
            spoilt,
        } = Lineup::of(self.disk, self.dir, self.writer, names)?;
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
            let broken = self.broken(&file, 1, 0, fault);
            self.report.broken.push(broken);
            return Ok(());
        }
        self.end();
        Ok(())
    }

    /// At the end of the chain: whether more of it is known.
    fn end(mut self) {
        let stand = self.at.take();
        if let Some(missing) = self.known.first() {
            let (file, at) = stand.as_ref().map_or(("", 0), |stand| (&stand.file, stand.octets));
            let broken = Broken {
                expected: Some(Expected::of(self.anchors, missing)),
                ..self.broken(file, 0, at, Fault::HeadMissing)
            };
            self.report.broken.push(broken);
        }
        if let Some(stand) = stand {
            self.report.heads.push(Head {
                writer: self.writer.into(),
                seq: stand.seq,
                hash: stand.hash,
            });
        }
    }

    fn broken(&self, file: &str, line: u64, at: u64, fault: Fault) -> Broken {
        Broken {
            writer: self.writer.into(),
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
        match (&self.at, opened.after()) {
            (None, None) => {}
            (None, Some(_)) => self.report.begins_later.push(opened.writer().into()),
            (Some(stand), Some(after)) if *stand.file == *after.file && stand.octets == after.octets => {}
            (Some(_), _) => return Ok(Some(self.broken(name, 1, 0, Fault::FileMissing))),
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
                Err(LineFault::Seal) => return Ok(Some(self.broken(name, count, piece.at, Fault::Seal))),
                _ => return Ok(Some(self.broken(name, count, piece.at, Fault::Unreadable))),
            };
            let follows = match &self.at {
                Some(stand) => line.prev == stand.hash && line.seq == stand.seq + 1,
                None => count == 1 && (opened.after().is_some() || line.seq == 0),
            };
            if !follows {
                return Ok(Some(self.broken(name, count, piece.at, Fault::Link)));
            }
            if let Some(other) = self.other_than_known(&line) {
                let broken = self.broken(name, count, piece.at, Fault::HeadMissing);
                let expected = Some(Expected::of(self.anchors, &other));
                return Ok(Some(Broken { expected, ..broken }));
            }
            self.hear(&line.event);
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

    /// What is known of this line, or of one before that was passed by, where it is not as it is here.
    fn other_than_known(&mut self, line: &Line) -> Option<Known> {
        while let Some((known, rest)) = self.known.split_first().filter(|(known, _)| known.seq <= line.seq) {
            if known.seq < line.seq || known.hash != line.hash {
                return Some(*known);
            }
            self.known = rest;
        }
        None
    }

    /// What the ledger says of its anchors.
    fn hear(&mut self, event: &Event) {
        let Event::Anchored(anchored) = event else { return };
        let known = self
            .report
            .broken_anchors
            .iter()
            .any(|one| one.fault == AnchorFault::Missing);
        if self.anchors.are_given() && !known && !self.anchors.has(anchored.seal) {
            self.report.broken_anchors.push(BrokenAnchor {
                file: std::path::PathBuf::new(),
                line: anchored.anchor,
                fault: AnchorFault::Missing,
            });
        }
    }
}
