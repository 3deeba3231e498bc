//! The rounds: each second it is asked whether something changed, and what changed is live. A database that tells of changes
//! is heard at once; asking goes on beside it, as what was told while nobody listened is told to nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wire::{Phase, Shutdown};

use super::super::compose::Registered;
use super::super::{Live, rulebooks};
use super::{Registry, checks, post, told};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How long a bell is let ring out: who changes a thousand cases one after the other rings a thousand times.
const RINGS_OUT: Duration = Duration::from_millis(50);

/// Makes rounds until the shutdown.
pub(in super::super) async fn watch(live: Arc<Live>, mut shutdown: Shutdown) {
    let clock = live.world.clock.clone();
    loop {
        round(&live).await;
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = live.registry.bell.notified() => clock.sleep_until(clock.monotonic() + RINGS_OUT).await,
            () = clock.sleep_until(clock.monotonic() + EVERY) => {}
        }
    }
}

/// One round: what changed is live when it is over.
pub(super) async fn round(live: &Live) {
    let registry = &live.registry;
    if !registry.is_kept() {
        return withdraw(live).await;
    }
    let mut changed = publish(live, registry).await;
    if checks::make(registry, &*live.resolver, live.admission.now()).await {
        changed |= publish(live, registry).await;
    }
    post::send(live, changed).await;
}

/// Lets what is granted now serve, where that is something else than before; whether it is.
async fn publish(live: &Live, registry: &Registry) -> bool {
    let (uses, published, now) = (registry.uses.clone(), *registry.published.lock(), live.admission.now());
    let testifies = !live.recorder.ledger.status().failing;
    let heard = registry
        .at_desk(move |office| office.round(&uses, published, testifies, now))
        .await;
    let Ok(heard) = heard else { return false };
    registry.is_back();
    *registry.unread.lock() = heard.unread;
    *registry.words_wrong.lock() = heard.words_wrong;
    told::tell(registry, &live.recorder, heard.untold).await;
    let Some(granted) = heard.granted else { return false };
    let _turn = live.reloading.lock().await;
    // Another configuration may have come meanwhile, with another registry.
    let is_same = *registry.published.lock() == published;
    registry.remember(&granted.said).await;
    if is_same && serve(live, granted.said).await {
        live.logins.register(granted.logins);
        *registry.published.lock() = Some(granted.revision);
    }
    true
}

/// There is no registry any more.
async fn withdraw(live: &Live) {
    if live.rulebooks.said().is_empty() {
        return;
    }
    let _turn = live.reloading.lock().await;
    if serve(live, Registered::default()).await {
        live.logins.register(BTreeMap::new());
    }
}

async fn serve(live: &Live, said: Registered) -> bool {
    match rulebooks::put_together(live, live.rulebooks.declared(), said).await {
        Ok(next) => {
            rulebooks::publish(live, next).await;
            true
        }
        Err(why) => {
            tracing::error!(event = "registry.not_published", %why, "what the registry says now is not live yet; it is tried again");
            false
        }
    }
}

/// Writes down what was used, when the last session has ended.
pub(in super::super) async fn rest(live: &Live) {
    let registry = &live.registry;
    let (uses, now) = (registry.uses.clone(), live.admission.now());
    if registry.is_kept() {
        // What goes wrong has been said; the use of the last seconds is lost then.
        let _ = registry.at_desk(move |office| office.write_all(&uses, now)).await;
    }
}
