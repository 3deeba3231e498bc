//! Mail that judgement holds back, looked at again every minute: it leaves only on a new decision.

use std::time::Duration;

use admission::{Admission, Held, Reviewed};
use mail::MessageId;
use spool::{Dispatch, Filter, Holder, State, StateKind, View};
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
        let mut after = None;
        loop {
            let filter = Filter {
                state: Some(StateKind::Held),
                after,
                ..Filter::default()
            };
            let page = view.list(&filter, PAGE);
            for message in &page {
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

/// Decides the held recipients of one message again.
async fn review(id: MessageId, admission: &Admission, view: &View, dispatch: &Dispatch, recorder: &Recorder) {
    // What cannot be read now stays held, and is shown to the operator with everything else that is damaged.
    let Ok(Some(story)) = view.get(id).await else { return };
    for (index, recipient) in (0u32..).zip(&story.recipients) {
        if !matches!(
            recipient.state,
            State::Held {
                by: Holder::Judgement,
                ..
            }
        ) {
            continue;
        }
        let held = Held {
            testimony: &story.testimony,
            sender: &story.reverse,
            recipient: &recipient.path,
            octets: story.octets,
        };
        let Ok(permit) = admission.decide_again(&held, Reviewed::ByNobody) else {
            continue;
        };
        if dispatch.release(id, index, permit).await.is_ok() {
            recorder.testify(released(id, &recipient.path)).await;
        }
    }
}

fn released(id: MessageId, recipient: &mail::ForwardPath) -> ledger::Event {
    ledger::Event::Released(Box::new(ledger::Change {
        message: id,
        rcpt: Some(ledger::Words::of(recipient)),
        by: ledger::Words::new("judgement"),
        reason: ledger::Words::new("decided again"),
    }))
}
