//! Segments in waiting, so that accepting writes over octets that were written before.
//!
//! A sync of such octets costs the disk only these; a sync of octets behind the end of a file costs a commit of the
//! file system's journal as well. Dead segments are kept to be written over; where there is none, a file is filled
//! with zeros aside, before it is needed. What a spare holds means nothing: the nonce of its next life tells the
//! records of that life from all that lies there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use world::{DiskFile, OpenMode};

use crate::core::Shared;
use crate::layout::FileName;

/// Spares kept at most.
const SPARES_MAX: usize = 2;
/// Octets written at a time while one is filled.
const STEP: usize = 1 << 20;
/// Octets between two syncs while one is filled, so that whoever syncs beside it does not wait for all of it.
const SYNC_EVERY: u64 = 4 << 20;

/// A file that may become a segment.
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Octets that are written; 0 for a new file.
    pub(crate) octets: u64,
}

/// What is ready.
#[derive(Default)]
pub(crate) struct Spares {
    ready: Vec<Spare>,
    last_number: u32,
}

impl Shared {
    /// A file for the next segment: one that is ready, or a new one.
    pub(crate) fn spare_or_new(&self) -> std::io::Result<Spare> {
        if let Some(spare) = self.spares.lock().ready.pop() {
            return Ok(spare);
        }
        let path = self.new_spare_path();
        let file = self.world.disk.open(&path, OpenMode::CreateNew)?.into();
        Ok(Spare { path, file, octets: 0 })
    }

    pub(crate) fn has_spare(&self) -> bool {
        !self.spares.lock().ready.is_empty()
    }

    fn new_spare_path(&self) -> PathBuf {
        let mut spares = self.spares.lock();
        spares.last_number = spares.last_number.wrapping_add(1);
        self.path(FileName::Spare {
            writer: self.writer,
            number: spares.last_number,
        })
    }

    /// Keeps dead segments for another life, as far as they are wanted; the others are removed. Nobody reads them any
    /// more. They are ready only when the old names are surely gone, for what is written over them must not be found
    /// under these.
    pub(crate) fn recycle(&self, dead: Vec<PathBuf>) {
        let disk = &self.world.disk;
        let wanted = SPARES_MAX.saturating_sub(self.spares.lock().ready.len());
        let mut renamed = Vec::new();
        for path in dead {
            let spare = self.new_spare_path();
            if renamed.len() < wanted && disk.rename(&path, &spare).is_ok() {
                renamed.push(spare);
            } else if let Err(error) = disk.remove(&path) {
                tracing::warn!(path = %path.display(), %error, "a segment nobody needs could not be removed");
            }
        }
        if renamed.is_empty() {
            return;
        }
        let sure = disk.sync_dir(&self.config.dir).is_ok();
        for path in renamed {
            let opened = disk.open(&path, OpenMode::ReadWrite).and_then(|file| {
                let octets = file.len()?;
                Ok((file, octets))
            });
            match opened {
                Ok((file, octets)) if sure => self.spares.lock().ready.push(Spare {
                    path,
                    file: file.into(),
                    octets,
                }),
                _ => drop(disk.remove(&path)),
            }
        }
    }

    /// Gives the room of the spares back to the disk; whether there was any.
    pub(crate) fn release_spares(&self) -> bool {
        let spares = std::mem::take(&mut self.spares.lock().ready);
        for spare in &spares {
            // Where this fails the next start removes it.
            let _ = self.world.disk.remove(&spare.path);
        }
        !spares.is_empty()
    }

    /// Fills a file with zeros, unless the room is wanted for mail, or `stop` is set meanwhile.
    pub(crate) fn fill_spare(&self, stop: &AtomicBool) {
        let wanted = self.config.segment_octets;
        let free = self.world.disk.free_space(&self.config.dir).unwrap_or(0);
        if free < self.config.keep_free_octets.saturating_add(wanted.saturating_mul(2)) {
            return;
        }
        let path = self.new_spare_path();
        match self.filled(&path, wanted, stop) {
            Ok(Some(file)) => self.spares.lock().ready.push(Spare {
                path,
                file,
                octets: wanted,
            }),
            Ok(None) => drop(self.world.disk.remove(&path)),
            Err(error) => {
                tracing::warn!(%error, "no segment could be made ready; accepting goes on without");
                let _ = self.world.disk.remove(&path);
            }
        }
    }

    fn filled(&self, path: &Path, wanted: u64, stop: &AtomicBool) -> std::io::Result<Option<Arc<dyn DiskFile>>> {
        let disk = &self.world.disk;
        let file: Arc<dyn DiskFile> = disk.open(path, OpenMode::CreateNew)?.into();
        let zeros = vec![0u8; STEP.min(usize::try_from(wanted).unwrap_or(STEP))];
        let mut at = 0;
        while at < wanted {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let piece = usize::try_from(wanted - at)
                .ok()
                .and_then(|rest| zeros.get(..rest))
                .unwrap_or(&zeros);
            file.write_at(at, &[piece])?;
            at += piece.len() as u64;
            if at % SYNC_EVERY == 0 {
                file.sync()?;
            }
        }
        file.sync()?;
        disk.sync_dir(&self.config.dir)?;
        Ok(Some(file))
    }
}
