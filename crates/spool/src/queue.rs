//! What waits for the writer. While one sync runs, the next batch gathers here.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, oneshot};

use crate::log::Record;
use crate::plan::Plan;
use crate::record::LetterHead;
use crate::{ChangeError, CommitError};

/// Octets of one batch at most, unless a single job has more.
const BATCH_OCTETS_MAX: usize = 8 << 20;
/// Jobs of one batch at most.
const BATCH_JOBS_MAX: usize = 4096;

/// Something to be written.
pub(crate) enum Job {
    Letter(Box<LetterJob>),
    Plan(Plan, oneshot::Sender<Result<u64, ChangeError>>),
    /// Letters of a writer that is no more.
    Adopted(Vec<AdoptedLetter>, oneshot::Sender<Result<u64, ChangeError>>),
}

/// A letter of another writer, encoded anew.
pub(crate) struct AdoptedLetter {
    pub(crate) record: Record,
    pub(crate) head: Box<LetterHead>,
}

/// A letter to be written; encoded already, so that the writer only writes.
pub(crate) struct LetterJob {
    pub(crate) head: LetterHead,
    pub(crate) encoded: Vec<u8>,
    pub(crate) head_crc: u32,
    /// The octets that came, unless they are in a file of their own.
    pub(crate) raw: Vec<Bytes>,
    pub(crate) body_crc: u32,
    pub(crate) reply: oneshot::Sender<Result<(), CommitError>>,
}

impl Job {
    fn octets(&self) -> usize {
        match self {
            Self::Letter(letter) => letter.encoded.len() + letter.raw.iter().map(Bytes::len).sum::<usize>(),
            Self::Plan(..) => 256,
            Self::Adopted(letters, _) => letters.iter().map(|letter| letter.record.octets()).sum(),
        }
    }
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The jobs, in the order in which they came.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    woken: Notify,
}

/// What the writer finds.
pub(crate) enum Next {
    Jobs(Vec<Job>),
    /// Nothing came in time.
    Idle,
    /// Nothing will come any more.
    Closed,
}

impl Queue {
    /// Gives the writer something to do; `false` when it has ended.
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return false;
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.wake();
        true
    }

    /// Lets nothing in any more.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake();
    }

    /// Closes, and lets go of what waits: those who wait for answers hear that there are none.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        let jobs = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(jobs);
    }

    fn wake(&self) {
        self.filled.notify_one();
        self.woken.notify_one();
    }

    /// Waits on the writer's own thread.
    pub(crate) fn next_blocking(&self, patience: Option<Duration>) -> Next {
        let mut waiting = self.waiting.lock();
        if waiting.jobs.is_empty() && !waiting.closed {
            match patience {
                Some(patience) => drop(self.filled.wait_for(&mut waiting, patience)),
                None => self.filled.wait(&mut waiting),
            }
        }
        waiting.take()
    }

    /// Waits as a task.
    pub(crate) async fn next(&self, idle: impl Future<Output = ()>) -> Next {
        tokio::pin!(idle);
        loop {
            if let next @ (Next::Jobs(_) | Next::Closed) = self.waiting.lock().take() {
                return next;
            }
            tokio::select! {
                biased;
                () = self.woken.notified() => {}
                () = &mut idle => return Next::Idle,
            }
        }
    }
}

impl Waiting {
    fn take(&mut self) -> Next {
        let mut octets = 0;
        let mut jobs = Vec::new();
        while let Some(job) = self.jobs.front() {
            octets += job.octets();
            if !jobs.is_empty() && (octets > BATCH_OCTETS_MAX || jobs.len() >= BATCH_JOBS_MAX) {
                break;
            }
            jobs.extend(self.jobs.pop_front());
        }
        match (jobs.is_empty(), self.closed) {
            (false, _) => Next::Jobs(jobs),
            (true, true) => Next::Closed,
            (true, false) => Next::Idle,
        }
    }
}
