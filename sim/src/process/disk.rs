//! The disk as a life sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use world::{Disk, DiskFile, OpenMode};

use super::{DiskLie, Process, lock};

/// A disk that is gone when the life is over.
pub(super) struct FencedDisk(pub(super) Process);

impl Process {
    /// Performs one operation, and lets the power go behind it where that was planned.
    fn perform<T>(&self, fault: &'static str, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.is_dead() {
            return Err(io::Error::other("this process is no more"));
        }
        let done = operation();
        match &done {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.inner.ground.chronicle.blow("disk-full", None)
            }
            Err(error) if error.kind() == io::ErrorKind::Other => self.inner.ground.chronicle.blow(fault, None),
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
            self.inner.ground.chronicle.blow("slow-disk", None);
            // On a paused clock the time has moved when this returns for the first time; what follows only yields.
            let _ = tokio::time::advance(by).now_or_never();
        }
    }
}

impl Disk for FencedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let inner = self
            .0
            .perform("disk-eio-open", || self.0.inner.ground.disk.open(path, mode))?;
        Ok(Box::new(FencedFile {
            process: self.0.clone(),
            inner,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-rename", || self.0.inner.ground.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-remove", || self.0.inner.ground.disk.remove(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.0
            .perform("disk-eio-list", || self.0.inner.ground.disk.list(folder))
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.0
            .perform("disk-eio-open", || self.0.inner.ground.disk.create_dir(folder))
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        match self.0.inner.lie {
            DiskLie::Sync => self.0.perform("disk-eio-sync-dir", || Ok(())),
            DiskLie::None => self
                .0
                .perform("disk-eio-sync-dir", || self.0.inner.ground.disk.sync_dir(folder)),
        }
    }

    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        self.0
            .perform("disk-eio-read", || self.0.inner.ground.disk.free_space(folder))
    }
}

struct FencedFile {
    process: Process,
    inner: Box<dyn DiskFile>,
}

impl DiskFile for FencedFile {
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.process
            .perform("disk-eio-write", || self.inner.write_at(offset, parts))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.process
            .perform("disk-eio-read", || self.inner.read_at(offset, buffer))
    }

    fn sync(&self) -> io::Result<()> {
        self.process.stand_still();
        match self.process.inner.lie {
            DiskLie::Sync => self.process.perform("disk-eio-sync", || Ok(())),
            DiskLie::None => self.process.perform("disk-eio-sync", || self.inner.sync()),
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.process.perform("disk-eio-read", || self.inner.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.process.perform("disk-eio-truncate", || self.inner.truncate(len))
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.process.perform("disk-eio-open", || self.inner.try_lock())
    }
}
