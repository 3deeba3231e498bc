//! The one who writes: gathers what waits, makes it durable with one sync, then answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mail::{MessageId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::aside::Aside;
use crate::checkpoint::Checkpointed;
use crate::core::{Fresh, Segment, Shared};
use crate::entry::Place;
use crate::index::{Finished, Index};
use crate::layout::Kind;
use crate::log::{Log, Record};
use crate::plan::{Campaign, Plan, Planned, Reply};
use crate::queue::{AdoptedLetter, Job, LetterJob, Next};
use crate::recent::Recent;
use crate::record::{ChangeHead, LetterHead};
use crate::{ChangeError, CommitError, Selector, Writer as Mode};

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

/// What a record does to the queue once it is on disk.
pub(crate) enum Effect {
    Letter(Box<LetterJob>),
    Moved(Box<LetterHead>),
    Adopted(Box<LetterHead>),
    Change(ChangeHead),
    Suspended(BTreeSet<Selector>),
}

/// Records, what each of them does, and who waits for changes.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) effects: Vec<Effect>,
    waiting: Vec<(Reply, u64)>,
}

impl Batch {
    pub(crate) fn push(&mut self, record: Record, effect: Effect) {
        self.records.push(record);
        self.effects.push(effect);
    }

    pub(crate) fn push_suspended(&mut self, all: BTreeSet<Selector>) {
        let mut out = crate::codec::Encoder::default();
        crate::record::put_suspended(&mut out, all.iter());
        self.push(Record::plain(Kind::Suspended, out.0), Effect::Suspended(all));
    }

    /// What will be suspended when this batch is stored, where it changes that.
    fn suspended(&self) -> Option<&BTreeSet<Selector>> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Suspended(all) => Some(all),
            _ => None,
        })
    }

    /// Takes the letters out, when there is no room for them.
    fn without_letters(&mut self) -> Vec<LetterJob> {
        let mut letters = Vec::new();
        let (records, effects) = (std::mem::take(&mut self.records), std::mem::take(&mut self.effects));
        for (record, effect) in records.into_iter().zip(effects) {
            match effect {
                Effect::Letter(letter) => letters.push(*letter),
                other => self.push(record, other),
            }
        }
        letters
    }
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
        self.carry_out_campaigns();
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

    /// Changes of large parts of the queue, a slice at a time, each with what waits meanwhile.
    fn carry_out_campaigns(&mut self) {
        while let Some(mut campaign) = self.campaigns.pop_front() {
            let outcome = loop {
                let jobs = self.shared.queue.take_now();
                let mut batch = self.plan(jobs);
                let slice = campaign.slice(&self.shared.index.lock());
                let Some(changes) = slice else {
                    self.store(batch);
                    break Ok(campaign.recipients);
                };
                for change in changes {
                    batch.push(Record::plain(Kind::Change, change.encode()), Effect::Change(change));
                }
                let (told, mut heard) = oneshot::channel();
                batch.waiting.push((told, 0));
                self.store(batch);
                self.look_ahead();
                if let Ok(Err(error)) = heard.try_recv() {
                    break Err(error);
                }
            };
            let _ = campaign.reply.send(outcome);
        }
    }

    /// Closes a segment that is full, or that grows although a spare is there; has the next one made ready in time.
    fn look_ahead(&mut self) {
        if self.log.is_segment_full() {
            self.log.close_segment();
        } else if self.log.wants_spare() {
            if !self.shared.has_spare() {
                self.aside.fill_spare(&self.shared);
            } else if self.log.grows() {
                self.log.close_segment();
            }
        }
    }

    /// Turns jobs into records.
    fn plan(&mut self, jobs: Vec<Job>) -> Batch {
        let mut batch = Batch::default();
        let shared = self.shared.clone();
        let index = shared.index.lock();
        for job in jobs {
            match job {
                Job::Letter(letter) if index.entries.contains_key(&letter.head.id) => {
                    let _ = letter.reply.send(Err(CommitError::Invalid("the id is taken")));
                }
                Job::Letter(mut letter) => {
                    let record = Record {
                        kind: Kind::Letter,
                        head: std::mem::take(&mut letter.encoded),
                        head_crc: letter.head_crc,
                        body: letter.raw.clone(),
                        body_crc: letter.body_crc,
                    };
                    batch.push(record, Effect::Letter(letter));
                }
                Job::Plan(plan, reply) => match Campaign::of(plan, reply) {
                    Ok(campaign) => self.campaigns.push_back(campaign),
                    Err((plan, reply)) => plan_change(plan, reply, &index, &mut batch),
                },
                Job::Adopted(letters, reply) => {
                    batch.waiting.push((reply, letters.len() as u64));
                    for AdoptedLetter { record, head } in letters {
                        batch.push(record, Effect::Adopted(head));
                    }
                }
            }
        }
        batch
    }

    /// Append, sync, apply, answer: the one place where anything becomes true.
    ///
    /// A batch that failed is written once more to a fresh segment before anybody is told, for the failure may lie in
    /// the one file. On a full disk letters are refused and changes of state, which shrink the queue, are tried alone.
    pub(crate) fn store(&mut self, mut batch: Batch) {
        // 1. Append, and 2. sync.
        let mut written = self.append_and_sync(&batch);
        if let Err(error) = &written {
            if crate::error::is_full(error) {
                for letter in batch.without_letters() {
                    let _ = letter.reply.send(Err(CommitError::Full));
                    self.forget_own_file(letter.head.own_file);
                }
                self.shared.release_spares();
                self.shared.measure_room();
            }
            written = self.append_and_sync(&batch);
        }
        match written {
            // 3. Apply, and 4. answer.
            Ok(places) => self.apply_and_answer(batch, places),
            Err(error) => self.refuse(batch, &error),
        }
    }

    /// Stores what nobody waits for, at the start.
    pub(crate) fn store_now(&mut self, batch: Batch) -> io::Result<()> {
        let places = self.append_and_sync(&batch)?;
        self.apply_and_answer(batch, places);
        Ok(())
    }

    fn append_and_sync(&mut self, batch: &Batch) -> io::Result<Vec<Place>> {
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.log.append_and_sync(&batch.records);
        let trouble = &self.shared.troubles.log;
        match &written {
            Ok(_) if trouble.ended() => tracing::warn!(event = "spool.writes_again", "the spool can be written again"),
            Err(error) if trouble.began(error) => {
                tracing::error!(event = "spool.cannot_write", %error, "the spool cannot be written");
            }
            _ => {}
        }
        written
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

    /// Each lock is taken once for the whole batch, however many letters are in it.
    fn apply_and_answer(&mut self, batch: Batch, places: Vec<Place>) {
        let mut finished = Vec::new();
        let mut letters = Vec::new();
        let shared = self.shared.clone();
        let now = self.forget_old_testimony();
        let mut index = shared.index.lock();
        let mut segments = shared.segments.lock();
        for (effect, place) in batch.effects.into_iter().zip(places) {
            match effect {
                Effect::Letter(letter) => {
                    self.recent.note(now, letter.head.told());
                    account(&mut segments, place, letter.head.received);
                    index.insert(&letter.head, place);
                    letters.push(*letter);
                }
                Effect::Moved(head) => {
                    account(&mut segments, place, head.received);
                    if let Some(old) = index.insert(&head, place) {
                        discount(&mut segments, old);
                    }
                }
                Effect::Adopted(head) => {
                    account(&mut segments, place, head.received);
                    match index.insert(&head, place) {
                        Some(old) => discount(&mut segments, old),
                        // Not handed out before the other's files are gone: a crash would bring it back from them.
                        None => index.unlease(head.id, &[], Some(Timestamp(i64::MAX))),
                    }
                }
                Effect::Change(change) => {
                    finished.extend(index.apply(&change));
                    self.recent.note(now, change.testimony());
                }
                Effect::Suspended(all) => index.set_suspended(all),
            }
        }
        for finished in &finished {
            discount(&mut segments, finished.place);
        }
        drop(segments);
        let news = index.take_news();
        drop(index);
        let replies = self.remember(letters, &finished);
        for reply in replies {
            // A client that has gone meanwhile is not told; its message is delivered all the same.
            let _ = reply.send(Ok(()));
        }
        for (reply, recipients) in batch.waiting {
            let _ = reply.send(Ok(recipients));
        }
        for finished in finished {
            self.forget_own_file(finished.own_file);
        }
        if news {
            self.shared.work.notify_waiters();
        }
    }

    /// Keeps fresh letters in memory and lets finished ones go; says who waits for an answer.
    fn remember(&self, letters: Vec<LetterJob>, finished: &[Finished]) -> Vec<Answer> {
        let mut cache = self.shared.cache.lock();
        let mut answers = Vec::with_capacity(letters.len());
        for letter in letters {
            let LetterJob { head, raw, reply, .. } = letter;
            if head.own_file.is_none() {
                let fresh = Fresh {
                    prepend: head.prepend,
                    edits: head.edits,
                    raw,
                };
                cache.put(head.id, fresh, self.shared.config.memory_octets);
            }
            answers.push(reply);
        }
        for finished in finished {
            cache.remove(finished.id);
        }
        answers
    }

    fn refuse(&self, batch: Batch, error: &io::Error) {
        let full = crate::error::is_full(error);
        for effect in batch.effects {
            if let Effect::Letter(letter) = effect {
                let why = if full {
                    CommitError::Full
                } else {
                    CommitError::Broken(error.to_string())
                };
                let _ = letter.reply.send(Err(why));
                self.forget_own_file(letter.head.own_file);
            }
        }
        for (reply, _) in batch.waiting {
            let _ = reply.send(Err(ChangeError::Broken(error.to_string())));
        }
    }

    fn forget_own_file(&self, number: Option<u64>) {
        if let Some(number) = number {
            // Where this fails the file is an orphan, which the next start removes.
            let _ = self.shared.world.disk.remove(&self.shared.own_path(number));
        }
    }

    /// Lets go of the testimony that the ledger has; says what time it is, by the stopwatch.
    fn forget_old_testimony(&mut self) -> Duration {
        let now = self.shared.world.clock.monotonic();
        self.recent.forget(self.shared.told.get().map_or(now, |told| told()));
        now
    }

    /// Moves what should move, writes a checkpoint, deletes what nobody needs.
    fn look_after(&mut self) {
        self.forget_old_testimony();
        if self.checkpointing {
            return;
        }
        self.sweep();
        self.checkpoint_aside();
        self.carry_out_campaigns();
    }

    /// Writes a checkpoint while others are served.
    pub(crate) fn checkpoint_aside(&mut self) {
        let begun = self.begin_checkpoint();
        self.checkpointing = true;
        self.checkpointer
            .write_checkpoint(self.shared.mode, begun, self.checkpointed.clone());
        self.look_for_checkpoint();
    }

    /// Whether the checkpoint that was begun is written, and what follows from it.
    fn look_for_checkpoint(&mut self) {
        if !self.checkpointing || self.checkpointer.is_busy() {
            return;
        }
        self.checkpointing = false;
        let done = self.checkpointed.lock().take();
        let written = match done {
            Some(done) => self.conclude_checkpoint(done),
            None => {
                self.shared.index.lock().end_image();
                Err(io::Error::other("it was not written to its end"))
            }
        };
        self.complain(&written);
        if written.is_ok() {
            self.delete_dead_segments();
        }
    }

    fn complain(&mut self, written: &io::Result<()>) {
        if let Err(error) = written {
            // The log alone is enough; the next start reads a longer tail.
            tracing::warn!(%error, "no checkpoint could be written");
            // Tried again when the log has doubled: `work` asks at half of this.
            self.checkpoint_octets = self.log.grown.saturating_mul(4);
        }
    }
}

type Answer = oneshot::Sender<Result<(), CommitError>>;

fn account(segments: &mut BTreeMap<u32, Segment>, place: Place, received: Timestamp) {
    if let Some(segment) = segments.get_mut(&place.segment) {
        segment.live += place.record_len();
        segment.newest = segment.newest.max(received);
    }
}

fn discount(segments: &mut BTreeMap<u32, Segment>, place: Place) {
    if let Some(segment) = segments.get_mut(&place.segment) {
        segment.live = segment.live.saturating_sub(place.record_len());
    }
}

fn plan_change(plan: Plan, reply: Reply, index: &Index, batch: &mut Batch) {
    let mut recipients = 0;
    match plan.resolve(index) {
        Planned::Changes(changes) => {
            for change in changes {
                recipients += change.recipients.len() as u64;
                batch.push(Record::plain(Kind::Change, change.encode()), Effect::Change(change));
            }
        }
        Planned::Suspension(suspension) => {
            // The record tells all that is suspended: what this batch already changes must not be forgotten.
            let mut all = batch.suspended().unwrap_or(&index.suspended).clone();
            if suspension.apply(&mut all) {
                batch.push_suspended(all);
            }
        }
        Planned::NoSuch(why) => {
            let _ = reply.send(Err(ChangeError::NoSuch(why)));
            return;
        }
    }
    batch.waiting.push((reply, recipients));
}

/// Message ids that a sweep moves are looked up again, for they may have finished in between.
pub(crate) type Movable = Vec<(MessageId, Place)>;
