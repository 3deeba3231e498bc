//! Mail that judgement holds back, looked at again every minute, and when another rulebook serves: it leaves only on a new
//! decision.

mod abused;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use admission::{Admission, Held, Reviewed};
use bytes::Bytes;
use mail::{EventId, ForwardPath, MessageId};
use policy::{Basis, Grant, GrantState, Name, Reason, Snapshot};
use spool::{Change, ChangeError, Dispatch, Filter, Holder, Selector, State, StateKind, Summary, View};
use wire::{Phase, Shutdown};

use super::{Abused, Live};
use crate::witness::Recorder;

/// How often held mail is decided again.
const EVERY: Duration = Duration::from_secs(60);
/// Messages looked at between two pauses for whatever else is waiting.
const PAGE: usize = 200;

/// Decides held mail again and again, until the shutdown.
pub(super) async fn watch(live: Arc<Live>, mut shutdown: Shutdown) {
    let clock = live.recorder.clock.clone();
    let mut next = clock.monotonic() + EVERY;
    let mut known = names(&live);
    loop {
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            // A grant that is renewed or added frees nothing that was held for another.
            () = live.rulebooks.published() => if names(&live) == known { continue },
            () = clock.sleep_until(next) => {}
        }
        next = clock.monotonic() + EVERY;
        known = names(&live);
        // A message that was judged just before a suspension was published, and stored just after, is caught here.
        hold_stopped(&live).await;
        if live.view.counts().held > 0 {
            review_all(&live, &shutdown).await;
        }
    }
}

/// The grants whose mail must not leave now.
fn names(live: &Live) -> BTreeSet<Name> {
    let (snapshot, abused) = (live.admission.snapshot(), live.rulebooks.said().abused);
    stopped(&snapshot, &abused).into_keys().cloned().collect()
}

async fn review_all(live: &Live, shutdown: &Shutdown) {
    let abused = live.rulebooks.said().abused;
    let mut ended = BTreeSet::new();
    let mut after = None;
    loop {
        let filter = Filter {
            state: Some(StateKind::Held),
            after,
            ..Filter::default()
        };
        let page = live.view.page(&filter, PAGE).await;
        // What operators hold is not read: it may be the whole of a long queue.
        for message in page.iter().filter(|message| ours_to_review(message)) {
            ended.extend(review(message.id, live, &abused).await);
        }
        after = page.last().map(|message| message.id);
        if page.len() < PAGE || shutdown.phase() != Phase::Running {
            break;
        }
        tokio::task::yield_now().await;
    }
    abused::remove(live, &abused, &ended).await;
}

/// Holds what is queued under grants that are suspended, or have ended for abuse.
pub(super) async fn hold_stopped(live: &Live) {
    let (snapshot, abused) = (live.admission.snapshot(), live.rulebooks.said().abused);
    hold(
        &stopped(&snapshot, &abused),
        (&live.view, &live.dispatch),
        &live.recorder,
    )
    .await;
}

/// The grants whose queued mail must not leave, each with why: abuse that waits in the queue is not delivered. What another
/// grant sent in its time is, however that ended.
pub(super) fn stopped<'a>(snapshot: &'a Snapshot, abused: &'a Abused) -> BTreeMap<&'a Name, &'a str> {
    let ended = abused.keys().map(|grant| (grant, "it ended for abuse"));
    let suspended = snapshot.rulebook().grants.iter().filter_map(suspended);
    ended.chain(suspended).collect()
}

/// Holds what is queued under these grants.
pub(super) async fn hold(stopped: &BTreeMap<&Name, &str>, (view, dispatch): (&View, &Dispatch), recorder: &Recorder) {
    if stopped.is_empty() {
        return;
    }
    // Most of them have nothing in the queue: it is looked through once for all.
    let waiting = view.grants_waiting(&stopped.keys().copied().collect()).await;
    for (grant, why) in stopped.iter().filter(|(grant, _)| waiting.contains(**grant)) {
        let change = Change::Hold {
            reason: Reason::GrantSuspended,
            by: Holder::Suspension,
            until: None,
        };
        let fields = match dispatch.change(Selector::Grant(Name::clone(grant)), change).await {
            Ok(0) | Err(ChangeError::NoSuch(_)) => continue,
            Ok(held) => serde_json::json!({ "grant": grant, "recipients": held, "text": why }),
            Err(error) => {
                tracing::error!(event = "queue.hold_failed", %grant, %error, "its queued mail may leave");
                continue;
            }
        };
        recorder.journal.note(recorder.now(), "queue.suspended", &fields);
    }
}

fn suspended(grant: &Grant) -> Option<(&Name, &str)> {
    match &grant.state {
        GrantState::Suspended(why) => Some((&grant.name, why)),
        _ => None,
    }
}

fn ours_to_review(message: &Summary) -> bool {
    let reviewed = |state: &State| matches!(state, State::Held { by, .. } if reviewed_by(by).is_some());
    message.recipients.iter().any(|(_, state)| reviewed(state))
}

/// Who answers for what a new decision lets go; `None` where only its operator may.
fn reviewed_by(holder: &Holder) -> Option<Reviewed> {
    match holder {
        Holder::Judgement => Some(Reviewed::ByNobody),
        // It was within its limits and above suspicion when it came; only its grant was not, for a while.
        Holder::Suspension => Some(Reviewed::ByOperator),
        Holder::Operator(_) => None,
    }
}

/// Decides the held recipients of one message again. Says which of them stand on grants that ended for abuse: nothing else,
/// not even another grant of the same device, lets these go.
async fn review(id: MessageId, live: &Live, abused: &Abused) -> BTreeSet<Name> {
    let mut ended = BTreeSet::new();
    // What cannot be read now stays held, and is shown to the operator with everything else that is damaged.
    let Ok(Some(story)) = live.view.get(id).await else {
        return ended;
    };
    for (index, recipient) in (0u32..).zip(&story.recipients) {
        let State::Held { by, .. } = &recipient.state else {
            continue;
        };
        let Some(reviewed) = reviewed_by(by) else { continue };
        if let Basis::Grant(grant) = &recipient.basis
            && abused.contains_key(grant)
        {
            ended.insert(grant.clone());
            continue;
        }
        let held = Held {
            testimony: &story.testimony,
            sender: &story.reverse,
            place: index as usize,
            recipient: &recipient.path,
        };
        let admission: &Admission = &live.admission;
        let Ok(permit) = admission.decide_again(&held, reviewed) else {
            continue;
        };
        let testimony = released(id, admission.ids().event(), &recipient.path);
        if live
            .dispatch
            .release(id, index, permit, testimony.clone())
            .await
            .is_ok()
        {
            live.recorder.testify_stored(testimony).await;
        }
    }
    ended
}

fn released(id: MessageId, change: EventId, recipient: &ForwardPath) -> Bytes {
    let event = ledger::Event::Released(Box::new(ledger::Change {
        message: id,
        change: Some(change),
        rcpt: Some(ledger::Words::of(recipient)),
        by: ledger::Words::new("judgement"),
        reason: ledger::Words::new("decided again"),
    }));
    ledger::Entry::of(&event).json().clone()
}
