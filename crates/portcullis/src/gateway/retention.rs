//! Once a day: what is older than the ledger is to be kept is removed from it, with a record that says so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Ledger, Reader, Words};
use mail::Timestamp;
use wire::{Phase, Shutdown};
use world::Clock;

use crate::config::Keeping;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(86_400);
/// How soon it is tried again while somebody changes a hold.
const SOON: Duration = Duration::from_secs(60);
/// A ledger that was silent for so many days makes one doubt the clock rather than the ledger.
const SILENCE_DAYS: u32 = 30;
/// How long a clock that is in doubt has to go on before it is believed.
const DOUBT: Duration = Duration::from_secs(7 * 86_400);

/// What is kept, and how long.
pub(super) struct Retention {
    pub(super) ledger: Ledger,
    pub(super) reader: Reader,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keep: Keeping,
}

impl Retention {
    /// Looks at the start and every day, until the shutdown.
    pub(super) async fn watch(self, mut shutdown: Shutdown) {
        let mut wait = self.doubt().await;
        loop {
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => return,
                () = self.clock.sleep_until(self.clock.monotonic() + wait) => {}
            }
            wait = if self.remove().await { EVERY } else { SOON };
        }
    }

    /// How long to wait before the clock is believed: one that runs years ahead would have everything removed.
    async fn doubt(&self) -> Duration {
        let reader = self.reader.clone();
        let listing = tokio::task::spawn_blocking(move || reader.files()).await;
        let Ok(Ok(files)) = listing else {
            return Duration::ZERO;
        };
        let now = Timestamp(self.clock.wall());
        let (today, silent) = (
            now.to_date(),
            now.minus(Duration::from_secs(86_400) * SILENCE_DAYS).to_date(),
        );
        let days = files.iter().filter_map(|file| file.get(..today.len()));
        let last = days.filter(|day| *day < today.as_str()).max();
        match last {
            Some(last) if last < silent.as_str() => {
                tracing::warn!(
                    event = "ledger.not_pruned",
                    last,
                    today,
                    "the ledger was silent for long, or the clock is wrong: nothing old is removed for a week"
                );
                DOUBT
            }
            _ => Duration::ZERO,
        }
    }

    /// Removes what is old; `false` where it is to be tried again soon.
    async fn remove(&self) -> bool {
        let Some(lapse) = self.keep.lapse() else { return true };
        let before = Timestamp(self.clock.wall()).minus(lapse);
        let done = match self.ledger.prune(before, Words::of(&self.keep)).await {
            Ok(done) => done,
            // Somebody changes a hold at this moment.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return false,
            Err(error) => {
                tracing::warn!(event = "ledger.not_pruned", %error, "what is old cannot be removed from the ledger");
                return true;
            }
        };
        for (writer, why) in &done.refused {
            tracing::warn!(
                event = "ledger.not_pruned", %writer, why,
                "nothing old is removed of this chain; `portcullis ledger verify` says more"
            );
        }
        for (hold, files) in &done.held {
            tracing::info!(
                event = "ledger.held",
                hold,
                files,
                "old files are kept: a hold covers something in them"
            );
        }
        tracing::info!(
            event = "ledger.pruned",
            files = done.files,
            lines = done.lines,
            before = %before,
            "what the ledger no longer keeps is removed"
        );
        true
    }
}
