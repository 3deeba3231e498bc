//! Judging what the way along a chain found, when the records of all chains are known.

use super::{Broken, Expected, Fault, Head, Report};
use crate::anchor::{Anchors, Known};
use crate::line::Hash;
use crate::prune::{Gap, Stretch, Stretches};

/// What was found along one writer's chain.
pub(super) struct Ended {
    pub(super) writer: Box<str>,
    /// Where lines are missing, with what is known of them.
    pub(super) gaps: Vec<(Gap, Vec<Known>)>,
    /// The files that are there.
    pub(super) present: Vec<Present>,
    /// Where it broke off.
    pub(super) broken: Option<Broken>,
    /// The last good line.
    pub(super) stand: Option<Stand>,
    /// What is known of lines behind it.
    pub(super) missed: Option<Known>,
}

/// A file as it was found.
pub(super) struct Present {
    pub(super) file: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) seal: Hash,
}

/// A line, and where its file ends behind it.
pub(super) struct Stand {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) file: String,
    pub(super) octets: u64,
}

impl Ended {
    /// Tells the report the first that does not hold, or where the chain ends.
    pub(super) fn judge(self, anchors: &Anchors, named: &Stretches, report: &mut Report) {
        for (gap, known) in &self.gaps {
            match self.removed(gap, known, anchors, named) {
                Ok(stretch) => report.pruned.push(stretch),
                Err(broken) => {
                    report.broken.push(*broken);
                    return;
                }
            }
        }
        let other = named
            .of(&self.writer)
            .iter()
            .find_map(|stretch| self.other_than(stretch));
        let broken = other.or(self.broken.clone()).or_else(|| self.cut(anchors));
        report.broken.extend(broken);
        let holds_to_its_end = self.broken.is_none();
        if let Some(stand) = self.stand.filter(|_| holds_to_its_end) {
            report.heads.push(Head {
                writer: self.writer,
                seq: stand.seq,
                hash: stand.hash,
            });
        }
    }

    /// What was removed by rule where lines are missing, if all of it was.
    fn removed(
        &self,
        gap: &Gap,
        known: &[Known],
        anchors: &Anchors,
        named: &Stretches,
    ) -> Result<Stretch, Box<Broken>> {
        let broken = |fault, expected| {
            Box::new(Broken {
                writer: self.writer.clone(),
                file: gap.file.clone(),
                line: 1,
                at: 0,
                fault,
                expected,
            })
        };
        let expected = |known: &Known| Some(Expected::of(anchors, known));
        let Some(stretch) = named.explain(&self.writer, gap) else {
            return Err(broken(Fault::FileMissing, known.first().and_then(expected)));
        };
        let is_removed =
            |known: &&Known| known.seq >= stretch.first && (known.seq != stretch.last || known.hash == stretch.seal);
        match known.iter().find(|known| !is_removed(known)) {
            Some(other) => Err(broken(Fault::HeadMissing, expected(other))),
            None => Ok(stretch),
        }
    }

    /// Whether a file is there that is another one than the record of its removal names.
    fn other_than(&self, stretch: &Stretch) -> Option<Broken> {
        let present = self.present.iter();
        let mut there = present.filter(|present| (present.first..=present.last).contains(&stretch.last));
        let present = there.next()?;
        let is_it = present.last == stretch.last
            && present.seal == stretch.seal
            && (stretch.files > 1 || (present.first == stretch.first && *present.file == *stretch.file));
        (!is_it).then(|| Broken {
            writer: self.writer.clone(),
            file: present.file.clone(),
            line: 1,
            at: 0,
            fault: Fault::PrunedOther,
            expected: None,
        })
    }

    /// Whether more of the chain is known than there is.
    fn cut(&self, anchors: &Anchors) -> Option<Broken> {
        let missed = self.missed.as_ref()?;
        let stand = self.stand.as_ref();
        Some(Broken {
            writer: self.writer.clone(),
            file: stand.map_or(String::new(), |stand| stand.file.clone()),
            line: 0,
            at: stand.map_or(0, |stand| stand.octets),
            fault: Fault::HeadMissing,
            expected: Some(Expected::of(anchors, missed)),
        })
    }
}
