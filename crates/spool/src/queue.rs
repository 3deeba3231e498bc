//! What waits for the writer. While one sync runs, the next batch gathers here.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, oneshot};

use crate::log::Record;
use crate::plan::Plan;
use crate::record::LetterHead;
use crate::{ChangeError, CommitError, Writer};

/// Octets of one batch at most, unless a single job has more.
const BATCH_OCTETS_MAX: usize = 8 << 20;
/// Jobs of one batch at most.
const BATCH_JOBS_MAX: usize = 4096;
/// Fewer than this many jobs in two batches that followed each other are no crowd: nobody is made to wait for others.
const CROWD_MIN: usize = 4;
/// How long the writer waits at most for the rest of a crowd.
const GATHER: Duration = Duration::from_micros(500);

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
    /// With fewer jobs than this the writer goes on sleeping.
    wanted: usize,
    /// Jobs of the last two batches, the later one first.
    taken: (usize, usize),
    closed: bool,
}

/// The jobs, in the order in which they came.
pub(crate) struct Queue {
    mode: Writer,
    waiting: Mutex<Waiting>,
    /// Wakes a writer that is a thread.
    filled: Condvar,
    /// Wakes a writer that is a task.
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
    pub(crate) fn new(mode: Writer) -> Self {
        Self {
            mode,
            waiting: Mutex::default(),
            filled: Condvar::new(),
            woken: Notify::new(),
        }
    }

    /// Gives the writer something to do; `false` when it has ended.
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return false;
        }
        waiting.jobs.push_back(job);
        let enough = waiting.jobs.len() >= waiting.wanted;
        drop(waiting);
        if enough {
            self.wake();
        }
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

    /// What waits now, without waiting for more.
    pub(crate) fn take_now(&self) -> Vec<Job> {
        match self.waiting.lock().take() {
            Next::Jobs(jobs) => jobs,
            Next::Idle | Next::Closed => Vec::new(),
        }
    }

    fn wake(&self) {
        match self.mode {
            Writer::Thread => drop(self.filled.notify_one()),
            Writer::Task => self.woken.notify_one(),
        }
    }

    /// Waits on the writer's own thread. One who comes alone is served at once; of a crowd (many sessions that commit
    /// again and again) about half is waited for, a moment at most, for a sync costs the same for one and for all.
    pub(crate) fn next_blocking(&self, patience: Option<Duration>) -> Next {
        let mut waiting = self.waiting.lock();
        waiting.wanted = 1;
        if waiting.jobs.is_empty() && !waiting.closed {
            match patience {
                Some(patience) => drop(self.filled.wait_for(&mut waiting, patience)),
                None => self.filled.wait(&mut waiting),
            }
        }
        let wanted = waiting.crowd() / 2;
        if !waiting.jobs.is_empty() && waiting.jobs.len() < wanted && !waiting.closed {
            waiting.wanted = wanted;
            self.filled.wait_for(&mut waiting, GATHER);
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
    /// How many commit side by side, as far as the last two batches tell; 0 where it is not worth a thought.
    fn crowd(&self) -> usize {
        let crowd = self.taken.0 + self.taken.1;
        if crowd < CROWD_MIN { 0 } else { crowd }
    }

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
        self.taken = (jobs.len(), self.taken.0);
        match (jobs.is_empty(), self.closed) {
            (false, _) => Next::Jobs(jobs),
            (true, true) => Next::Closed,
            (true, false) => Next::Idle,
        }
    }
}
