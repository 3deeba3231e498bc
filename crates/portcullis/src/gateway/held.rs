//! Mail that judgement holds back, looked at again every minute: it leaves only on a new decision.

use std::collections::BTreeMap;
use std::time::Duration;

use admission::{Admission, Held, Reviewed};
use bytes::Bytes;
use mail::{EventId, ForwardPath, MessageId};
use policy::{Grant, GrantState, Name, Reason, Snapshot};
use spool::{Change, ChangeError, Dispatch, Filter, Holder, Selector, State, StateKind, Summary, View};
use wire::{Phase, Shutdown};

use crate::witness::Recorder;

/// How often held mail is decided again.
const EVERY: Duration = Duration::from_secs(60);
/// Messages looked at between two pauses for whatever else is waiting.
const PAGE: usize = 200;

/// Decides held mail again and again, until the shutdown.
pub(super) async fn watch(
    admission: Admission,
    view: View,
    dispatch: Dispatch,
    recorder: Recorder,
    mut shutdown: Shutdown,
) {
    let clock = recorder.clock.clone();
    loop {
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = clock.sleep_until(clock.monotonic() + EVERY) => {}
        }
        // A message that was judged just before a suspension was published, and stored just after, is caught here.
        hold_suspended(&admission.snapshot(), (&view, &dispatch), &recorder).await;
        if view.counts().held == 0 {
            continue;
        }
        let mut after = None;
        loop {
            let filter = Filter {
                state: Some(StateKind::Held),
                after,
                ..Filter::default()
            };
            let page = view.page(&filter, PAGE).await;
            // What operators hold is not read: it may be the whole of a long queue.
            for message in page.iter().filter(|message| ours_to_review(message)) {
                review(message.id, &admission, &view, &dispatch, &recorder).await;
            }
            after = page.last().map(|message| message.id);
            if page.len() < PAGE || shutdown.phase() != Phase::Running {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Holds what is queued under grants that are suspended: a suspension is for abuse, and abuse that waits in the queue is
/// not delivered. What an ended grant sent in its time is.
pub(super) async fn hold_suspended(snapshot: &Snapshot, (view, dispatch): (&View, &Dispatch), recorder: &Recorder) {
    let suspended: BTreeMap<&Name, &str> = snapshot.rulebook().grants.iter().filter_map(suspended).collect();
    if suspended.is_empty() {
        return;
    }
    // Most of them have nothing in the queue: it is looked through once for all.
    let waiting = view.grants_waiting(&suspended.keys().copied().collect()).await;
    for (grant, why) in suspended.into_iter().filter(|(grant, _)| waiting.contains(*grant)) {
        let change = Change::Hold {
            reason: Reason::GrantSuspended,
            by: Holder::Suspension,
            until: None,
        };
        let fields = match dispatch.change(Selector::Grant(grant.clone()), change).await {
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

/// Decides the held recipients of one message again.
async fn review(id: MessageId, admission: &Admission, view: &View, dispatch: &Dispatch, recorder: &Recorder) {
    // What cannot be read now stays held, and is shown to the operator with everything else that is damaged.
    let Ok(Some(story)) = view.get(id).await else { return };
    for (index, recipient) in (0u32..).zip(&story.recipients) {
        let State::Held { by, .. } = &recipient.state else {
            continue;
        };
        let Some(reviewed) = reviewed_by(by) else { continue };
        let held = Held {
            testimony: &story.testimony,
            sender: &story.reverse,
            place: index as usize,
            recipient: &recipient.path,
        };
        let Ok(permit) = admission.decide_again(&held, reviewed) else {
            continue;
        };
        let testimony = released(id, admission.ids().event(), &recipient.path);
        if dispatch.release(id, index, permit, testimony.clone()).await.is_ok() {
            recorder.testify_stored(testimony).await;
        }
    }
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
