//! What is done to the simulated disk, how it can fail, and what a crash leaves.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What a crash leaves of that which no returned sync covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Forget,
    /// All of it.
    Keep,
    /// Each part by chance, writes torn at sectors of 512 or 4096 octets.
    Chance(u64),
    /// All names, and nothing of what was written.
    Names,
    /// All that was written, and no name.
    Contents,
    /// All names, and of each write some of its sectors of this many octets, by chance.
    Torn(u64, u64),
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO; nothing was done.
    Io,
    /// ENOSPC; nothing was done.
    NoSpace,
    /// A write that gets this many octets down, then EIO.
    Short(usize),
}

/// Kinds of operations, to count them and to let them fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Opening, making included.
    Open,
    /// Writing.
    Write,
    /// Reading.
    Read,
    /// Syncing a file.
    Sync,
    /// Syncing a folder.
    SyncDir,
    /// Renaming.
    Rename,
    /// Removing.
    Remove,
    /// Cutting or extending.
    Truncate,
}

/// One operation of the history, as it took effect.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A file was made.
    Create(PathBuf, u64),
    /// Octets were written.
    Write(u64, u64, Arc<[u8]>),
    /// A file was cut or extended.
    Truncate(u64, u64),
    /// A file was synced.
    Sync(u64),
    /// The sync of a file failed.
    SyncFailed(u64),
    /// A folder was synced.
    SyncDir(PathBuf),
    /// A file was renamed.
    Rename(PathBuf, PathBuf),
    /// A file was removed.
    Remove(PathBuf),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(path, inode) => write!(f, "create {} as #{inode}", path.display()),
            Self::Write(inode, offset, octets) => {
                write!(
                    f,
                    "write #{inode} at {offset}: {} octets, {:08x}",
                    octets.len(),
                    digest(octets)
                )
            }
            Self::Truncate(inode, len) => write!(f, "truncate #{inode} to {len}"),
            Self::Sync(inode) => write!(f, "sync #{inode}"),
            Self::SyncFailed(inode) => write!(f, "sync #{inode} failed"),
            Self::SyncDir(path) => write!(f, "sync folder {}", path.display()),
            Self::Rename(from, to) => write!(f, "rename {} to {}", from.display(), to.display()),
            Self::Remove(path) => write!(f, "remove {}", path.display()),
        }
    }
}

/// FNV-1a, to tell contents apart in the log.
fn digest(octets: &[u8]) -> u32 {
    octets.iter().fold(0x811c_9dc5, |hash, octet| {
        (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
    })
}
