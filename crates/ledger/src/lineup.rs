//! The files of one writer in their order: which of them count, told by the first line of each.

use std::io;
use std::path::Path;

use memchr::memchr;
use world::{Disk, OpenMode};

use crate::chain::FileName;
use crate::line::{self, Hash, LineFault};
use crate::reader::Lines;
use crate::verify::Fault;
use crate::{Event, Opened};

/// The files of one writer.
#[derive(Default)]
pub(crate) struct Lineup {
    /// Those that count, oldest first, with what their first lines say.
    pub(crate) files: Vec<(String, Opened)>,
    /// Those of which nothing counts: a crash, or a disk that refused, left them behind.
    pub(crate) never_synced: Vec<String>,
    /// The first file whose first line was there and is there no more; what follows it is not among the others.
    pub(crate) spoilt: Option<(String, Fault)>,
}

impl Lineup {
    /// Looks at the first line of each of these files, which are in their order.
    pub(crate) fn of(disk: &dyn Disk, dir: &Path, writer: &str, names: &[FileName]) -> io::Result<Self> {
        let mut lineup = Self::default();
        // Whether they count is known from what comes behind them.
        let mut doubtful: Vec<(String, Fault)> = Vec::new();
        for name in names {
            let file = name.text();
            match Beginning::of(disk, &dir.join(&file))? {
                Beginning::Opened(opened) if opened.writer() == writer => {
                    if let Some(spoilt) = doubtful.iter().find(|(doubtful, _)| opened.continues(doubtful)) {
                        lineup.spoilt = Some(spoilt.clone());
                        return Ok(lineup);
                    }
                    // The same place was continued in this one.
                    lineup.never_synced.extend(doubtful.drain(..).map(|(file, _)| file));
                    while let Some((file, _)) = lineup.files.pop_if(|(_, before)| before.after() == opened.after()) {
                        lineup.never_synced.push(file);
                    }
                    lineup.files.push((file, *opened));
                }
                Beginning::Opened(_) | Beginning::Other => doubtful.push((file, Fault::Link)),
                Beginning::Changed(fault) => doubtful.push((file, fault)),
                // Whether it is missed shows in the file that follows.
                Beginning::Torn => lineup.never_synced.push(file),
            }
        }
        lineup.spoilt = doubtful.into_iter().next();
        Ok(lineup)
    }
}

/// How a file begins.
enum Beginning {
    /// As every file does.
    Opened(Box<Opened>),
    /// With a good line that begins no file.
    Other,
    /// With a line that is none of ours, or no longer.
    Changed(Fault),
    /// With what a power cut leaves of a first write: nothing, a line without its end, or zeros where a piece is missing.
    Torn,
}

impl Beginning {
    fn of(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Read)?;
        let Some(first) = Lines::from(file.as_ref(), 0).next()?.filter(|first| first.ended) else {
            return Ok(Self::Torn);
        };
        let line = match line::read(&first.octets) {
            Ok(line) => line,
            // No line of ours holds a zero.
            Err(_) if memchr(0, &first.octets).is_some() => return Ok(Self::Torn),
            Err(LineFault::Seal) => return Ok(Self::Changed(Fault::Seal)),
            Err(LineFault::Unreadable) => return Ok(Self::Changed(Fault::Unreadable)),
        };
        let Event::Opened(opened) = line.event else {
            return Ok(Self::Other);
        };
        let claimed = opened.after().map_or(Hash::NONE, |after| after.hash);
        Ok(if line.prev == claimed {
            Self::Opened(opened)
        } else {
            Self::Other
        })
    }
}
