//! What a grant had queued that ended for abuse: it never leaves, nobody who was forged hears of it, and when whoever looks
//! into the abuse had time to look at it, it is taken out, on record.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use ledger::{Entry, Event, Words};
use mail::{ForwardPath, MessageId};
use parking_lot::Mutex;
use policy::Name;
use registry::ABUSED_MAIL_KEPT;
use spool::{Change, ChangeError, Selector, Testify};

use super::super::{Abused, Live};

/// Takes out what these grants have queued, where its time is over.
pub(super) async fn remove(live: &Live, abused: &Abused, queued: &BTreeSet<Name>) {
    let now = live.admission.now();
    let is_over = |grant: &&Name| {
        let ended = abused.get(*grant);
        ended.is_some_and(|ended| ended.plus(ABUSED_MAIL_KEPT) <= now)
    };
    for grant in queued.iter().filter(is_over) {
        let (told, testify) = testimony(live);
        let selector = Selector::Grant(grant.clone());
        match live.dispatch.change_on_record(selector, Change::Remove, testify).await {
            Ok(_) => {
                let told = std::mem::take(&mut *told.lock());
                for testimony in told {
                    live.recorder.testify_stored(testimony).await;
                }
            }
            Err(ChangeError::NoSuch(_)) => {}
            Err(error) => {
                tracing::error!(event = "queue.not_removed", %grant, %error, "it stays held, and is tried again");
            }
        }
    }
}

/// What the ledger is told of each recipient, gathered as it is stored.
fn testimony(live: &Live) -> (Arc<Mutex<Vec<Bytes>>>, Testify) {
    let told: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let (gathers, change) = (told.clone(), live.admission.ids().event());
    let testify = move |message: MessageId, to: &ForwardPath| {
        let event = Event::Removed(Box::new(ledger::Change {
            message,
            change: Some(change),
            rcpt: Some(Words::of(to)),
            by: Words::new("rule abuse"),
            reason: Words::new("its grant ended for abuse"),
        }));
        let octets = Entry::of(&event).json().clone();
        gathers.lock().push(octets.clone());
        octets
    };
    (told, Arc::new(testify))
}
