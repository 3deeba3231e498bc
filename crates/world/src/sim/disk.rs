//! A disk that keeps exactly what it promised, and may forget, reorder or tear the rest.
//!
//! Contents and names are apart: a file's octets are safe once its sync has returned, its name once the sync of its
//! folder has. [`SimDisk::crash`] gives the disk as it may look after the power went; [`SimDisk::rewind`] gives it as
//! it was after any earlier operation, so a test records one run and crashes it everywhere.

mod model;
mod operation;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, DiskFile, OpenMode};
use model::{Model, Planned};
pub use operation::{Fate, Fault, Kind, Operation};

/// A simulated disk; cloning shares it.
#[derive(Clone)]
pub struct SimDisk {
    model: Arc<Mutex<Model>>,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk with room without end.
    #[must_use]
    pub fn new() -> Self {
        Self::from_model(Model::default())
    }

    /// The disk as it may look when the power goes now: what a returned sync covered, and of the rest what `fate`
    /// leaves. The given disk goes on as if nothing had happened.
    #[must_use]
    pub fn crash(&self, fate: Fate) -> Self {
        Self::from_model(self.lock().crash(fate))
    }

    /// The disk as it was after its first `operations` operations (faults that struck struck again).
    #[must_use]
    pub fn rewind(&self, operations: usize) -> Self {
        Self::from_model(self.lock().rewind(operations))
    }

    /// Operations that changed the disk or were meant to make it durable, so far.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.lock().history.len()
    }

    /// What was done, one line each; two runs from one seed have the same.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.lock().history.iter().map(ToString::to_string).collect()
    }

    /// How often this kind of operation was asked for.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.lock().counts.get(&kind).copied().unwrap_or(0)
    }

    /// Frees all locks on files below a folder, as the end of the process that held them does.
    pub fn free_locks(&self, below: &Path) {
        let mut model = self.lock();
        let named = model.names.iter().filter(|(path, _)| path.starts_with(below));
        let inodes: Vec<u64> = named.map(|(_, inode)| *inode).collect();
        for inode in inodes {
            model.locks.remove(&inode);
        }
    }

    /// Lets the `nth` operation of this kind from now on (0: the next) fail like this.
    pub fn fail(&self, kind: Kind, nth: u64, fault: Fault) {
        let mut model = self.lock();
        let at = model.counts.get(&kind).copied().unwrap_or(0) + nth;
        model.planned.push(Planned { kind, at, fault });
    }

    /// Takes back every failure that was planned and has not struck.
    pub fn mend(&self) {
        self.lock().planned.clear();
    }

    /// Leaves this much room; a write beyond it goes as far as the room does and fails.
    pub fn set_free(&self, octets: Option<u64>) {
        self.lock().free = octets;
    }

    /// Damages one octet of a file where it lies, in memory and on the platter.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) {
        self.lock().flip(path, offset, mask);
    }

    /// The octets of a file as a reader sees them now.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let model = self.lock();
        let inode = model.names.get(path)?;
        model.inodes.get(inode).map(|inode| inode.now.clone())
    }

    /// All names there are now, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    fn from_model(model: Model) -> Self {
        Self {
            model: Arc::new(Mutex::new(model)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let (inode, handle) = self.lock().open(path, mode)?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
            handle,
            writable: mode != OpenMode::Read,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.lock().list(folder)
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.lock().create_dir(folder);
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.lock().sync_dir(folder)
    }

    fn free_space(&self, _folder: &Path) -> io::Result<u64> {
        Ok(self.lock().free.unwrap_or(u64::MAX / 2))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
    handle: u64,
    writable: bool,
}

impl SimFile {
    fn demand_writable(&self) -> io::Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.demand_writable()?;
        self.disk.lock().write(self.inode, offset, parts.concat())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.lock().read(self.inode, offset, buffer)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(self.inode)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self
            .disk
            .lock()
            .inodes
            .get(&self.inode)
            .map_or(0, |inode| inode.now.len() as u64))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.demand_writable()?;
        self.disk.lock().truncate(self.inode, len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut model = self.disk.lock();
        let holder = model.locks.entry(self.inode).or_insert(self.handle);
        Ok(*holder == self.handle)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.lock().close(self.inode, self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(disk: &SimDisk, path: &str) -> Box<dyn DiskFile> {
        disk.open(Path::new(path), OpenMode::CreateNew).unwrap()
    }

    #[test]
    fn only_what_a_returned_sync_covered_is_sure() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        a.write_at(0, &[b"safe"]).unwrap();
        a.sync().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        a.write_at(4, &[b" lost"]).unwrap();
        file(&disk, "/d/b").sync().unwrap();
        let after = disk.crash(Fate::Forget);
        assert_eq!(after.contents(Path::new("/d/a")).unwrap(), b"safe");
        assert_eq!(
            after.contents(Path::new("/d/b")),
            None,
            "a name is not durable before its folder is synced"
        );
        let lucky = disk.crash(Fate::Keep);
        assert_eq!(lucky.contents(Path::new("/d/a")).unwrap(), b"safe lost");
        assert!(lucky.contents(Path::new("/d/b")).is_some());
    }

    #[test]
    fn unsynced_writes_may_be_torn_and_reordered_by_chance_and_alike_for_a_seed() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        disk.sync_dir(Path::new("/d")).unwrap();
        a.write_at(0, &[&[1u8; 8192]]).unwrap();
        a.write_at(8192, &[&[2u8; 8192]]).unwrap();
        let outcome = |seed| disk.crash(Fate::Chance(seed)).contents(Path::new("/d/a")).unwrap();
        let mut second_without_first = false;
        let mut torn = false;
        for seed in 0..200 {
            let octets = outcome(seed);
            assert_eq!(octets, outcome(seed));
            let ones = octets.iter().filter(|octet| **octet == 1).count();
            second_without_first |= ones == 0 && octets.contains(&2);
            torn |= ones > 0 && ones < 8192;
            assert_eq!(ones % 512, 0, "tears fall on sectors");
        }
        assert!(second_without_first && torn);
    }

    #[test]
    fn names_and_contents_may_be_forgotten_apart_and_writes_torn_at_a_given_sector() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        a.write_at(0, &[&[1u8; 16384]]).unwrap();
        let contents = |fate| disk.crash(fate).contents(Path::new("/d/a"));
        assert_eq!(contents(Fate::Names), Some(vec![]));
        assert_eq!(contents(Fate::Contents), None);
        disk.sync_dir(Path::new("/d")).unwrap();
        assert_eq!(contents(Fate::Contents), Some(vec![1; 16384]));
        for sector in [512, 4096] {
            let torn = (0..50).filter_map(|seed| contents(Fate::Torn(seed, sector)));
            let kept: Vec<usize> = torn
                .map(|octets| octets.iter().filter(|octet| **octet == 1).count())
                .collect();
            assert!(kept.iter().any(|kept| (1..16384).contains(kept)));
            assert!(
                kept.iter()
                    .all(|kept| kept.is_multiple_of(usize::try_from(sector).unwrap()))
            );
        }
    }

    #[test]
    fn a_failed_sync_covers_nothing_not_even_by_a_later_one() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        disk.sync_dir(Path::new("/d")).unwrap();
        a.write_at(0, &[b"doubtful"]).unwrap();
        disk.fail(Kind::Sync, 0, Fault::Io);
        assert!(a.sync().is_err());
        a.sync().unwrap();
        assert_eq!(disk.crash(Fate::Forget).contents(Path::new("/d/a")).unwrap(), b"");
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_says_so() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        disk.set_free(Some(3));
        assert_eq!(
            a.write_at(0, &[b"four"]).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        assert_eq!(disk.contents(Path::new("/d/a")).unwrap(), b"fou");
        disk.remove(Path::new("/d/a")).unwrap();
        drop(a);
        assert_eq!(
            disk.free_space(Path::new("/d")).unwrap(),
            3,
            "room comes back with the file"
        );
    }

    #[test]
    fn a_recorded_run_can_be_looked_at_after_each_operation() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/a");
        a.write_at(0, &[b"one"]).unwrap();
        a.write_at(3, &[b"two"]).unwrap();
        disk.rename(Path::new("/d/a"), Path::new("/d/b")).unwrap();
        assert_eq!(disk.operations(), 4);
        assert_eq!(disk.rewind(2).contents(Path::new("/d/a")).unwrap(), b"one");
        assert_eq!(disk.rewind(4).contents(Path::new("/d/b")).unwrap(), b"onetwo");
        assert!(disk.rewind(0).names().is_empty());
    }

    #[test]
    fn a_lock_belongs_to_one_handle_until_it_is_closed() {
        let disk = SimDisk::new();
        let a = file(&disk, "/d/lock");
        let b = disk.open(Path::new("/d/lock"), OpenMode::ReadWrite).unwrap();
        assert!(a.try_lock().unwrap());
        assert!(!b.try_lock().unwrap());
        drop(a);
        assert!(b.try_lock().unwrap());
    }
}
