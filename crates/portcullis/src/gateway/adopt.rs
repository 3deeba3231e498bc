//! What other processes leave in the queue when they die, taken over while this one works: after an upgrade, and after
//! a crash during one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use spool::{Adopter, Orphaned};
use wire::{Phase, Shutdown};

use super::{Live, held, stores};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(5);
/// After failures it is looked for more and more rarely, down to this.
const EVERY_MOST: Duration = Duration::from_secs(300);

/// Looks again and again, until the shutdown.
pub(super) async fn watch(adopter: Arc<Adopter>, live: Arc<Live>, mut shutdown: Shutdown) {
    let clock = live.world.clock.clone();
    let mut pause = EVERY;
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = clock.sleep_until(clock.monotonic() + pause) => {}
        }
        let mut failed = false;
        for found in adopter.find().await {
            let taken = match found {
                Ok(orphaned) => take(&adopter, orphaned, &live).await,
                Err(error) => Err(error.into()),
            };
            if let Err(why) = taken {
                failed = true;
                let text = format!("{why:#}");
                // Said once: what cannot be read now will not be read in a few seconds either.
                if told.insert(text.clone()) {
                    tracing::error!(
                        event = "spool.not_adopted",
                        why = text,
                        "what another process left in the queue is not delivered; tried again"
                    );
                }
            }
        }
        pause = if failed { (pause * 2).min(EVERY_MOST) } else { EVERY };
        if !failed {
            told.clear();
        }
    }
}

/// First its testimony, then its letters: afterwards nobody knows any more what the ledger lacks.
async fn take(adopter: &Adopter, orphaned: Orphaned, live: &Live) -> anyhow::Result<()> {
    stores::complete_ledger(&live.recorder.ledger, &orphaned.testimony()).await?;
    let adopted = adopter.take(orphaned).await?;
    stores::tell_damage(&adopted.damaged);
    // It may have been accepted under a grant that is suspended by now.
    held::hold_stopped(live).await;
    tracing::info!(
        event = "spool.adopted",
        messages = adopted.messages,
        "what another process left in the queue is ours now"
    );
    Ok(())
}
