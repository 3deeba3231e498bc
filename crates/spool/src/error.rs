//! What can go wrong, grouped by who has to do something about it.

use std::io;
use std::path::PathBuf;

/// Why the spool does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used: look at its owner, its mode and its disk.
    #[error("the spool in {path} cannot be opened: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another programme wrote this: start that one, or a newer one; an older one first has to empty its queue.
    #[error("{path} is in format version {version}; this programme reads version {known}: {}", advice(*version, *known))]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version found.
        version: u32,
        /// The version known.
        known: u32,
    },
}

/// What to do about a file of another version.
fn advice(version: u32, known: u32) -> &'static str {
    if version > known {
        "a newer programme wrote it; start that one, or one that is newer still"
    } else {
        "an older programme wrote it; start that one, let it deliver all that is queued and stop it, then set this \
        folder aside and start this one"
    }
}

/// Why a draft could not take octets, or give them back.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The disk is full, or nearly: 452.
    #[error("not enough free space for the draft")]
    Full,
    /// The disk failed: 451.
    #[error("the draft cannot be written: {0}")]
    Broken(io::Error),
}

/// Why a letter was not stored. Nothing of it will be delivered, unless the process ends in this very moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The disk is full, or nearly: 452 4.3.1.
    #[error("not enough free space for the message")]
    Full,
    /// The disk failed; the message is not safe: 451 4.3.0.
    #[error("the message could not be made durable: {0}")]
    Broken(String),
    /// A part that has a bound exceeds it: 554 5.3.4.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// The letter contradicts itself (no recipient, edits out of order, an id that is taken); a mistake of the caller.
    #[error("not a letter: {0}")]
    Invalid(&'static str),
    /// The spool is being closed: 421.
    #[error("the spool is closed")]
    Closed,
}

/// Why a change of the queue was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The disk failed; what was to be recorded may be forgotten by a crash, and was not done.
    #[error("the change could not be made durable: {0}")]
    Broken(String),
    /// No such message or recipient, or it is not in a state that the change is for.
    #[error("nothing to change: {0}")]
    NoSuch(&'static str),
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
}

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The octets on disk are not the ones that were written. The message stays and is shown to the operator.
    #[error("the stored message is damaged")]
    Damaged,
    /// The message is finished and gone.
    #[error("no such message")]
    Gone,
    /// The disk failed.
    #[error("the message cannot be read: {0}")]
    Io(#[from] io::Error),
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
