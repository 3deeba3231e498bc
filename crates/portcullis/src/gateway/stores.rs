//! What a gateway remembers: the queue and the ledger, opened, mended and told of the configuration that serves.

use std::sync::Arc;

use anyhow::Context;
use ledger::Accepted;
use mail::Timestamp;
use policy::Snapshot;
use world::World;

use super::{Writers, held, reload};
use crate::config::Config;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::witness::Recorder;

/// The queue and the ledger, ready for use.
pub(super) struct Stores {
    pub(super) intake: spool::Intake,
    pub(super) dispatch: spool::Dispatch,
    pub(super) view: spool::View,
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
        snapshot: &Snapshot,
        world: &World,
        journal: Journal,
        writers: Writers,
    ) -> anyhow::Result<Self> {
        let book = open_ledger(config, world, writers)?;
        let queue = open_spool(config, world, writers)?;
        complete_ledger(&book.ledger, &queue.report).await?;
        let recorder = Recorder {
            ledger: book.ledger,
            journal,
            metrics: Arc::new(Metrics::new()),
            clock: world.clock.clone(),
        };
        recorder.testify(reload::loaded(config, snapshot.generation())).await;
        held::hold_suspended(snapshot, &queue.dispatch, &recorder).await;
        Ok(Self {
            intake: queue.intake,
            dispatch: queue.dispatch,
            view: queue.view,
            reader: book.reader,
            recorder,
            spool: queue.closer,
            ledger: book.closer,
            recovery: queue.report,
        })
    }
}

fn open_ledger(config: &Config, world: &World, writers: Writers) -> anyhow::Result<ledger::Opening> {
    let writer = match writers {
        Writers::Threads => ledger::Writer::Thread,
        Writers::Tasks => ledger::Writer::Task,
    };
    ledger::open(ledger::Config::new(&config.ledger.dir), world, writer).context("the ledger cannot be opened")
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
    for damage in &opened.report.damaged {
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
    Ok(opened)
}

/// What was accepted just before a crash may be missing from the ledger; the spool knows it.
async fn complete_ledger(ledger: &ledger::Ledger, report: &spool::RecoveryReport) -> anyhow::Result<()> {
    let mut accepted: Vec<(Timestamp, Accepted)> = Vec::new();
    for testimony in &report.testimony {
        match Accepted::from_testimony(&testimony.octets) {
            Ok(facts) => accepted.push((testimony.received, facts)),
            Err(why) => {
                tracing::warn!(event = "ledger.testimony_unreadable", message = %testimony.id, %why, "left out of the ledger");
            }
        }
    }
    ledger
        .complete(accepted)
        .await
        .context("the ledger cannot be completed from the spool")?;
    Ok(())
}
