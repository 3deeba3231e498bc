//! What the ledger's folder needs from time to time, while the gateway runs: an index of each file that was closed.
//!
//! It has a thread of its own whenever there is something to do, and no letter waits for it.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wire::{Phase, Shutdown};
use world::{Clock, Disk};

/// How often the folder is looked at.
const EVERY: Duration = Duration::from_secs(5);

/// What there is to keep in order.
pub(super) struct Upkeep {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) reader: ledger::Reader,
    pub(super) clock: Arc<dyn Clock>,
}

impl Upkeep {
    /// Looks after the folder until the shutdown.
    pub(super) async fn watch(self, mut shutdown: Shutdown) {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut failing = false;
        loop {
            match self.look(&seen).await {
                Ok(Some(files)) => seen = files,
                Ok(None) => {}
                Err(error) if failing => tracing::debug!(%error, "the ledger's folder again"),
                Err(error) => {
                    failing = true;
                    tracing::warn!(%error, "the ledger's files cannot be indexed; questions are answered, but slowly");
                }
            }
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => return,
                () = self.clock.sleep_until(self.clock.monotonic() + EVERY) => {}
            }
        }
    }

    /// Indexes what was closed since; the files there are now, where they are others than were seen.
    async fn look(&self, seen: &BTreeSet<String>) -> io::Result<Option<BTreeSet<String>>> {
        let (disk, dir, reader, seen) = (self.disk.clone(), self.dir.clone(), self.reader.clone(), seen.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let files: BTreeSet<String> = reader.files()?.into_iter().collect();
            if files == seen {
                return Ok(None);
            }
            ledger::index(&*disk, &dir)?;
            Ok(Some(files))
        });
        looking.await.map_err(io::Error::other)?
    }
}
