//! What the spool is told at its start, and what it says about it.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use mail::{MessageId, Timestamp};

/// How the spool is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder it lives in; made when missing.
    pub dir: PathBuf,
    /// A segment is closed when it has grown to this. Change it only for tests and tiny disks.
    pub segment_octets: u64,
    /// When the log has grown by this, the segment after this one is made ready in advance (`0`: never). It keeps what
    /// hardly writes anything from taking room for more. Change it only for tests.
    pub prepare_after_octets: u64,
    /// A message above this many octets gets a file of its own.
    pub spill_octets: usize,
    /// Octets of fresh messages kept in memory to be delivered from there.
    pub memory_octets: usize,
    /// Below this much free space nothing new is accepted; settling goes on.
    pub keep_free_octets: u64,
    /// A checkpoint is written when the log has grown by this (and by half of what the last checkpoint took).
    pub checkpoint_every_octets: u64,
    /// Held messages older than this leave the fresh segments.
    pub cold_after: Duration,
    /// Finished messages whose story stays in memory.
    pub finished_max: usize,
}

impl Config {
    /// The defaults, in this folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_octets: 64 << 20,
            prepare_after_octets: 256 << 10,
            spill_octets: 256 << 10,
            memory_octets: 64 << 20,
            keep_free_octets: 256 << 20,
            checkpoint_every_octets: 128 << 20,
            cold_after: Duration::from_secs(3600),
            finished_max: 1000,
        }
    }
}

/// Who does the writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A thread of its own, which may block: real gateways.
    Thread,
    /// A task of the current runtime: simulated gateways, where the order of everything follows from the seed.
    Task,
}

/// An item the spool could not read. It stays on disk; an operator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub at: u64,
    /// Octets that cannot be read.
    pub octets: u64,
    /// The message, where that much is known.
    pub message: Option<MessageId>,
    /// What is wrong, in words.
    pub what: &'static str,
}

/// What was found at the start.
#[derive(Clone, Debug, Default)]
pub struct RecoveryReport {
    /// Messages in the queue.
    pub messages: u64,
    /// Of these, the ones the checkpoint knew.
    pub from_checkpoint: u64,
    /// Records read behind the checkpoint.
    pub tail_records: u64,
    /// Octets at the end of the log that no returned sync covered: never acknowledged, ignored.
    pub unfinished_octets: u64,
    /// What cannot be read.
    pub damaged: Vec<Damage>,
    /// Messages taken over from writers that are no more.
    pub adopted: u64,
    /// Files of drafts that were never committed, removed.
    pub abandoned_files: u64,
    /// Writers of the folder that live beside this one.
    pub living: usize,
    /// What was to be testified to shortly before the end (acceptances, settlements, an operator's changes), for the
    /// ledger to complete itself: it may have all of it, or only a part. The same may be told twice.
    pub testimony: Vec<Testimony>,
}

/// What the ledger was to be told about a message, or about one of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testimony {
    /// The message.
    pub id: MessageId,
    /// When it was accepted, or changed.
    pub at: Timestamp,
    /// As given in [`Letter::testimony`](crate::Letter::testimony), in
    /// [`Settlement::testimony`](crate::Settlement::testimony), or by [`Testify`](crate::Testify).
    pub octets: Bytes,
}
