//! The thread that decides again.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ledger::Event;
use parking_lot::Mutex;
use policy::Snapshot;

use super::counts::Counts;
use super::difference::Difference;
use super::tray::Tray;
use crate::metrics::Metrics;
use crate::recollection::Unreadable;
use crate::replay::{Again, Recorded};
use crate::selftest::is_own_source;

/// What decides, and what it counts.
pub(super) struct Beside {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) counts: Arc<Mutex<Counts>>,
    pub(super) metrics: Arc<Metrics>,
}

impl Beside {
    /// Decides until the tray is closed and empty.
    pub(super) fn decide_all(&self, tray: &Tray) {
        while let Some(taken) = tray.take() {
            for entry in &taken {
                self.look(entry);
            }
        }
    }

    /// Decides what an entry tells of, where that is a decision of judgement about somebody's message.
    pub(super) fn look(&self, entry: &[u8]) {
        // Of what we write ourselves only what a stranger's words spoiled cannot be read back.
        let Ok(event) = Event::from_testimony(entry) else {
            return self.unreadable("cannot be read back");
        };
        match Recorded::of(&event) {
            // What we try ourselves is nobody's mail.
            Some(Ok(recorded)) if is_own_source(recorded.client) => {}
            Some(Ok(recorded)) => self.again(&recorded),
            // What the dialogue, the doors or the disk refuse is the same under every configuration.
            Some(Err(Unreadable::NotJudged)) | None => {}
            Some(Err(why)) => self.unreadable(why.words()),
        }
    }

    fn again(&self, recorded: &Recorded) {
        for made in &recorded.decisions {
            let again = Again::decide(&self.snapshot.load(), &recorded.listener, made);
            let difference = self.counts.lock().count(recorded, made, &again);
            self.metrics.shadowed(difference.map_or("agree", Difference::word));
        }
    }

    fn unreadable(&self, why: &str) {
        self.counts.lock().unreadable(why);
        self.metrics.shadowed(Difference::Unknown.word());
    }
}
