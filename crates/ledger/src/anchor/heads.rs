//! Where the chains stand that nobody writes now: of a gate that ended, or of a command.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use world::{Disk, OpenMode};

use super::Place;
use crate::chain::{self, FileName};

/// Finds the heads of chains. It remembers them, so that files that did not change are not read again.
pub struct Heads {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    known: BTreeMap<Box<str>, Found>,
}

/// What was found of one chain.
struct Found {
    /// Its newest file, and octets in it then.
    newest: (FileName, u64),
    place: Option<Place>,
}

impl Heads {
    /// Of the ledger in this folder.
    #[must_use]
    pub fn of(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            known: BTreeMap::new(),
        }
    }

    /// The last line of every chain, by the names of their writers: of the one who asks, `own`; of those that another
    /// process writes now, nothing, for only that one knows which of its lines are durable. Blocks.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn beside(&mut self, own: Place) -> io::Result<Vec<Place>> {
        let mut heads = vec![own];
        for (writer, names) in chain::by_writer(self.disk.as_ref(), &self.dir)? {
            if heads.first().is_some_and(|own| own.writer == writer) {
                continue;
            }
            heads.extend(self.of_another(&writer, &names)?);
        }
        heads.sort_by(|a, b| a.writer.cmp(&b.writer));
        Ok(heads)
    }

    fn of_another(&mut self, writer: &str, names: &[FileName]) -> io::Result<Option<Place>> {
        let Some(last) = names.last() else { return Ok(None) };
        let octets = self.disk.open(&self.dir.join(last.text()), OpenMode::Read)?.len()?;
        let newest = (last.clone(), octets);
        if let Some(found) = self.known.get(writer).filter(|found| found.newest == newest) {
            return Ok(found.place.clone());
        }
        let lock = match chain::take_lock(self.disk.as_ref(), &self.dir, writer) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Ok(None),
            lock => lock?,
        };
        let found = chain::find_end(self.disk.as_ref(), &self.dir, names)?;
        drop(lock);
        let place = found.last.map(|(file, line, _)| Place {
            writer: writer.into(),
            file: file.into(),
            seq: line.seq,
            hash: line.hash,
        });
        let found = Found {
            newest,
            place: place.clone(),
        };
        self.known.insert(writer.into(), found);
        Ok(place)
    }
}
