//! The one who writes: gathers what waits, makes it durable with one sync, then answers. How it spends its time; what
//! it does stands beside: `planning`, then `store`, and `upkeep` when there is time.

mod batch;
mod planning;
mod store;
mod upkeep;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mail::MessageId;
use parking_lot::Mutex;

use crate::Writer as Mode;
use crate::aside::Aside;
use crate::checkpoint::Checkpointed;
use crate::core::Shared;
use crate::entry::Place;
use crate::log::Log;
use crate::plan::Campaign;
use crate::queue::{Job, Next};
use crate::recent::Recent;
pub(crate) use batch::{Batch, Effect};

/// After this long without work the writer looks after the log.
const IDLE: Duration = Duration::from_secs(60);
/// While it cannot write, it tries again after this long without work.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// Octets written between two looks at the free space.
const MEASURE_EVERY: u64 = 4 << 20;

/// The writer and what only it knows.
pub(crate) struct LogWriter {
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Log,
    /// Number of the next checkpoint.
    pub(crate) next_checkpoint: u32,
    /// Octets of the last one.
    pub(crate) checkpoint_octets: u64,
    /// The segment at which the last checkpoint but one began its tail: what lies before may go.
    pub(crate) needed_from: (u32, u32),
    pub(crate) recent: Recent,
    measured_at: u64,
    aside: Aside,
    checkpointer: Aside,
    /// A checkpoint is being written, or was and nobody has looked.
    checkpointing: bool,
    checkpointed: Arc<Mutex<Option<Checkpointed>>>,
    campaigns: VecDeque<Campaign>,
}

impl LogWriter {
    pub(crate) fn new(shared: Arc<Shared>, log: Log, next_checkpoint: u32, needed_from: u32) -> Self {
        let needed_from = (needed_from, needed_from);
        Self {
            shared,
            log,
            next_checkpoint,
            checkpoint_octets: 0,
            needed_from,
            recent: Recent::default(),
            measured_at: 0,
            aside: Aside::default(),
            checkpointer: Aside::default(),
            checkpointing: false,
            checkpointed: Arc::default(),
            campaigns: VecDeque::new(),
        }
    }

    /// Works on a thread of its own until the queue is closed.
    pub(crate) fn run_thread(mut self) {
        loop {
            match self.shared.queue.next_blocking(self.patience()) {
                Next::Jobs(jobs) => self.work(jobs),
                Next::Idle => self.rest(),
                Next::Closed => break,
            }
        }
        self.end();
    }

    /// Works as a task until the queue is closed.
    pub(crate) async fn run_task(mut self) {
        debug_assert_eq!(self.shared.mode, Mode::Task);
        loop {
            let shared = self.shared.clone();
            let patience = self.patience();
            let idle = async {
                let clock = &shared.world.clock;
                match patience {
                    Some(patience) => clock.sleep_until(clock.monotonic() + patience).await,
                    None => std::future::pending::<()>().await,
                }
            };
            match shared.queue.next(idle).await {
                Next::Jobs(jobs) => self.work(jobs),
                Next::Idle => self.rest(),
                Next::Closed => break,
            }
        }
        self.end();
    }

    fn end(&mut self) {
        self.checkpointer.wait();
        self.look_for_checkpoint();
        if self.log.grown > 0 {
            let written = self.checkpoint();
            self.complain(&written);
        }
        self.log.trim_active();
        self.shared.release_spares();
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let batch = self.plan(jobs);
        self.store(batch);
        self.look_ahead();
        self.carry_out_all();
        self.look_for_checkpoint();
        if self.log.grown.saturating_sub(self.measured_at) >= MEASURE_EVERY || self.log.grown < self.measured_at {
            self.measured_at = self.log.grown;
            self.shared.measure_room();
        }
        let due = self.log.grown
            >= self
                .shared
                .config
                .checkpoint_every_octets
                .max(self.checkpoint_octets / 2);
        if due {
            self.look_after();
        }
    }

    /// Serves whoever waits, in the middle of something long.
    pub(crate) fn serve_waiting(&mut self) {
        let jobs = self.shared.queue.take_now();
        if !jobs.is_empty() {
            let batch = self.plan(jobs);
            self.store(batch);
        }
    }

    /// Nobody wants anything for a while.
    fn rest(&mut self) {
        if self.checkpointing && !self.shared.troubles.any() {
            self.look_for_checkpoint();
            return;
        }
        if self.shared.troubles.any() {
            self.probe();
        } else {
            self.look_after();
        }
    }

    /// Whoever heeds what we say of our health sends no mail, so nobody would notice that the trouble is over.
    fn probe(&mut self) {
        let mut batch = Batch::default();
        batch.push_suspended(self.shared.index.lock().suspended.clone());
        self.store(batch);
        self.shared.probe_files();
    }

    /// How long to wait for something to do before looking around.
    fn patience(&self) -> Option<Duration> {
        if self.shared.troubles.any() || self.checkpointing {
            Some(TRY_AGAIN)
        } else {
            (self.log.grown > 0).then_some(IDLE)
        }
    }
}

/// Message ids that a sweep moves are looked up again, for they may have finished in between.
pub(crate) type Movable = Vec<(MessageId, Place)>;
