//! One life of the gateway: a fence around the world it is given.
//!
//! A simulated gateway is tasks of a runtime, and tasks cannot be killed from outside. So each life gets ports of its
//! own, and when it ends, the fence closes: nothing its tasks do afterwards reaches the disk or the network, and none of
//! their timers ends. What the others see is what they see of a real process: connections that are reset, or, when the
//! power goes, nothing at all.

mod disk;
mod net;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use world::sim::disk::{Fate, SimDisk};
use world::sim::{SeedRng, SimClock, SimNet};
use world::{BoxFuture, Clock, World};

use crate::chronicle::Chronicle;
pub use net::Breakage;
use net::Line;

/// What a life is lived on.
#[derive(Clone)]
pub struct Ground {
    /// Time.
    pub clock: Arc<SimClock>,
    /// The network.
    pub net: SimNet,
    /// The disk, as it is at the beginning of this life.
    pub disk: SimDisk,
    /// Where it is told.
    pub chronicle: Chronicle,
}

/// A lie a test lets the disk tell, to see that somebody notices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskLie {
    /// None.
    #[default]
    None,
    /// Every sync says that it is done, and does nothing.
    Sync,
    /// Syncs of the queue say that they are done long before they are: what a gateway looks like that answers first.
    SyncLater,
    /// Syncs of the ledger do nothing: what a gateway looks like that does not complete it.
    LedgerSync,
}

/// One life.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    ground: Ground,
    number: u64,
    lie: DiskLie,
    dead: AtomicBool,
    died: Notify,
    /// Operations of the disk so far.
    operations: AtomicU64,
    /// Behind which of them the power goes, and what that leaves.
    cut: Mutex<Option<(u64, Fate)>>,
    /// The disk as the power left it.
    left: Mutex<Option<SimDisk>>,
    /// How long the next syncs take.
    slow: Mutex<Duration>,
    lines: Mutex<Vec<Arc<Line>>>,
}

impl Process {
    /// A life that begins.
    #[must_use]
    pub fn new(ground: Ground, number: u64, lie: DiskLie) -> Self {
        Self {
            inner: Arc::new(Inner {
                ground,
                number,
                lie,
                dead: AtomicBool::new(false),
                died: Notify::new(),
                operations: AtomicU64::new(0),
                cut: Mutex::default(),
                left: Mutex::default(),
                slow: Mutex::default(),
                lines: Mutex::default(),
            }),
        }
    }

    /// The world as this life sees it. Its chance follows from `seed` and from which life it is.
    #[must_use]
    pub fn world(&self, seed: u64) -> World {
        // Not the step by which the generator itself goes on: lives would draw the same numbers, a little shifted.
        let life = self.inner.number.wrapping_mul(0xd134_2543_de82_ef95);
        World {
            clock: Arc::new(FencedClock(self.clone())),
            rng: Arc::new(SeedRng::new(seed ^ life)),
            net: Arc::new(net::FencedNet(self.clone())),
            disk: Arc::new(disk::FencedDisk(self.clone())),
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.inner.dead.load(Ordering::SeqCst)
    }

    /// Returns when it is over.
    pub async fn death(&self) {
        loop {
            let died = self.inner.died.notified();
            if self.is_dead() {
                return;
            }
            died.await;
        }
    }

    /// Ends it as SIGKILL does: the system keeps what was written, and resets the connections.
    pub fn kill(&self) {
        self.die();
        for line in self.lines().drain(..) {
            line.hang_up();
        }
    }

    /// Ends it as a power cut does; connections fall silent until the machine is back ([`Process::bury`]).
    pub fn cut_power(&self, fate: Fate) {
        let left = self.inner.ground.disk.crash(fate);
        lock(&self.inner.left).get_or_insert(left);
        self.die();
    }

    /// Lets the power go right behind the `nth` operation of the disk from now on.
    pub fn cut_power_behind(&self, nth: u64, fate: Fate) {
        let at = self.inner.operations.load(Ordering::SeqCst) + nth;
        *lock(&self.inner.cut) = Some((at, fate));
    }

    /// Takes back what [`Process::cut_power_behind`] planned.
    pub fn keep_power(&self) {
        *lock(&self.inner.cut) = None;
    }

    /// The next sync takes this long, and everything stands still meanwhile.
    pub fn slow_down(&self, by: Duration) {
        *lock(&self.inner.slow) = by;
    }

    /// What is left of it: the disk for the next life. The machine is back, so whoever still waits for an answer hears
    /// that there is none.
    #[must_use]
    pub fn bury(&self) -> SimDisk {
        for line in self.lines().drain(..) {
            line.hang_up();
        }
        lock(&self.inner.left)
            .clone()
            .unwrap_or_else(|| self.inner.ground.disk.clone())
    }

    /// Breaks connections of this life that are open now: those `chosen` by the port at our end or theirs that is not a
    /// listener's. Says how many.
    pub fn break_lines(&self, how: Breakage, mut chosen: impl FnMut() -> bool) -> usize {
        let open: Vec<Arc<Line>> = self.lines().iter().filter(|line| line.is_open()).cloned().collect();
        let mut broken = 0;
        for line in open {
            if chosen() {
                line.strike(how);
                self.inner.ground.chronicle.blow(how.name(), Some(line.port()));
                broken += 1;
            }
        }
        broken
    }

    /// Ends connections that are broken: the weather is over, and somebody hears of it.
    pub fn mend_lines(&self) {
        for line in self.lines().iter().filter(|line| !line.is_open()) {
            line.hang_up();
        }
    }

    fn die(&self) {
        self.inner.dead.store(true, Ordering::SeqCst);
        self.inner.died.notify_waiters();
        for line in self.lines().iter() {
            line.freeze();
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        lock(&self.inner.lines)
    }
}

/// The clock as a life sees it: behind the end nothing wakes it any more.
struct FencedClock(Process);

impl Clock for FencedClock {
    fn wall(&self) -> i64 {
        self.0.inner.ground.clock.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.inner.ground.clock.monotonic()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        let process = self.0.clone();
        let sleep = process.inner.ground.clock.sleep_until(at);
        Box::pin(async move {
            sleep.await;
            if process.is_dead() {
                std::future::pending().await
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
