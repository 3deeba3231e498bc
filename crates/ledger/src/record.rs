//! The handle that records, and the one background task that writes.
//!
//! Nobody on a letter's way waits for this disk: [`Ledger::record`] puts the event into a bounded queue, the task
//! sleeps while [`Config::late_max`] of them gather and writes them with one sync. It is woken before only when somebody
//! waits for the disk or a whole write has gathered, not for every event. Only when the queue is full does an acceptance
//! wait; refusals are then counted instead, and the count is written.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use world::{Clock, World};

use crate::anchor::Place;
use crate::chain::{self, BATCH_OCTETS_MAX, Chain, Damage};
use crate::progress::{Progress, Tally};
use crate::{Entry, Head, Reader, Torn, line};

/// Events that are written without waiting for more: most of a write, as long as most acceptances are.
const MANY_EVENTS: usize = BATCH_OCTETS_MAX / 1024;
/// How long the task waits before it tries a failing disk again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How a ledger is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder; made when missing.
    pub dir: PathBuf,
    /// Who writes: letters, digits, hyphens. Two processes never write as the same one.
    pub writer: Box<str>,
    /// How late an event may reach the disk. Change it only for tests.
    pub late_max: Duration,
    /// Events that may wait to be written.
    pub queue: usize,
    /// Octets after which a file is closed and another begun: what lies in the open one is found without an index, so
    /// it is kept short.
    pub file_octets: u64,
}

impl Config {
    /// The defaults, in this folder, as the writer `gate`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            writer: "gate".into(),
            late_max: Duration::from_millis(500),
            queue: 16_384,
            file_octets: 64 << 20,
        }
    }
}

/// Who waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A thread: real gateways.
    Thread,
    /// The task itself: simulated gateways, where the order of everything follows from the seed.
    Task,
}

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration names an impossible writer.
    #[error("a ledger's writer is named by 1 to 40 letters, digits and hyphens, not `{0}`")]
    Writer(Box<str>),
    /// Another process writes there.
    #[error("{0}: another process writes this ledger; stop it first, or name another writer")]
    Busy(PathBuf),
    /// The disk.
    #[error("{0}: {1}")]
    Disk(PathBuf, io::Error),
}

/// An open ledger.
pub struct Opening {
    /// Records; to be cloned for whoever testifies.
    pub ledger: Ledger,
    /// Finds.
    pub reader: Reader,
    /// What was found.
    pub report: OpenReport,
    /// Ends it.
    pub closer: Closer,
}

/// What was found at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Where the chain stands now.
    pub head: Head,
    /// What a crash left behind the last good line.
    pub torn: Option<Torn>,
}

/// How the ledger fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Events on disk since the start.
    pub written: u64,
    /// Refusals that were not written since the start.
    pub dropped: u64,
    /// Whether the disk refuses; acceptances wait once the queue is full.
    pub failing: bool,
}

/// Records what happens.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    queue: mpsc::Sender<Item>,
    hurry: Arc<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
    progress: Arc<Progress>,
    place: Arc<std::sync::Mutex<Place>>,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// One completion at a time: two of them could both miss the same event.
    pub(crate) completing: Mutex<()>,
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    failing: AtomicBool,
}

pub(crate) enum Item {
    Entry(Timestamp, Entry),
    Flush(oneshot::Sender<Head>),
    Close(oneshot::Sender<Head>),
}

/// Ends a ledger: what was recorded before is written first.
pub struct Closer {
    queue: mpsc::Sender<Item>,
    hurry: Arc<Notify>,
}

/// Opens a ledger in the current runtime: finds the end of the chain, begins a new file behind it, and starts the task.
///
/// # Errors
/// See [`OpenError`].
pub fn open(config: Config, world: &World, writer: Writer) -> Result<Opening, OpenError> {
    if !chain::is_writer(&config.writer) {
        return Err(OpenError::Writer(config.writer));
    }
    let now = Timestamp(world.clock.wall());
    let (chain, damage) = Chain::open(world.disk.clone(), &config.dir, &config.writer, now, config.file_octets)
        .map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => OpenError::Busy(config.dir.clone()),
            _ => OpenError::Disk(config.dir.clone(), error),
        })?;
    if let Some(Damage { file, at, octets }) = &damage {
        tracing::warn!(
            file,
            at,
            octets,
            "the ledger ended in octets that were never synced; they are no testimony"
        );
    }
    let report = OpenReport {
        head: chain.place().into(),
        torn: damage.map(|Damage { file, at, octets }| Torn { file, at, octets }),
    };
    let (queue, items) = mpsc::channel(config.queue.max(1));
    let counts = Arc::new(Counts::default());
    let hurry = Arc::new(Notify::new());
    let progress = Arc::new(Progress::default());
    let place = Arc::new(std::sync::Mutex::new(chain.place()));
    let scribe = Scribe {
        place: place.clone(),
        late_max: config.late_max,
        clock: world.clock.clone(),
        writer,
        counts: counts.clone(),
        hurry: hurry.clone(),
        told_dropped: 0,
        tally: Tally::new(progress.clone()),
    };
    tokio::spawn(scribe.run(chain, items));
    let reader = Reader::new(world.disk.clone(), &*config.dir);
    let inner = Inner {
        queue: queue.clone(),
        hurry: hurry.clone(),
        clock: world.clock.clone(),
        counts,
        progress,
        place,
        reader: reader.clone(),
        writer,
        completing: Mutex::new(()),
    };
    Ok(Opening {
        ledger: Ledger { inner: Arc::new(inner) },
        reader,
        report,
        closer: Closer { queue, hurry },
    })
}

impl Ledger {
    /// Records an event as of now. Returns at once unless the queue is full: refusals (and refused logins) are then
    /// counted instead, everything else waits for room.
    pub async fn record(&self, event: impl Into<Entry>) {
        let at = Timestamp(self.inner.clock.wall());
        let entry = event.into();
        if entry.refusals() > 0 {
            self.note_at(at, entry);
        } else {
            self.queue(Item::Entry(at, entry)).await;
        }
    }

    /// Records an event without ever waiting, for places that cannot: where the queue is full it is counted as
    /// dropped. Only for refusals and refused logins; [`record`](Self::record) everything else.
    pub fn note(&self, event: impl Into<Entry>) {
        self.note_at(Timestamp(self.inner.clock.wall()), event);
    }

    /// The same of what happened at some moment before.
    pub fn note_at(&self, at: Timestamp, event: impl Into<Entry>) {
        let entry = event.into();
        let refusals = entry.refusals().max(1);
        if self.inner.queue.try_send(Item::Entry(at, entry)).is_err() {
            self.inner.counts.dropped.fetch_add(refusals, Ordering::Relaxed);
        }
        self.inner.hurry_if_many();
    }

    /// Returns when everything recorded before is on disk, and says where the chain then stands; `None` after the
    /// ledger was closed.
    pub async fn flush(&self) -> Option<Head> {
        let (done, head) = oneshot::channel();
        self.queue(Item::Flush(done)).await;
        head.await.ok()
    }

    /// Up to when, by the stopwatch, all that was recorded is on disk.
    #[must_use]
    pub fn durable_until(&self) -> Duration {
        let inner = &self.inner;
        let waiting = inner.queue.max_capacity() - inner.queue.capacity();
        inner.progress.until(waiting, inner.clock.monotonic())
    }

    /// Where the chain stands: its last durable line.
    #[must_use]
    pub fn place(&self) -> Place {
        self.inner.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the ledger fares.
    #[must_use]
    pub fn status(&self) -> Status {
        let counts = &self.inner.counts;
        Status {
            written: counts.written.load(Ordering::Relaxed),
            dropped: counts.dropped.load(Ordering::Relaxed),
            failing: counts.failing.load(Ordering::Relaxed),
        }
    }

    pub(crate) async fn queue(&self, item: Item) {
        let awaited = !matches!(item, Item::Entry(..));
        if let Err(mpsc::error::SendError(Item::Entry(_, entry))) = self.inner.queue.send(item).await {
            // Only after the gateway closed its ledger. What the spool knows too is completed from it at the next start.
            tracing::error!(entry = ?entry.json(), "recorded after the ledger was closed");
        }
        if awaited {
            self.inner.hurry.notify_one();
        } else {
            self.inner.hurry_if_many();
        }
    }
}

impl Inner {
    /// Wakes the task when a whole write has gathered, or when half of a small queue is used.
    fn hurry_if_many(&self) {
        let most = self.queue.max_capacity();
        if most - self.queue.capacity() >= (most / 2).clamp(1, MANY_EVENTS) {
            self.hurry.notify_one();
        }
    }
}

impl Closer {
    /// Writes what was recorded and ends the task; says where the chain stands. What is recorded later is lost, except
    /// what the spool still knows of.
    pub async fn close(self) -> Option<Head> {
        let (done, head) = oneshot::channel();
        self.queue.send(Item::Close(done)).await.ok()?;
        self.hurry.notify_one();
        head.await.ok()
    }
}

impl From<Place> for Head {
    fn from(place: Place) -> Self {
        Self {
            writer: place.writer,
            seq: place.seq,
            hash: place.hash,
        }
    }
}

/// The background task: gathers, writes, answers.
struct Scribe {
    /// Where the chain stands, for who asks.
    place: Arc<std::sync::Mutex<Place>>,
    late_max: Duration,
    clock: Arc<dyn Clock>,
    writer: Writer,
    counts: Arc<Counts>,
    /// Told when the next write is to be made now.
    hurry: Arc<Notify>,
    told_dropped: u64,
    tally: Tally,
}

/// What is gathered for one write.
#[derive(Default)]
struct Batch {
    /// Items that were taken for it.
    items: usize,
    entries: Vec<(Timestamp, Entry)>,
    octets: usize,
    flushed: Vec<oneshot::Sender<Head>>,
    last: bool,
}

impl Batch {
    /// Takes an item; `None` where there will be no more.
    fn take(&mut self, item: Option<Item>) {
        self.items += usize::from(item.is_some());
        match item {
            Some(Item::Entry(at, entry)) => {
                self.octets += entry.json().len() + line::SEAL_OCTETS;
                self.entries.push((at, entry));
            }
            Some(Item::Flush(done)) => self.flushed.push(done),
            Some(Item::Close(done)) => {
                self.flushed.push(done);
                self.last = true;
            }
            None => self.last = true,
        }
    }

    /// Whether somebody waits for it.
    fn is_wanted(&self) -> bool {
        self.last || !self.flushed.is_empty()
    }
}

impl Scribe {
    async fn run(mut self, mut chain: Chain, mut items: mpsc::Receiver<Item>) {
        loop {
            let mut batch = self.gather(&mut items).await;
            self.tell_dropped(&mut batch.entries);
            let events = batch.entries.len() as u64;
            if !batch.entries.is_empty() {
                chain = match self.write_until_durable(chain, batch.entries).await {
                    Some(chain) => chain,
                    // The runtime ends; the spool completes the ledger at the next start.
                    None => return,
                };
                self.counts.written.fetch_add(events, Ordering::Relaxed);
                *self.place.lock().unwrap_or_else(PoisonError::into_inner) = chain.place();
            }
            self.tally.wrote(batch.items, items.len(), self.clock.monotonic());
            for flushed in batch.flushed {
                let _ = flushed.send(chain.place().into());
            }
            if batch.last {
                return;
            }
        }
    }

    /// Waits for a first item, then until the batch is late, wanted, or large enough, and takes what has come.
    async fn gather(&self, items: &mut mpsc::Receiver<Item>) -> Batch {
        let mut batch = Batch::default();
        let first = items.recv().await;
        self.tally.begins();
        batch.take(first);
        if !batch.is_wanted() && items.len() < MANY_EVENTS {
            let late = self.clock.monotonic() + self.late_max;
            tokio::select! {
                biased;
                () = self.hurry.notified() => {}
                () = self.clock.sleep_until(late) => {}
            }
        }
        while !batch.is_wanted() && batch.octets < BATCH_OCTETS_MAX {
            match items.try_recv() {
                Ok(item) => batch.take(Some(item)),
                Err(_) => break,
            }
        }
        batch
    }

    /// Adds a line that says how many refusals are missing since the last such line.
    fn tell_dropped(&mut self, entries: &mut Vec<(Timestamp, Entry)>) {
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        let missing = dropped - self.told_dropped;
        if missing > 0 {
            tracing::warn!(missing, "refusals came faster than the ledger could write them");
            entries.push((Timestamp(self.clock.wall()), chain::dropped(missing)));
            self.told_dropped = dropped;
        }
    }

    /// Appends the batch, again and again while the disk refuses.
    async fn write_until_durable(&self, mut chain: Chain, entries: Vec<(Timestamp, Entry)>) -> Option<Chain> {
        let entries = Arc::new(entries);
        loop {
            let now = Timestamp(self.clock.wall());
            let result;
            (chain, result) = match self.writer {
                Writer::Task => {
                    let result = chain.append(now, &entries);
                    (chain, result)
                }
                Writer::Thread => {
                    let entries = entries.clone();
                    tokio::task::spawn_blocking(move || {
                        let result = chain.append(now, &entries);
                        (chain, result)
                    })
                    .await
                    .ok()?
                }
            };
            let failing = result.is_err();
            let failed_before = self.counts.failing.swap(failing, Ordering::Relaxed);
            match result {
                Ok(()) => return Some(chain),
                Err(error) if !failed_before => {
                    tracing::error!(%error, "the ledger's disk refuses; events wait, and acceptances too once the queue is full");
                }
                Err(_) => {}
            }
            self.clock.sleep_until(self.clock.monotonic() + RETRY_AFTER).await;
        }
    }
}
