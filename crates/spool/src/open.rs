//! The start: locks, recovery, and the end.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use world::{Disk, DiskFile, OpenMode, World};

use crate::adopt::{Estate, adopt, check_versions};
use crate::core::{Cache, Handle, Shared};
use crate::ids::{self, IdSource};
use crate::layout::FileName;
use crate::log::Log;
use crate::queue::Queue;
use crate::record::SegmentEnd;
use crate::recover::{Recovered, Whose, failed, recover};
use crate::trouble::Troubles;
use crate::writer::LogWriter;
use crate::{Adopter, Closer, Config, Dispatch, Intake, OpenError, Opened, RecoveryReport, View, Writer};

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
    let mut recovered = recover(disk.as_ref(), &dir, held.own, &names, Whose::Ours, config.finished_max)?;
    let mut report = report_of(&mut recovered);
    report.living = held.living;
    // Listed again: files of large messages may have been given our name.
    let names = list(disk.as_ref(), &dir)?;
    let estates: Vec<Estate> = held
        .others
        .iter()
        .map(|other| Estate::read(disk.as_ref(), &dir, *other, &names))
        .collect::<Result<_, _>>()?;

    let untidy = recovered.unfinished_octets > 0 || recovered.tail_octets > config.checkpoint_every_octets / 4;
    let (shared, mut log_writer) = assemble(config, world, writer, held.own, held.locks, recovered, &estates);
    log_writer.log.begin_segment().map_err(failed(&dir))?;
    for estate in estates {
        adopt(&mut log_writer, estate, &mut report)?;
    }
    // Who is to complete the ledger from it has not even heard of it; the end may come before that is done.
    let now = log_writer.shared.world.clock.monotonic();
    log_writer.recent.note(now, report.testimony.iter().cloned());
    if untidy || report.adopted > 0 {
        log_writer.checkpoint_aside();
    }
    {
        let mut index = shared.index.lock();
        // Others may have had suspensions.
        index.reschedule_some(usize::MAX);
        report.messages = index.counts().messages;
        report.damaged = index.damaged.clone();
    }
    let done = start(&shared, log_writer).map_err(failed(&dir))?;
    let handle = Arc::new(Handle(shared.clone()));
    Ok(Opened {
        intake: Intake { handle: handle.clone() },
        dispatch: Dispatch { handle: handle.clone() },
        view: View { handle: handle.clone() },
        adopter: Adopter::new(handle),
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
    /// Writers that are somebody else.
    living: usize,
    locks: Vec<Box<dyn DiskFile>>,
}

impl Held {
    /// Takes every lock that no living process holds. Lock files are never removed: a process that waits for one must
    /// not find itself with the lock of a name that is gone.
    fn take(disk: &dyn Disk, dir: &Path, world: &World) -> Result<Self, OpenError> {
        let names = list(disk, dir)?;
        let writers: BTreeSet<u32> = names.iter().map(|name| name.writer()).collect();
        let mut held = Vec::new();
        let mut living = Vec::new();
        let mut locks = Vec::new();
        for writer in writers {
            match try_lock(disk, dir, writer)? {
                Some(lock) => {
                    held.push(writer);
                    locks.push(lock);
                }
                None => living.push(writer),
            }
        }
        check_versions(disk, dir, &names, &living)?;
        // Whoever was taken over already has only a part of what it wrote.
        let whole = |writer: &u32| !names.contains(&FileName::Taken { writer: *writer });
        let apart = |writer: &u32| whole(writer) && living.iter().all(|other| ids::are_apart(*writer, *other));
        let own = match held.iter().position(apart) {
            Some(at) => held.remove(at),
            None => loop {
                let writer = world.rng.next_u64() as u32;
                if apart(&writer)
                    && let Some(lock) = try_lock(disk, dir, writer)?
                {
                    locks.push(lock);
                    break writer;
                }
            },
        };
        disk.sync_dir(dir).map_err(failed(dir))?;
        Ok(Self {
            own,
            others: held,
            living: living.len(),
            locks,
        })
    }
}

pub(crate) fn try_lock(disk: &dyn Disk, dir: &Path, writer: u32) -> Result<Option<Box<dyn DiskFile>>, OpenError> {
    let path = FileName::Lock { writer }.path(dir);
    let file = match disk.open(&path, OpenMode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&path, OpenMode::ReadWrite),
        other => other,
    }
    .map_err(failed(&path))?;
    Ok(file.try_lock().map_err(failed(&path))?.then_some(file))
}

pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<FileName>, OpenError> {
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
        living: 0,
        testimony: std::mem::take(&mut recovered.testimony),
    }
}

fn assemble(
    config: Config,
    world: &World,
    mode: Writer,
    writer: u32,
    locks: Vec<Box<dyn DiskFile>>,
    recovered: Recovered,
    estates: &[Estate],
) -> (Arc<Shared>, LogWriter) {
    let last_id = estates.iter().map(Estate::last_id).fold(recovered.last_id, u64::max);
    let untold: Vec<SegmentEnd> = recovered.untold;
    let shared = Arc::new(Shared {
        config,
        world: world.clone(),
        mode,
        writer,
        index: Mutex::new(recovered.index),
        segments: Mutex::new(recovered.segments),
        cache: Mutex::new(Cache::default()),
        queue: Queue::new(mode, world.clock.clone()),
        work: Notify::new(),
        ids: IdSource::new(last_id, writer),
        free: AtomicU64::new(0),
        spares: Mutex::default(),
        told: OnceLock::new(),
        troubles: Troubles::default(),
        locks: Mutex::new(locks),
    });
    shared.measure_room();
    let log = Log::new(shared.clone(), recovered.next_sequence, untold);
    let mut log_writer = LogWriter::new(shared.clone(), log, recovered.next_checkpoint, recovered.tail_from);
    log_writer.log.grown = recovered.tail_octets;
    (shared, log_writer)
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
