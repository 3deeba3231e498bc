//! What the simulated disk is made of: what a reader sees, what is sure, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::operation::{Fate, Fault, Kind, Operation};
use crate::OpenMode;
use crate::Rng;
use crate::sim::SeedRng;

pub(super) struct Planned {
    pub(super) kind: Kind,
    pub(super) at: u64,
    pub(super) fault: Fault,
}

#[derive(Clone)]
enum Pending {
    Write(u64, Arc<[u8]>),
    Truncate(u64),
}

#[derive(Clone)]
enum NameChange {
    Set(PathBuf, u64),
    Move(PathBuf, PathBuf, u64),
    Unset(PathBuf),
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Set(path, _) | Self::Move(path, _, _) | Self::Unset(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Set(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Move(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Unset(path) => {
                names.remove(path);
            }
        }
    }
}

/// One file, whatever its name.
#[derive(Clone, Default)]
pub(super) struct Inode {
    /// As readers see it.
    pub(super) now: Vec<u8>,
    /// As it surely is after a crash.
    sure: Vec<u8>,
    /// Waiting for a sync.
    pending: Vec<Pending>,
    /// Written before a sync that failed: no later sync covers it, yet it may be there.
    doubtful: Vec<Pending>,
    /// Open handles.
    handles: u64,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) names: BTreeMap<PathBuf, u64>,
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) locks: BTreeMap<u64, u64>,
    pub(super) history: Vec<Operation>,
    pub(super) counts: BTreeMap<Kind, u64>,
    pub(super) planned: Vec<Planned>,
    pub(super) free: Option<u64>,
    sure_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    folders: BTreeSet<PathBuf>,
    next_inode: u64,
    next_handle: u64,
}

fn io_error(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => io::ErrorKind::StorageFull.into(),
        Fault::Io | Fault::Short(_) => io::Error::other("input/output error (simulated)"),
    }
}

fn write_into(octets: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX / 2);
    let end = start.saturating_add(data.len());
    if octets.len() < end {
        octets.resize(end, 0);
    }
    if let Some(place) = octets.get_mut(start..end) {
        place.copy_from_slice(data);
    }
}

fn cut(octets: &mut Vec<u8>, len: u64) {
    octets.resize(usize::try_from(len).unwrap_or(usize::MAX / 2), 0);
}

impl Pending {
    fn apply(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => write_into(octets, *offset, data),
            Self::Truncate(len) => cut(octets, *len),
        }
    }

    /// Applies what chance leaves of it.
    fn apply_by_chance(&self, octets: &mut Vec<u8>, rng: &SeedRng) {
        match (rng.below(3), self) {
            (0, _) => {}
            (1, _) | (_, Self::Truncate(_)) => self.apply(octets),
            (_, Self::Write(..)) => self.tear(octets, if rng.below(2) == 0 { 512 } else { 4096 }, rng),
        }
    }

    /// Applies some of the sectors of a write.
    fn tear(&self, octets: &mut Vec<u8>, sector: u64, rng: &SeedRng) {
        let Self::Write(offset, data) = self else {
            return self.apply(octets);
        };
        for (from, to) in sectors(*offset, data.len(), sector) {
            if rng.below(2) == 0
                && let Some(part) = data.get(from..to)
            {
                write_into(octets, offset + from as u64, part);
            }
        }
    }
}

/// The parts of a write that lie in one sector each, as ranges of its data.
fn sectors(offset: u64, len: usize, sector: u64) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < len {
        let room = sector - (offset + from as u64) % sector;
        let to = len.min(from + usize::try_from(room).unwrap_or(len));
        parts.push((from, to));
        from = to;
    }
    parts
}

impl Model {
    /// Counts an operation and says whether it is one that is to fail.
    fn strike(&mut self, kind: Kind) -> Option<Fault> {
        let count = self.counts.entry(kind).or_insert(0);
        let this = *count;
        *count += 1;
        self.planned
            .iter()
            .find(|planned| planned.kind == kind && planned.at == this)
            .map(|planned| planned.fault)
    }

    fn strike_plain(&mut self, kind: Kind) -> io::Result<()> {
        self.strike(kind).map_or(Ok(()), |fault| Err(io_error(fault)))
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<(u64, u64)> {
        self.strike_plain(Kind::Open)?;
        let inode = match (self.names.get(path).copied(), mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, OpenMode::Read | OpenMode::ReadWrite | OpenMode::Append) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            (Some(inode), _) => inode,
            (None, OpenMode::CreateNew) => {
                let inode = self.next_inode;
                self.perform(Operation::Create(path.to_owned(), inode));
                inode
            }
        };
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.handles += 1;
        }
        self.next_handle += 1;
        Ok((inode, self.next_handle))
    }

    pub(super) fn close(&mut self, inode: u64, handle: u64) {
        if self.locks.get(&inode) == Some(&handle) {
            self.locks.remove(&inode);
        }
        if let Some(file) = self.inodes.get_mut(&inode) {
            file.handles = file.handles.saturating_sub(1);
        }
        self.give_back_room(inode);
    }

    pub(super) fn write(&mut self, inode: u64, offset: u64, data: Vec<u8>) -> io::Result<()> {
        let fault = self.strike(Kind::Write);
        let mut fits = data.len();
        let mut error = None;
        match fault {
            Some(Fault::Short(octets)) => {
                fits = fits.min(octets);
                error = Some(Fault::Io);
            }
            Some(fault) => return Err(io_error(fault)),
            None => {}
        }
        let len = self.inodes.get(&inode).map_or(0, |file| file.now.len() as u64);
        if let Some(free) = self.free {
            let room = (len + free).saturating_sub(offset);
            if (fits as u64) > room {
                fits = usize::try_from(room).unwrap_or(usize::MAX);
                error = Some(Fault::NoSpace);
            }
            let growth = (offset + fits as u64).saturating_sub(len);
            self.free = Some(free.saturating_sub(growth));
        }
        if fits > 0 {
            self.perform(Operation::Write(
                inode,
                offset,
                data.get(..fits).unwrap_or_default().into(),
            ));
        }
        error.map_or(Ok(()), |fault| Err(io_error(fault)))
    }

    pub(super) fn read(&mut self, inode: u64, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.strike_plain(Kind::Read)?;
        let octets = self.inodes.get(&inode).map_or(&[][..], |file| file.now.as_slice());
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| octets.get(offset..))
            .unwrap_or_default();
        let read = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..read), rest.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    pub(super) fn sync(&mut self, inode: u64) -> io::Result<()> {
        if let Some(fault) = self.strike(Kind::Sync) {
            self.perform(Operation::SyncFailed(inode));
            return Err(io_error(fault));
        }
        self.perform(Operation::Sync(inode));
        Ok(())
    }

    pub(super) fn truncate(&mut self, inode: u64, len: u64) -> io::Result<()> {
        self.strike_plain(Kind::Truncate)?;
        let old = self.inodes.get(&inode).map_or(0, |file| file.now.len() as u64);
        self.free = self.free.map(|free| (free + old).saturating_sub(len));
        self.perform(Operation::Truncate(inode, len));
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, folder: &Path) -> io::Result<()> {
        self.strike_plain(Kind::SyncDir)?;
        self.perform(Operation::SyncDir(folder.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.strike_plain(Kind::Rename)?;
        if !self.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.perform(Operation::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.strike_plain(Kind::Remove)?;
        let inode = *self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.perform(Operation::Remove(path.to_owned()));
        self.give_back_room(inode);
        Ok(())
    }

    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let names = self.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(names.filter_map(|path| path.file_name().map(PathBuf::from)).collect())
    }

    pub(super) fn create_dir(&mut self, folder: &Path) {
        self.folders.insert(folder.to_owned());
    }

    pub(super) fn flip(&mut self, path: &Path, offset: u64, mask: u8) {
        let Some(inode) = self.names.get(path) else { return };
        let Some(file) = self.inodes.get_mut(inode) else { return };
        let Ok(at) = usize::try_from(offset) else { return };
        for octets in [&mut file.now, &mut file.sure] {
            if let Some(octet) = octets.get_mut(at) {
                *octet ^= mask;
            }
        }
    }

    /// Room comes back when the last name and the last handle are gone.
    fn give_back_room(&mut self, inode: u64) {
        let named = self.names.values().any(|named| *named == inode);
        if let Some(file) = self.inodes.get_mut(&inode)
            && !named
            && file.handles == 0
        {
            self.free = self.free.map(|free| free + file.now.len() as u64);
            file.now = Vec::new();
        }
    }

    fn perform(&mut self, operation: Operation) {
        self.apply(&operation);
        self.history.push(operation);
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(path, inode) => {
                self.next_inode = inode + 1;
                self.inodes.insert(*inode, Inode::default());
                self.name(NameChange::Set(path.clone(), *inode));
            }
            Operation::Write(inode, offset, data) => self.pend(*inode, Pending::Write(*offset, data.clone())),
            Operation::Truncate(inode, len) => self.pend(*inode, Pending::Truncate(*len)),
            Operation::Sync(inode) => {
                if let Some(file) = self.inodes.get_mut(inode) {
                    for pending in file.pending.drain(..) {
                        pending.apply(&mut file.sure);
                    }
                }
            }
            Operation::SyncFailed(inode) => {
                if let Some(file) = self.inodes.get_mut(inode) {
                    file.doubtful.append(&mut file.pending);
                }
            }
            Operation::SyncDir(folder) => {
                let (covered, rest): (Vec<_>, Vec<_>) = self
                    .pending_names
                    .drain(..)
                    .partition(|change| change.folder() == Some(folder.as_path()));
                self.pending_names = rest;
                for change in covered {
                    change.apply(&mut self.sure_names);
                }
            }
            Operation::Rename(from, to) => {
                if let Some(inode) = self.names.get(from).copied() {
                    self.name(NameChange::Move(from.clone(), to.clone(), inode));
                }
            }
            Operation::Remove(path) => self.name(NameChange::Unset(path.clone())),
        }
    }

    fn name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn pend(&mut self, inode: u64, pending: Pending) {
        if let Some(file) = self.inodes.get_mut(&inode) {
            pending.apply(&mut file.now);
            file.pending.push(pending);
        }
    }

    pub(super) fn rewind(&self, operations: usize) -> Self {
        let mut earlier = Self {
            folders: self.folders.clone(),
            free: self.free,
            ..Self::default()
        };
        for operation in self.history.iter().take(operations) {
            earlier.perform(operation.clone());
        }
        earlier
    }

    pub(super) fn crash(&self, fate: Fate) -> Self {
        let rng = SeedRng::new(match fate {
            Fate::Chance(seed) | Fate::Torn(seed, _) => seed,
            _ => 0,
        });
        let mut names = self.sure_names.clone();
        for change in &self.pending_names {
            let kept = match fate {
                Fate::Forget | Fate::Contents => false,
                Fate::Keep | Fate::Names | Fate::Torn(..) => true,
                Fate::Chance(_) => rng.below(2) == 0,
            };
            if kept {
                change.apply(&mut names);
            }
        }
        let mut after = Self {
            folders: self.folders.clone(),
            free: self.free,
            ..Self::default()
        };
        for (path, inode) in names {
            let octets = self
                .inodes
                .get(&inode)
                .map(|file| file.after_crash(fate, &rng))
                .unwrap_or_default();
            after.adopt(path, octets);
        }
        after
    }

    /// Puts a file there that is wholly durable. It goes through the history, so that a recovered disk can be rewound
    /// and crashed again.
    fn adopt(&mut self, path: PathBuf, octets: Vec<u8>) {
        let inode = self.next_inode;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        self.perform(Operation::Create(path, inode));
        self.perform(Operation::Write(inode, 0, octets.into()));
        self.perform(Operation::Sync(inode));
        self.perform(Operation::SyncDir(folder));
    }
}

impl Inode {
    fn after_crash(&self, fate: Fate, rng: &SeedRng) -> Vec<u8> {
        let mut octets = self.sure.clone();
        for pending in self.doubtful.iter().chain(&self.pending) {
            match fate {
                Fate::Forget | Fate::Names => {}
                Fate::Keep | Fate::Contents => pending.apply(&mut octets),
                Fate::Torn(_, sector) => pending.tear(&mut octets, sector, rng),
                Fate::Chance(_) => pending.apply_by_chance(&mut octets, rng),
            }
        }
        octets
    }
}
