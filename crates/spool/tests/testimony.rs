//! What the ledger was to be told is handed out at the next start, whatever the end cut off: of acceptances, settlements
//! and changes alike.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{now, open_small, open_with, permit, rest, send, small, story};
use mail::{ForwardPath, MessageId};
use spool::{Change, Config, Holder, Opened, Outcome, Selector, Settlement, State, Testify};
use world::sim::disk::{Fate, SimDisk};

const TO: &str = "b@example.org";

async fn one(spool: &Opened) -> MessageId {
    send(&spool.intake, "a@example.edu", &[TO], b"x").await
}

/// Settles all that is due as delivered, with this testimony.
async fn deliver(spool: &Opened, testimony: &'static str) {
    for lease in spool.dispatch.lease(now(), usize::MAX) {
        let state = State::Done {
            outcome: Outcome::Delivered,
            at: now(),
        };
        let settlement = Settlement {
            testimony: Bytes::from_static(testimony.as_bytes()),
            ..Settlement::new(0, state)
        };
        spool.dispatch.settle(&lease, vec![settlement]).await.unwrap();
    }
}

fn testify() -> Testify {
    Arc::new(|id: MessageId, to: &ForwardPath| Bytes::from(format!("{to} of {id} was changed")))
}

/// What is handed out beside acceptances.
fn told(spool: &Opened) -> BTreeSet<String> {
    let all = spool.report.testimony.iter();
    let words = all.map(|one| String::from_utf8(one.octets.to_vec()).unwrap());
    words.filter(|text| !text.starts_with("verdict on")).collect()
}

#[test]
fn a_settlement_is_testified_to_behind_the_end_of_its_writer() {
    story(async {
        for closes in [false, true] {
            let disk = SimDisk::new();
            let spool = open_small(&disk);
            let id = one(&spool).await;
            deliver(&spool, "it was delivered").await;
            let disk = if closes {
                spool.closer.close().await;
                disk
            } else {
                disk.crash(Fate::Forget)
            };
            let spool = open_small(&disk);
            assert_eq!(told(&spool), BTreeSet::from(["it was delivered".to_owned()]));
            let found = spool.report.testimony.iter().map(|one| one.id);
            assert!(found.eq([id, id]), "the acceptance and the settlement of one message");
        }
    });
}

#[test]
fn what_an_operator_changed_is_testified_to_recipient_by_recipient() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let (held, removed) = (one(&spool).await, one(&spool).await);
        let hold = Change::Hold {
            reason: policy::Reason::RateHeld,
            by: Holder::Judgement,
            until: None,
        };
        let dispatch = &spool.dispatch;
        let remove = Selector::Ids(vec![removed]);
        dispatch
            .change_on_record(remove, Change::Remove, testify())
            .await
            .unwrap();
        dispatch.change_on_record(Selector::All, hold, testify()).await.unwrap();
        let freed = Bytes::from_static(b"it was freed");
        dispatch.release(held, 0, permit(), freed).await.unwrap();
        let spool = open_small(&disk.crash(Fate::Forget));
        let expected = [held, removed].map(|id| format!("<{TO}> of {id} was changed"));
        let expected = expected.into_iter().chain(["it was freed".to_owned()]);
        assert_eq!(told(&spool), expected.collect());
    });
}

#[test]
fn a_change_that_finds_nothing_to_change_is_not_testified_to() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        one(&spool).await;
        deliver(&spool, "it was delivered").await;
        let changed = spool
            .dispatch
            .change_on_record(Selector::All, Change::Remove, testify());
        assert_eq!(changed.await, Ok(0));
        let spool = open_small(&disk.crash(Fate::Forget));
        assert_eq!(told(&spool), BTreeSet::from(["it was delivered".to_owned()]));
    });
}

#[test]
fn checkpoints_carry_what_the_ledger_does_not_have_yet_however_long_that_takes() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_with(
            &disk,
            Config {
                checkpoint_every_octets: 1,
                ..small()
            },
        );
        let until = Arc::new(AtomicU64::new(0));
        let durable = until.clone();
        spool
            .dispatch
            .keep_testimony_until(move || Duration::from_secs(durable.load(Ordering::Relaxed)));
        one(&spool).await;
        deliver(&spool, "the ledger's disk refused").await;
        rest(Duration::from_secs(3600)).await;
        one(&spool).await;
        let found = told(&open_small(&disk.crash(Fate::Forget)));
        assert_eq!(found, BTreeSet::from(["the ledger's disk refused".to_owned()]));

        until.store(3600, Ordering::Relaxed);
        one(&spool).await;
        // Another one, for a checkpoint is written behind what it is due to.
        one(&spool).await;
        let spool = open_small(&disk.crash(Fate::Forget));
        assert_eq!(told(&spool), BTreeSet::new());
    });
}
