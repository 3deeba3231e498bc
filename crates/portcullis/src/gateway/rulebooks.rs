//! What judgement reads, by where it comes from: the file's declarations, and what the registry granted. Either may
//! change while the other stays; both are put together here, and nowhere else.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{Event, GrantLeftOut, Words};
use mail::Timestamp;
use parking_lot::Mutex;
use policy::{Name, Snapshot};
use tokio::sync::Notify;

use super::compose::{Composed, Registered, compose};
use super::{Live, held, shadow};
use crate::witness::Recorder;

/// The two sources of what serves. Only who holds the lock of the reloads changes them.
pub(crate) struct Rulebooks {
    sources: Mutex<Sources>,
    published: Notify,
}

#[derive(Clone)]
struct Sources {
    declared: Arc<Snapshot>,
    said: Registered,
    left_out: BTreeMap<Name, String>,
}

/// What is about to serve.
pub(super) struct Next {
    sources: Sources,
    snapshot: Arc<Snapshot>,
}

impl Rulebooks {
    /// Of a gate that starts, with what judgement reads first.
    pub(super) async fn first(
        declared: Arc<Snapshot>,
        said: Registered,
        now: Timestamp,
    ) -> anyhow::Result<(Self, Arc<Snapshot>)> {
        let (snapshot, left_out) = together(declared.clone(), said.clone(), declared.clone(), now).await?;
        let sources = Sources {
            declared,
            said,
            left_out,
        };
        let rulebooks = Self {
            sources: Mutex::new(sources),
            published: Notify::new(),
        };
        Ok((rulebooks, snapshot))
    }

    /// Returns when something else serves than before.
    pub(super) async fn published(&self) {
        self.published.notified().await;
    }

    /// What the file declares, as judgement would read it without the registry.
    pub(crate) fn declared(&self) -> Arc<Snapshot> {
        self.sources.lock().declared.clone()
    }

    /// What the registry said last.
    pub(super) fn said(&self) -> Registered {
        self.sources.lock().said.clone()
    }

    /// The grants of the registry that do not serve, with the reason.
    pub(super) fn left_out(&self) -> BTreeMap<Name, String> {
        self.sources.lock().left_out.clone()
    }
}

/// Puts both together. Beside the runtime: a proof of ten thousand grants takes seconds.
pub(super) async fn put_together(live: &Live, declared: Arc<Snapshot>, said: Registered) -> anyhow::Result<Next> {
    let (former, now) = (live.admission.snapshot(), live.admission.now());
    let (snapshot, left_out) = together(declared.clone(), said.clone(), former, now).await?;
    Ok(Next {
        sources: Sources {
            declared,
            said,
            left_out,
        },
        snapshot,
    })
}

async fn together(
    declared: Arc<Snapshot>,
    said: Registered,
    former: Arc<Snapshot>,
    now: Timestamp,
) -> anyhow::Result<(Arc<Snapshot>, BTreeMap<Name, String>)> {
    if said.is_empty() {
        return Ok((declared, BTreeMap::new()));
    }
    let work = move || compose(&declared, &said, &former, now);
    let Composed { snapshot, left_out } = tokio::task::spawn_blocking(work).await?;
    Ok((Arc::new(snapshot), left_out))
}

/// Lets it serve: judgement reads it from now on, in sessions that are open too, and what is queued under grants that
/// are suspended is held.
pub(super) async fn publish(live: &Live, next: Next) {
    let Next { sources, snapshot } = next;
    let before = std::mem::replace(&mut *live.rulebooks.sources.lock(), sources.clone()).left_out;
    live.admission.publish(snapshot.clone());
    held::hold_stopped(live).await;
    // What may leave again does so now.
    live.rulebooks.published.notify_one();
    tell_left_out(&live.recorder, &snapshot, &sources.left_out, &before).await;
    shadow::registered(live).await;
}

/// Says which grants of the registry do not serve, and which do again.
pub(super) async fn tell_left_out(
    recorder: &Recorder,
    snapshot: &Snapshot,
    left_out: &BTreeMap<Name, String>,
    before: &BTreeMap<Name, String>,
) {
    let event = |grant: &Name, why: Option<&String>| {
        Event::GrantLeftOut(Box::new(GrantLeftOut {
            grant: grant.clone(),
            generation: snapshot.generation().0,
            why: why.map(|why| Words::new(why)),
        }))
    };
    for grant in before.keys().filter(|grant| !left_out.contains_key(*grant)) {
        if snapshot.grant_named(grant).is_some() {
            recorder.testify(event(grant, None)).await;
        }
    }
    for (grant, why) in left_out {
        if before.get(grant) != Some(why) {
            recorder.testify(event(grant, Some(why))).await;
            tracing::error!(event = "registry.left_out", %grant, %why, "a grant of the registry does not serve; all others do");
        }
    }
}
