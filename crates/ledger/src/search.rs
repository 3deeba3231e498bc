//! Going back through one file for what was asked, the newest line first.

use std::io;
use std::path::Path;

use memchr::{memchr2, memmem};
use world::{Disk, DiskFile};

use crate::index::{PART_OCTETS, Table};
use crate::key::Key;
use crate::line::{self, LINE_OCTETS_MAX, Line};
use crate::reader::Lines;

/// Octets looked at together where there is no index.
const WINDOW_OCTETS: u64 = 1 << 20;

/// The lines of one file about a key, from the last to the first.
pub(crate) struct Search<'a> {
    file: &'a dyn DiskFile,
    key: &'a Key,
    needle: Needle,
    /// Where to look, the next place last.
    places: Vec<(u64, u64)>,
    /// What was found in the place looked at, the next line last.
    found: Vec<Line>,
}

impl<'a> Search<'a> {
    /// Begins at the end of the file `name`.
    pub(crate) fn of(
        disk: &dyn Disk,
        dir: &Path,
        name: &str,
        file: &'a dyn DiskFile,
        key: &'a Key,
    ) -> io::Result<Self> {
        let parts = match Table::of(disk, dir, name, file)? {
            Some(table) => table.parts(key.mark())?,
            None => None,
        };
        let places = match parts {
            Some(parts) => parts
                .iter()
                .map(|part| (part * PART_OCTETS, (part + 1) * PART_OCTETS))
                .collect(),
            None => windows(file.len()?),
        };
        Ok(Self {
            file,
            key,
            needle: Needle::of(key),
            places,
            found: Vec::new(),
        })
    }

    /// The line before the last one that was given; `None` at the beginning of the file.
    pub(crate) fn before(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.found.pop() {
                return Ok(Some(line));
            }
            let Some((from, to)) = self.places.pop() else {
                return Ok(None);
            };
            self.look(from, to)?;
        }
    }

    /// Finds the lines that begin between these octets.
    fn look(&mut self, from: u64, to: u64) -> io::Result<()> {
        let step = usize::try_from(to - from).unwrap_or(usize::MAX).min(LINE_OCTETS_MAX);
        // A line that begins at `from` has its predecessor's end before it.
        let mut lines = Lines::in_steps(self.file, from.saturating_sub(1), step + 4096);
        if from > 0 {
            lines.next()?;
        }
        while let Some(piece) = lines.next()?.filter(|piece| piece.at < to) {
            if !self.needle.is_in(&piece.octets) {
                continue;
            }
            match line::read(&piece.octets) {
                Ok(line) if self.key.fits(&line.event) => self.found.push(line),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A whole file as places to look at.
fn windows(octets: u64) -> Vec<(u64, u64)> {
    let windows = octets.div_ceil(WINDOW_OCTETS);
    (0..windows)
        .map(|window| (window * WINDOW_OCTETS, (window + 1) * WINDOW_OCTETS))
        .collect()
}

/// What has to occur in a line that is about a key.
enum Needle {
    /// These letters.
    Exact(Box<memmem::Finder<'static>>),
    /// These letters, large or small.
    Letters(Letters),
}

impl Needle {
    fn of(key: &Key) -> Self {
        let text = key.needle();
        match key {
            Key::Message(_) | Key::Event(_) | Key::Session(_) | Key::Source(_) | Key::Pruned | Key::Hold => {
                Self::Exact(Box::new(memmem::Finder::new(&text).into_owned()))
            }
            Key::Grant(_) | Key::Login(_) | Key::Address(_) | Key::MessageId(_) => Self::Letters(Letters::new(&text)),
        }
    }

    fn is_in(&self, octets: &[u8]) -> bool {
        match self {
            Self::Exact(finder) => finder.find(octets).is_some(),
            Self::Letters(letters) => letters.is_in(octets),
        }
    }
}

/// Letters looked for without regard to their case.
struct Letters {
    lower: Vec<u8>,
    /// The rarest of them in a line of ours, and where it stands.
    rare: (u8, usize),
}

impl Letters {
    fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase().into_bytes();
        let rank = |octet: u8| match octet {
            b'@' => 0,
            b'_' | b'+' | b'%' => 1,
            b'a'..=b'z' => 3,
            _ => 2,
        };
        let rare = lower.iter().copied().enumerate().min_by_key(|(_, octet)| rank(*octet));
        Self {
            rare: rare.map_or((b'\n', 0), |(at, octet)| (octet, at)),
            lower,
        }
    }

    fn is_in(&self, octets: &[u8]) -> bool {
        if self.lower.is_empty() {
            return true;
        }
        let (rare, before) = self.rare;
        let mut from = before;
        while let Some(rest) = octets.get(from..) {
            let Some(at) = memchr2(rare, rare.to_ascii_uppercase(), rest) else {
                return false;
            };
            let start = from + at - before;
            let here = octets.get(start..start + self.lower.len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(&self.lower)) {
                return true;
            }
            from += at + 1;
        }
        false
    }
}
