//! A configuration that decides beside the one that serves, and only counts where it would have decided otherwise.
//!
//! Every decision that is told to the ledger is also put into a [`Tray`], as octets that are there already. A thread of
//! its own takes them out, decides them again as [`crate::replay`] does, and counts. Where it is behind, the tray is full
//! and what finds no room is counted as skipped: no letter waits for a shadow, and nothing it says reaches a verdict, an
//! answer, the queue or the ledger of the gate.
//!
//! What is counted goes on over reloads, restarts and upgrades ([`Kept`]), until its time is over or somebody ends it.
//!
//! Refuses to know: files and sockets. Whoever starts one has read it.

mod beside;
mod counts;
mod difference;
mod kept;
mod report;
#[cfg(test)]
mod tests;
mod tray;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use mail::Timestamp;
use parking_lot::Mutex;
use policy::Snapshot;
use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;
use beside::Beside;
pub use counts::{Counts, Tally};
pub use difference::{Difference, Example};
pub use kept::{Kept, Torn};
pub use report::{Present, Report};
use tray::Tray;

/// What was agreed when a shadow was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The file it was read from.
    pub file: PathBuf,
    /// SHA-256 of the text that was read.
    pub sha256: String,
    /// The digest of its rulebook.
    pub rulebook: u64,
    /// The digest of what it declares, by which a version of the program knows whether it reads the text as this one did.
    pub declarations: String,
    /// Since when it decides.
    #[serde(with = "crate::generations::at")]
    pub since: Timestamp,
    /// Until when it is to.
    #[serde(with = "crate::generations::at")]
    pub until: Timestamp,
    /// Who started it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A configuration that is to decide.
pub struct Decider {
    /// What it declares.
    pub declared: Snapshot,
    /// Whether it keeps a registry, so that what is granted there would serve beside it.
    pub keeps_registry: bool,
}

/// When and why a shadow ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    #[serde(with = "crate::generations::at")]
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}

/// What an operator, or the gate itself, wants of the shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To start one.
    Start {
        /// The configuration to decide by.
        file: PathBuf,
        /// How long.
        lasting: Duration,
        /// Who wants it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// To know what it counted.
    Status,
    /// To end it.
    Stop {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// To put down what it counted, for the gate that takes over.
    HandOver,
}

/// The place beside the gate where at most one shadow stands.
#[derive(Default)]
pub struct Shadow {
    /// Looked at with every decision; empty while none is on.
    tray: ArcSwapOption<Tray>,
    last: Mutex<Option<Standing>>,
    /// Told when one begins or ends.
    changed: tokio::sync::Notify,
}

/// The shadow that is on, or was on last.
struct Standing {
    terms: Terms,
    tray: Arc<Tray>,
    counts: Arc<Mutex<Counts>>,
    /// What its file declares, where what the registry grants has to stand beside it; and what it decides by.
    deciding: Option<(Arc<Snapshot>, Arc<ArcSwap<Snapshot>>)>,
    /// Skipped before it was taken up again.
    skipped: u64,
    thread: Option<JoinHandle<()>>,
    ended: Option<Ended>,
}

impl Shadow {
    /// Puts a decision, as the ledger has it, before the shadow, where one is on. `false` where it is skipped.
    pub fn offer(&self, entry: &Bytes) -> bool {
        self.tray.load().as_ref().is_none_or(|tray| tray.offer(entry))
    }

    /// Lets a configuration decide from now on, in place of the one that stood here; goes on with these counts.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn begin(&self, terms: Terms, decider: Decider, counts: Counts, metrics: Arc<Metrics>) -> io::Result<()> {
        let declared = Arc::new(decider.declared);
        let deciding = Arc::new(ArcSwap::new(declared.clone()));
        let tray = Arc::new(Tray::default());
        let skipped = counts.skipped;
        let counts = Arc::new(Mutex::new(counts));
        let beside = Beside {
            snapshot: deciding.clone(),
            counts: counts.clone(),
            metrics: metrics.clone(),
        };
        let taken = tray.clone();
        let thread = std::thread::Builder::new()
            .name("shadow".to_owned())
            .spawn(move || beside.decide_all(&taken))?;
        metrics.shadowing(true);
        *self.last.lock() = Some(Standing {
            terms,
            tray: tray.clone(),
            counts,
            deciding: decider.keeps_registry.then_some((declared, deciding)),
            skipped,
            thread: Some(thread),
            ended: None,
        });
        self.tray.store(Some(tray));
        self.changed.notify_one();
        Ok(())
    }

    /// Remembers one that ended before this gate began.
    pub fn remember(&self, kept: Kept) {
        let Kept { terms, counts, ended } = kept;
        *self.last.lock() = Some(Standing {
            terms,
            tray: Arc::default(),
            deciding: None,
            skipped: counts.skipped,
            counts: Arc::new(Mutex::new(counts)),
            thread: None,
            ended,
        });
    }

    /// Ends what is on, once it has decided what was put before it; `None` where none is on. Blocks for a moment.
    pub fn end(&self, ended: Ended, metrics: &Metrics) -> Option<Kept> {
        self.rest(metrics)?;
        let mut last = self.last.lock();
        let standing = last.as_mut()?;
        standing.ended = Some(ended);
        Some(standing.kept())
    }

    /// Takes nothing more, once it has decided what was put before it; somebody else goes on with it. `None` where none
    /// is on. Blocks for a moment.
    pub fn rest(&self, metrics: &Metrics) -> Option<Kept> {
        let tray = self.tray.swap(None)?;
        tray.close();
        metrics.shadowing(false);
        let thread = self.last.lock().as_mut()?.thread.take();
        if let Some(thread) = thread {
            // One that is gone has said so itself, and what it did not decide is no answer.
            let _ = thread.join();
        }
        self.changed.notify_one();
        self.kept()
    }

    /// What the one that is on declares, where what the registry grants has to stand beside it.
    pub(crate) fn declared(&self) -> Option<Arc<Snapshot>> {
        self.tray.load().as_ref()?;
        let last = self.last.lock();
        let (declared, _) = last.as_ref()?.deciding.as_ref()?;
        Some(declared.clone())
    }

    /// Has the one that is on decide by this from now on: what it declares, with what the registry grants.
    pub(crate) fn decide_by(&self, snapshot: Arc<Snapshot>) {
        let last = self.last.lock();
        if let Some((_, deciding)) = last.as_ref().and_then(|standing| standing.deciding.as_ref()) {
            deciding.store(snapshot);
        }
    }

    /// Until when one is on; `None` where none is.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        self.tray.load().as_ref()?;
        Some(self.last.lock().as_ref()?.terms.until)
    }

    /// Waits until one begins or ends.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What is to be kept of the last one.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        self.last.lock().as_ref().map(Standing::kept)
    }

    /// What is told of the last one; `None` where there never was one.
    #[must_use]
    pub fn report(&self, present: Present) -> Option<Report> {
        let last = self.last.lock();
        let standing = last.as_ref()?;
        let is_on = self.tray.load().is_some();
        let is_gone = standing.thread.as_ref().is_some_and(JoinHandle::is_finished);
        Some(Report {
            is_on,
            is_gone: is_on && is_gone,
            waiting: standing.tray.waiting(),
            kept: standing.kept(),
            present,
        })
    }
}

impl Standing {
    fn kept(&self) -> Kept {
        let mut counts = self.counts.lock().clone();
        counts.skipped = self.skipped.saturating_add(self.tray.skipped());
        Kept {
            terms: self.terms.clone(),
            counts,
            ended: self.ended.clone(),
        }
    }
}
