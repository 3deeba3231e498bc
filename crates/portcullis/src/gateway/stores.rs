//! What a gateway remembers: the queue and the ledger, opened, mended and told of the configuration that serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use ledger::Event;
use mail::Timestamp;
use policy::Snapshot;
use world::World;

use super::{Abused, Writers, held, reload};
use crate::config::Config;
use crate::generations::Wish;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::uses::Uses;
use crate::witness::Recorder;

/// The queue and the ledger, ready for use.
pub(super) struct Stores {
    pub(super) intake: spool::Intake,
    pub(super) dispatch: spool::Dispatch,
    pub(super) view: spool::View,
    pub(super) adopter: spool::Adopter,
    pub(super) reader: ledger::Reader,
    pub(super) recorder: Recorder,
    pub(super) spool: spool::Closer,
    pub(super) ledger: ledger::Closer,
    /// What was found in the queue at the start.
    pub(super) recovery: spool::RecoveryReport,
}

impl Stores {
    /// Opens both, completes the ledger from the queue, and holds what suspended grants have queued.
    pub(super) async fn open(
        config: &Config,
        (snapshot, abused): (&Snapshot, &Abused),
        wish: &Wish,
        world: &World,
        (journal, uses): (Journal, Arc<Uses>),
        writers: Writers,
    ) -> anyhow::Result<Self> {
        let queue = open_spool(config, world, writers)?;
        let book = open_ledger(config, world, writers, queue.report.living)?;
        let completed = keep_testimony_for(&book.ledger, &queue.dispatch);
        complete_ledger(&book.ledger, &queue.report.testimony).await?;
        completed.store(true, Ordering::Relaxed);
        let recorder = Recorder {
            ledger: book.ledger,
            refusals: Arc::default(),
            journal,
            metrics: Arc::new(Metrics::new()),
            shadow: Arc::default(),
            uses,
            clock: world.clock.clone(),
        };
        recorder
            .testify(reload::loaded(config, snapshot.generation(), wish))
            .await;
        held::hold(
            &held::stopped(snapshot, abused),
            (&queue.view, &queue.dispatch),
            &recorder,
        )
        .await;
        Ok(Self {
            intake: queue.intake,
            dispatch: queue.dispatch,
            view: queue.view,
            adopter: queue.adopter,
            reader: book.reader,
            recorder,
            spool: queue.closer,
            ledger: book.closer,
            recovery: queue.report,
        })
    }
}

/// Opens the ledger as the first writer that is free. That another one is busy is only right while a gate that was
/// relieved lets its sessions end: then the queue has a living writer beside us as well.
fn open_ledger(config: &Config, world: &World, writers: Writers, living: usize) -> anyhow::Result<ledger::Opening> {
    let writer = match writers {
        Writers::Threads => ledger::Writer::Thread,
        Writers::Tasks => ledger::Writer::Task,
    };
    let usual = ledger::Config::new(&config.ledger.dir);
    let name = usual.writer.clone();
    let mut number = 1;
    loop {
        let mut settings = usual.clone();
        if number > 1 {
            settings.writer = format!("{name}-{number}").into();
        }
        match ledger::open(settings, world, writer) {
            Err(ledger::OpenError::Busy(_)) if number <= living => number += 1,
            opened => return opened.context("the ledger cannot be opened"),
        }
    }
}

fn open_spool(config: &Config, world: &World, writers: Writers) -> anyhow::Result<spool::Opened> {
    let writer = match writers {
        Writers::Threads => spool::Writer::Thread,
        Writers::Tasks => spool::Writer::Task,
    };
    let mut settings = spool::Config::new(&config.spool.dir);
    settings.segment_octets = config.spool.segment_octets;
    settings.keep_free_octets = config.spool.keep_free_octets;
    settings.spill_octets = config.spool.spill_octets;
    settings.checkpoint_every_octets = config.spool.checkpoint_every_octets;
    settings.cold_after = config.spool.cold_after;
    let opened = spool::open(settings, world, writer)?;
    tell_recovery(&opened.report);
    Ok(opened)
}

/// Says what the queue was found to be.
fn tell_recovery(report: &spool::RecoveryReport) {
    tracing::info!(
        event = "spool.opened",
        messages = report.messages,
        from_checkpoint = report.from_checkpoint,
        tail_records = report.tail_records,
        unfinished_octets = report.unfinished_octets,
        abandoned_files = report.abandoned_files,
        adopted = report.adopted,
        testimony = report.testimony.len(),
        damaged = report.damaged.len(),
        "the queue is open"
    );
    tell_damage(&report.damaged);
}

/// Says what cannot be read.
pub(super) fn tell_damage(damaged: &[spool::Damage]) {
    for damage in damaged {
        tracing::error!(
            event = "spool.damaged",
            file = %damage.file.display(),
            at = damage.at,
            octets = damage.octets,
            message = damage.message.map(tracing::field::display),
            what = damage.what,
            "a part of the queue cannot be read; it stays on disk for you to look at"
        );
    }
}

/// Has the queue keep, for the next start, whatever the ledger may not have on its disk: while that disk refuses, and until
/// the flag that is returned says that the ledger has what was found at this start.
fn keep_testimony_for(ledger: &ledger::Ledger, dispatch: &spool::Dispatch) -> Arc<AtomicBool> {
    let completed = Arc::new(AtomicBool::new(false));
    let (ledger, is_completed) = (ledger.clone(), completed.clone());
    dispatch.keep_testimony_until(move || {
        if is_completed.load(Ordering::Relaxed) {
            ledger.durable_until()
        } else {
            Duration::ZERO
        }
    });
    completed
}

/// What was accepted, settled or changed just before a crash may be missing from the ledger; the spool knows it.
pub(super) async fn complete_ledger(ledger: &ledger::Ledger, testimony: &[spool::Testimony]) -> anyhow::Result<()> {
    let mut events: Vec<(Timestamp, Event)> = Vec::new();
    for testimony in testimony {
        match Event::from_testimony(&testimony.octets) {
            Ok(event) => events.push((testimony.at, event)),
            Err(why) => {
                tracing::warn!(event = "ledger.testimony_unreadable", message = %testimony.id, %why, "left out of the ledger");
            }
        }
    }
    ledger
        .complete(events)
        .await
        .context("the ledger cannot be completed from the spool")?;
    Ok(())
}
