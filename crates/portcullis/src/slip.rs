//! A small file beside the queue, written whole or not at all: what a gate has to know before anybody can be asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use world::{Disk, OpenMode};

/// One such file.
pub(crate) struct Slip {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    name: &'static str,
}

impl Slip {
    /// Of this name, in this folder.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, name: &'static str) -> Self {
        Self { disk, folder, name }
    }

    /// What stands on it; nothing where it was never written.
    pub(crate) fn read<T: DeserializeOwned + Default>(&self) -> io::Result<T> {
        let file = match self.disk.open(&self.folder.join(self.name), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(error),
        };
        let mut octets = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
        let whole = file.read_at(0, &mut octets)?;
        octets.truncate(whole);
        serde_json::from_slice(&octets).map_err(io::Error::other)
    }

    /// Puts this in the place of what stands on it.
    pub(crate) fn write(&self, what: &impl Serialize) -> io::Result<()> {
        let draft = self.folder.join(format!("{}.new", self.name));
        match self.disk.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.open(&draft, OpenMode::CreateNew)?;
        file.write_at(0, &[&serde_json::to_vec(what)?])?;
        file.sync()?;
        self.disk.rename(&draft, &self.folder.join(self.name))?;
        self.disk.sync_dir(&self.folder)
    }
}
