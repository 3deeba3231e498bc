//! What waits for the writer. While one sync runs, the next batch gathers here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, oneshot};
use world::Clock;

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
/// The time over which jobs are counted to see how fast they come.
const PACE: Duration = Duration::from_millis(1);
/// Fewer than this many jobs in that time may come from one or two sessions: they are no crowd.
const PACE_MIN: usize = 8;
/// How long settlements wait at most for a letter whose sync covers them too. Nobody waits for a settlement: the line
/// to the next hop is free already. A crash in this time repeats a delivery, as it does in the time of a sync.
const SETTLEMENT_WAITS: Duration = Duration::from_millis(2);

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
    /// Whether nobody is kept waiting while this is not written.
    fn can_wait(&self) -> bool {
        matches!(self, Self::Plan(Plan::Settle { .. }, _))
    }

    /// Whether what it does follows from how the queue stands.
    fn looks_at_the_queue(&self) -> bool {
        matches!(self, Self::Plan(..)) && !self.can_wait()
    }

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
    /// Jobs among them that somebody waits for.
    urgent: usize,
    /// With fewer of these than this the writer goes on sleeping.
    wanted: usize,
    /// Jobs that somebody waited for in the last two batches, the later one first.
    taken: (usize, usize),
    pace: Pace,
    closed: bool,
}

/// How many jobs were taken in this stretch of time, and in the one before.
#[derive(Default)]
struct Pace {
    since: Duration,
    now: usize,
    before: usize,
}

impl Pace {
    fn count(&mut self, jobs: usize, now: Duration) {
        let gone = now.saturating_sub(self.since);
        if gone >= PACE {
            self.before = if gone < 2 * PACE { self.now } else { 0 };
            (self.since, self.now) = (now, 0);
        }
        self.now += jobs;
    }
}

/// The jobs, in the order in which they came.
pub(crate) struct Queue {
    mode: Writer,
    clock: Arc<dyn Clock>,
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
    pub(crate) fn new(mode: Writer, clock: Arc<dyn Clock>) -> Self {
        Self {
            mode,
            clock,
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
        let urgent = !job.can_wait();
        waiting.urgent += usize::from(urgent);
        waiting.jobs.push_back(job);
        let enough = waiting.jobs.len() == 1 || urgent && waiting.urgent >= waiting.wanted;
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
        waiting.urgent = 0;
        drop(waiting);
        drop(jobs);
    }

    /// What waits now, without waiting for more.
    pub(crate) fn take_now(&self) -> Vec<Job> {
        match self.waiting.lock().take(self.clock.monotonic()) {
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
    /// Settlements alone wait for the next one who comes.
    pub(crate) fn next_blocking(&self, patience: Option<Duration>) -> Next {
        let mut waiting = self.waiting.lock();
        waiting.wanted = 1;
        if waiting.jobs.is_empty() && !waiting.closed {
            match patience {
                Some(patience) => drop(self.filled.wait_for(&mut waiting, patience)),
                None => self.filled.wait(&mut waiting),
            }
        }
        if !waiting.jobs.is_empty() && waiting.urgent == 0 && !waiting.closed {
            self.filled.wait_for(&mut waiting, SETTLEMENT_WAITS);
        }
        let wanted = waiting.crowd() / 2;
        if waiting.urgent > 0 && waiting.urgent < wanted && !waiting.closed {
            waiting.wanted = wanted;
            self.filled.wait_for(&mut waiting, GATHER);
        }
        waiting.take(self.clock.monotonic())
    }

    /// Waits as a task.
    pub(crate) async fn next(&self, idle: impl Future<Output = ()>) -> Next {
        tokio::pin!(idle);
        loop {
            if let next @ (Next::Jobs(_) | Next::Closed) = self.waiting.lock().take(self.clock.monotonic()) {
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
    /// How many commit side by side, as far as the last two batches and the pace tell; 0 where it is not worth a
    /// thought. A quick disk takes each alone before the next one comes, so that batches alone would not show a crowd.
    fn crowd(&self) -> usize {
        let paced = Some(self.pace.before).filter(|jobs| *jobs >= PACE_MIN);
        let crowd = (self.taken.0 + self.taken.1).max(paced.unwrap_or(0));
        if crowd < CROWD_MIN { 0 } else { crowd }
    }

    fn take(&mut self, now: Duration) -> Next {
        let mut octets = 0;
        let mut urgent = 0;
        let mut jobs: Vec<Job> = Vec::new();
        while let Some(job) = self.jobs.front() {
            // It is to see what the settlements before it did.
            if job.looks_at_the_queue() && urgent < jobs.len() {
                break;
            }
            octets += job.octets();
            if !jobs.is_empty() && (octets > BATCH_OCTETS_MAX || jobs.len() >= BATCH_JOBS_MAX) {
                break;
            }
            urgent += usize::from(!job.can_wait());
            jobs.extend(self.jobs.pop_front());
        }
        self.urgent -= urgent;
        self.taken = (urgent, self.taken.0);
        self.pace.count(urgent, now);
        match (jobs.is_empty(), self.closed) {
            (false, _) => Next::Jobs(jobs),
            (true, true) => Next::Closed,
            (true, false) => Next::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement() -> Job {
        let plan = Plan::Settle {
            id: mail::MessageId::new(1),
            settlements: Vec::new(),
            at: mail::Timestamp(0),
        };
        Job::Plan(plan, oneshot::channel().0)
    }

    fn urgent() -> Job {
        Job::Plan(Plan::Suspend(crate::Selector::All), oneshot::channel().0)
    }

    fn queue() -> Queue {
        Queue::new(Writer::Thread, Arc::new(world::SystemClock::default()))
    }

    #[test]
    fn jobs_taken_one_by_one_in_quick_succession_are_a_crowd() {
        let mut waiting = Waiting::default();
        let mut now = Duration::from_secs(1);
        for _ in 0..30 {
            waiting.jobs.push_back(urgent());
            waiting.urgent += 1;
            waiting.take(now);
            now += PACE / 8;
        }
        assert_eq!(waiting.crowd(), 8);
        // A while later it has gone.
        now += 3 * PACE;
        waiting.take(now);
        waiting.take(now);
        assert_eq!(waiting.crowd(), 0);
    }

    #[test]
    fn settlements_make_no_crowd_and_are_taken_with_whoever_comes() {
        let queue = queue();
        queue.push(Job::Adopted(Vec::new(), oneshot::channel().0));
        for _ in 0..10 {
            queue.push(settlement());
        }
        assert!(matches!(queue.next_blocking(None), Next::Jobs(jobs) if jobs.len() == 11));
        let waiting = queue.waiting.lock();
        assert_eq!((waiting.urgent, waiting.taken), (0, (1, 0)));
    }

    #[test]
    fn a_change_sees_what_the_settlements_before_it_did() {
        let queue = queue();
        queue.push(settlement());
        queue.push(urgent());
        for _ in 0..2 {
            assert!(matches!(queue.next_blocking(None), Next::Jobs(jobs) if jobs.len() == 1));
        }
    }

    #[test]
    fn a_settlement_alone_is_taken_as_well() {
        let queue = queue();
        queue.push(settlement());
        assert!(matches!(queue.next_blocking(None), Next::Jobs(jobs) if jobs.len() == 1));
    }
}
