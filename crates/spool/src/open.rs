//! The start: locks, recovery, taking over what dead writers left, and the end.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::MessageId;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use world::{Disk, DiskFile, OpenMode, World};

use crate::body::read_letter;
use crate::core::{Cache, Handle, Shared};
use crate::entry::Place;
use crate::ids::IdSource;
use crate::layout::{FileName, Kind};
use crate::log::{Log, Record};
use crate::queue::Queue;
use crate::record::SegmentEnd;
use crate::recover::{Recovered, UNREADABLE, failed, recover};
use crate::sweep::set_aside;
use crate::writer::{Batch, Effect, LogWriter};
use crate::{Closer, Config, Damage, Dispatch, Intake, OpenError, Opened, RecoveryReport, Selector, View, Writer};

/// Segments are never larger, whatever the configuration says: places in them are 32 bits.
const SEGMENT_OCTETS_MAX: u64 = 1 << 30;
/// Larger messages always get a file of their own.
const SPILL_OCTETS_MAX: usize = 64 << 20;

/// Opens the spool in `config.dir`, recovering what is there. Blocks while it reads. With [`Writer::Task`] it must be
/// called within a runtime.
pub fn open(mut config: Config, world: &World, writer: Writer) -> Result<Opened, OpenError> {
    config.segment_octets = config.segment_octets.min(SEGMENT_OCTETS_MAX);
    config.spill_octets = config.spill_octets.min(SPILL_OCTETS_MAX);
    let disk = world.disk.clone();
    let dir = config.dir.clone();
    disk.create_dir(&dir).map_err(failed(&dir))?;
    let held = Held::take(disk.as_ref(), &dir, world)?;
    // Listed after locking: what a writer did last before it let go is seen.
    let names = list(disk.as_ref(), &dir)?;
    let mut recovered = recover(disk.as_ref(), &dir, held.own, &names, config.finished_max)?;
    let mut report = report_of(&mut recovered);
    let others: Vec<Recovered> = held
        .others
        .iter()
        .map(|other| recover(disk.as_ref(), &dir, *other, &names, 0))
        .collect::<Result<_, _>>()?;

    let untidy = recovered.unfinished_octets > 0 || recovered.tail_octets > config.checkpoint_every_octets / 4;
    let (shared, mut log_writer) = assemble(config, world, writer, held.own, held.locks, recovered, &others);
    log_writer.log.begin_segment().map_err(failed(&dir))?;
    for (other, left) in held.others.iter().zip(others) {
        report.adopted += adopt(&mut log_writer, *other, left, &names, &mut report)?;
    }
    if untidy || report.adopted > 0 {
        log_writer.checkpoint().map_err(failed(&dir))?;
    }
    {
        let index = shared.index.lock();
        report.messages = index.counts().messages;
        report.damaged = index.damaged.clone();
    }
    let done = start(&shared, log_writer).map_err(failed(&dir))?;
    let handle = Arc::new(Handle(shared.clone()));
    Ok(Opened {
        intake: Intake { handle: handle.clone() },
        dispatch: Dispatch { handle: handle.clone() },
        view: View { handle },
        report,
        closer: Closer { shared, done },
    })
}

impl Closer {
    /// Writes what is waiting, then a checkpoint, and ends the writer. Without it nothing is lost; the next start is
    /// slower. Handles that are still about say that the spool is closed.
    pub async fn close(self) {
        self.shared.queue.close();
        // An error means the writer has ended already.
        let _ = self.done.await;
        self.shared.locks.lock().clear();
    }
}

/// The writers of a folder that this process now is: one to go on as, others to take over from.
struct Held {
    own: u32,
    others: Vec<u32>,
    locks: Vec<Box<dyn DiskFile>>,
}

impl Held {
    /// Takes every lock that no living process holds. Lock files are never removed: a process that waits for one must
    /// not find itself with the lock of a name that is gone.
    fn take(disk: &dyn Disk, dir: &Path, world: &World) -> Result<Self, OpenError> {
        let writers: BTreeSet<u32> = list(disk, dir)?.into_iter().map(FileName::writer).collect();
        let mut held = Vec::new();
        let mut locks = Vec::new();
        for writer in writers {
            if let Some(lock) = try_lock(disk, dir, writer)? {
                held.push(writer);
                locks.push(lock);
            }
        }
        while held.is_empty() {
            let writer = world.rng.next_u64() as u32;
            if let Some(lock) = try_lock(disk, dir, writer)? {
                held.push(writer);
                locks.push(lock);
            }
        }
        disk.sync_dir(dir).map_err(failed(dir))?;
        let own = held.remove(0);
        Ok(Self {
            own,
            others: held,
            locks,
        })
    }
}

fn try_lock(disk: &dyn Disk, dir: &Path, writer: u32) -> Result<Option<Box<dyn DiskFile>>, OpenError> {
    let path = FileName::Lock { writer }.path(dir);
    let file = match disk.open(&path, OpenMode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&path, OpenMode::ReadWrite),
        other => other,
    }
    .map_err(failed(&path))?;
    Ok(file.try_lock().map_err(failed(&path))?.then_some(file))
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<FileName>, OpenError> {
    let names = disk.list(dir).map_err(failed(dir))?;
    Ok(names.iter().filter_map(|name| FileName::parse(name)).collect())
}

fn report_of(recovered: &mut Recovered) -> RecoveryReport {
    RecoveryReport {
        messages: 0,
        from_checkpoint: recovered.from_checkpoint,
        tail_records: recovered.tail_records,
        unfinished_octets: recovered.unfinished_octets,
        damaged: Vec::new(),
        adopted: 0,
        abandoned_files: recovered.abandoned_files,
        testimony: std::mem::take(&mut recovered.testimony).into_values().collect(),
    }
}

fn assemble(
    config: Config,
    world: &World,
    mode: Writer,
    writer: u32,
    locks: Vec<Box<dyn DiskFile>>,
    recovered: Recovered,
    others: &[Recovered],
) -> (Arc<Shared>, LogWriter) {
    let last_id = others
        .iter()
        .map(|other| other.last_id)
        .fold(recovered.last_id, u64::max);
    let untold: Vec<SegmentEnd> = recovered.untold;
    let shared = Arc::new(Shared {
        config,
        world: world.clone(),
        mode,
        writer,
        index: Mutex::new(recovered.index),
        segments: Mutex::new(recovered.segments),
        cache: Mutex::new(Cache::default()),
        queue: Queue::default(),
        work: Notify::new(),
        ids: IdSource::new(last_id, world.rng.next_u64()),
        free: AtomicU64::new(0),
        locks: Mutex::new(locks),
    });
    shared.measure_room();
    let log = Log::new(shared.clone(), recovered.next_sequence, untold);
    let mut log_writer = LogWriter::new(shared.clone(), log, recovered.next_checkpoint, recovered.tail_from);
    log_writer.log.grown = recovered.tail_octets;
    (shared, log_writer)
}

/// Takes over what a dead writer left: its letters are written to our log and synced, then its files are removed. A
/// crash in between leaves both; letters are known by their ids, so none is taken over twice.
fn adopt(
    ours: &mut LogWriter,
    writer: u32,
    mut left: Recovered,
    names: &[FileName],
    report: &mut RecoveryReport,
) -> Result<u64, OpenError> {
    let shared = ours.shared.clone();
    let (disk, dir) = (&shared.world.disk, &shared.config.dir);
    let mut batch = Batch::default();
    let mut own_files = Vec::new();
    let mut damaged = Vec::new();
    let mut adopted = 0;
    let mut octets = 0;
    for (id, entry) in &left.index.entries {
        if entry.damaged || shared.index.lock().entries.contains_key(id) {
            continue;
        }
        let Some(segment) = left.segments.get(&entry.place.segment) else {
            continue;
        };
        let path = FileName::Segment {
            writer,
            sequence: entry.place.segment,
        }
        .path(dir);
        let (mut head, body) = match read_letter(segment.file.as_ref(), segment.nonce, entry.place) {
            Ok(letter) => letter,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                damaged.push((entry.place.segment, unreadable(*id, entry.place, &path)));
                continue;
            }
            Err(error) => return Err(failed(&path)(error)),
        };
        entry.update(&mut head);
        own_files.extend(head.own_file);
        let body_crc = crc32c::crc32c(&body);
        octets += body.len();
        let record = Record {
            body: vec![body],
            body_crc,
            ..Record::plain(Kind::Moved, head.encode())
        };
        batch.push(record, Effect::Moved(Box::new(head)));
        adopted += 1;
        if octets > 8 << 20 {
            store_or_fail(ours, std::mem::take(&mut batch), dir)?;
            octets = 0;
        }
    }
    store_or_fail(ours, batch, dir)?;
    for (sequence, damage) in damaged {
        if let Some(segment) = left.segments.get_mut(&sequence) {
            segment.damaged = true;
        }
        left.index.damaged.push(damage);
    }
    for number in own_files {
        let theirs = FileName::Own { writer, number }.path(dir);
        // Already renamed where a crash came in between.
        if let Err(error) = disk.rename(&theirs, &shared.own_path(number))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(failed(&theirs)(error));
        }
    }
    disk.sync_dir(dir).map_err(failed(dir))?;
    take_over_suspensions(ours, &left.index.suspended, dir)?;
    shared.index.lock().damaged.extend(left.index.damaged.iter().cloned());
    report.tail_records += left.tail_records;
    report.unfinished_octets += left.unfinished_octets;
    report.abandoned_files += left.abandoned_files;
    report.testimony.extend(left.testimony.into_values());
    clear_away(disk.as_ref(), dir, writer, &left.segments, names)?;
    Ok(adopted)
}

/// Suspensions of any writer hold for all; they are on disk before the files that told them go.
fn take_over_suspensions(ours: &mut LogWriter, theirs: &BTreeSet<Selector>, dir: &Path) -> Result<(), OpenError> {
    let mut all = ours.shared.index.lock().suspended.clone();
    let known = all.len();
    all.extend(theirs.iter().cloned());
    let mut batch = Batch::default();
    if all.len() > known {
        batch.push_suspended(all);
    }
    store_or_fail(ours, batch, dir)
}

/// A letter that cannot be taken over; its segment is set aside under another name.
fn unreadable(id: MessageId, place: Place, path: &Path) -> Damage {
    Damage {
        file: set_aside(path),
        at: u64::from(place.offset),
        octets: place.record_len(),
        message: Some(id),
        what: UNREADABLE,
    }
}

fn store_or_fail(ours: &mut LogWriter, batch: Batch, dir: &Path) -> Result<(), OpenError> {
    if batch.records.is_empty() {
        return Ok(());
    }
    ours.store_now(batch).map_err(failed(dir))
}

/// Removes the files of a writer that was taken over: segments first, so that no checkpoint is missing while there is
/// something it explains. Damaged segments are set aside.
fn clear_away(
    disk: &dyn Disk,
    dir: &Path,
    writer: u32,
    segments: &std::collections::BTreeMap<u32, crate::core::Segment>,
    names: &[FileName],
) -> Result<(), OpenError> {
    let mine = |name: &&FileName| name.writer() == writer;
    for (sequence, segment) in segments {
        let path = FileName::Segment {
            writer,
            sequence: *sequence,
        }
        .path(dir);
        let cleared = if segment.damaged {
            disk.rename(&path, &set_aside(&path))
        } else {
            disk.remove(&path)
        };
        cleared.map_err(failed(&path))?;
    }
    disk.sync_dir(dir).map_err(failed(dir))?;
    for name in names.iter().filter(mine) {
        if matches!(name, FileName::Checkpoint { .. }) {
            let path = name.path(dir);
            disk.remove(&path).map_err(failed(&path))?;
        }
    }
    disk.sync_dir(dir).map_err(failed(dir))
}

/// Lets the writer work; the receiver hears when it has ended.
fn start(shared: &Arc<Shared>, log_writer: LogWriter) -> io::Result<oneshot::Receiver<()>> {
    let (ended, done) = oneshot::channel();
    let end = End {
        shared: shared.clone(),
        ended: Some(ended),
    };
    match shared.mode {
        Writer::Thread => {
            std::thread::Builder::new().name("spool".to_owned()).spawn(move || {
                let _end = end;
                log_writer.run_thread();
            })?;
        }
        Writer::Task => {
            let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
            runtime.spawn(async move {
                let _end = end;
                log_writer.run_task().await;
            });
        }
    }
    Ok(done)
}

/// However the writer ends, nobody waits for it in vain.
struct End {
    shared: Arc<Shared>,
    ended: Option<oneshot::Sender<()>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.queue.abandon();
        self.shared.free.store(0, Ordering::Relaxed);
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(());
        }
    }
}
