//! The disk as a life sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use world::{Disk, DiskFile, OpenMode};

use super::{DiskLie, Process, lock};
use crate::chronicle::Disk as Use;

/// How much later than it says a disk syncs that lies about when: so late that in a few seeds the power goes meanwhile.
const LATER: Duration = Duration::from_secs(600);

/// A disk that is gone when the life is over.
pub(super) struct FencedDisk(pub(super) Process);

impl Process {
    /// Performs one operation, and lets the power go behind it where that was planned.
    fn perform<T>(&self, fault: &'static str, path: &Path, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.is_dead() {
            return Err(io::Error::other("this process is no more"));
        }
        let done = operation();
        match &done {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.inner.ground.chronicle.refused("disk-full", disk_of(path))
            }
            Err(error) if error.kind() == io::ErrorKind::Other => {
                self.inner.ground.chronicle.refused(fault, disk_of(path))
            }
            _ => {}
        }
        let count = self.inner.operations.fetch_add(1, Ordering::SeqCst);
        let due = lock(&self.inner.cut).filter(|(at, _)| count >= *at);
        if let Some((_, fate)) = due {
            self.cut_power(fate);
            return Err(io::Error::other("the power went"));
        }
        done
    }

    /// Time goes by, and nothing else happens: a disk that takes long has the whole machine wait.
    fn stand_still(&self) {
        let by = std::mem::take(&mut *lock(&self.inner.slow));
        if !by.is_zero() {
            self.inner.ground.chronicle.stalled("slow-disk", by);
            // On a paused clock the time has moved when this returns for the first time; what follows only yields.
            let _ = tokio::time::advance(by).now_or_never();
        }
    }
}

impl Disk for FencedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let inner = self
            .0
            .perform("disk-eio-open", path, || self.0.inner.ground.disk.open(path, mode))?;
        Ok(Box::new(FencedFile {
            process: self.0.clone(),
            path: path.to_owned(),
            inner: inner.into(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-rename", from, || self.0.inner.ground.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-remove", path, || self.0.inner.ground.disk.remove(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.0
            .perform("disk-eio-list", folder, || self.0.inner.ground.disk.list(folder))
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-open", folder, || self.0.inner.ground.disk.create_dir(folder))
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        match self.0.inner.lie {
            DiskLie::Sync => self.0.perform("disk-eio-sync-dir", folder, || Ok(())),
            DiskLie::None | DiskLie::SyncLater | DiskLie::LedgerSync => {
                self.0.perform("disk-eio-sync-dir", folder, || {
                    self.0.inner.ground.disk.sync_dir(folder)
                })
            }
        }
    }

    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        self.0
            .perform("disk-eio-read", folder, || self.0.inner.ground.disk.free_space(folder))
    }
}

struct FencedFile {
    process: Process,
    path: PathBuf,
    inner: Arc<dyn DiskFile>,
}

impl FencedFile {
    /// The sync, as far as this disk speaks the truth.
    fn truly_sync(&self) -> io::Result<()> {
        let is_ledger = disk_of(&self.path) == Use::Ledger;
        match self.process.inner.lie {
            DiskLie::Sync => Ok(()),
            DiskLie::LedgerSync if is_ledger => Ok(()),
            DiskLie::SyncLater if !is_ledger => {
                let (process, file) = (self.process.clone(), self.inner.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(LATER).await;
                    if !process.is_dead() {
                        // Nobody hears of it: that is the lie.
                        let _ = file.sync();
                    }
                });
                Ok(())
            }
            DiskLie::None | DiskLie::LedgerSync | DiskLie::SyncLater => self.inner.sync(),
        }
    }
}

/// What this path is used for.
fn disk_of(path: &Path) -> Use {
    if path.starts_with("/ledger") {
        Use::Ledger
    } else {
        Use::Spool
    }
}

impl DiskFile for FencedFile {
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.process
            .perform("disk-eio-write", &self.path, || self.inner.write_at(offset, parts))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.process
            .perform("disk-eio-read", &self.path, || self.inner.read_at(offset, buffer))
    }

    fn sync(&self) -> io::Result<()> {
        self.process.stand_still();
        self.process.perform("disk-eio-sync", &self.path, || self.truly_sync())
    }

    fn len(&self) -> io::Result<u64> {
        self.process.perform("disk-eio-read", &self.path, || self.inner.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.process
            .perform("disk-eio-truncate", &self.path, || self.inner.truncate(len))
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.process
            .perform("disk-eio-open", &self.path, || self.inner.try_lock())
    }
}
