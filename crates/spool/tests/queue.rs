//! Stories of a letter in the queue, from its draft to its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::*;
use mail::{AttemptId, MessageId, Timestamp};
use policy::Reason;
use spool::{
    AttemptRecord, Change, ChangeError, Config, Edit, Filter, Holder, Outcome, Selector, Settlement, State, StateKind,
};
use world::Clock;
use world::sim::disk::SimDisk;
use world::sim::{GENESIS, SimClock};

fn done(recipient: u32) -> Settlement {
    Settlement::new(
        recipient,
        State::Done {
            outcome: Outcome::Delivered,
            at: now(),
        },
    )
}

fn attempt() -> AttemptRecord {
    AttemptRecord {
        id: AttemptId::new(9),
        at: now(),
        took_ms: 40,
        host: "mx.example.org".into(),
        ip: Some("192.0.2.25".parse().unwrap()),
        tls: "TLS 1.3, unverified".into(),
        reply: "451 4.3.0 later".into(),
    }
}

#[test]
fn a_letter_goes_in_is_leased_read_and_settled() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let raw = octets(1, 2000);
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], &raw).await;
        assert_eq!(spool.view.counts().ready, 1);
        spool.dispatch.work().await;
        let leases = spool.dispatch.lease(now(), 10);
        assert_eq!(leases.len(), 1);
        let lease = &leases[0];
        assert_eq!((lease.id, lease.recipients.len()), (id, 1));
        assert_eq!(lease.params.envid.as_deref(), Some("E1"));
        assert_eq!(
            lease.recipients[0].params.orcpt.as_deref(),
            Some("rfc822;b@example.org")
        );
        assert!(
            spool.dispatch.lease(now(), 10).is_empty(),
            "a lease is one worker's alone"
        );
        let body = spool.dispatch.open(lease).await.unwrap();
        assert_eq!(read(body).await.unwrap(), delivered(id, &raw));
        spool.dispatch.settle(lease, vec![done(0)]).await.unwrap();
        assert_eq!(spool.view.counts(), spool::Counts::default());
        let story = spool.view.get(id).await.unwrap().unwrap();
        assert!(story.recipients[0].state.is_done());
        assert_eq!(story.subject.as_deref(), Some("Minutes"));
        assert_eq!(story.testimony, format!("verdict on {id}").as_bytes());
    });
}

#[test]
fn a_fresh_letter_is_delivered_from_memory_without_a_read() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_with(
            &disk,
            Config {
                memory_octets: 1 << 20,
                ..small()
            },
        );
        let raw = octets(2, 900);
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], &raw).await;
        let before = disk.count(world::sim::disk::Kind::Read);
        let lease = spool.dispatch.lease(now(), 1).remove(0);
        assert_eq!(
            read(spool.dispatch.open(&lease).await.unwrap()).await.unwrap(),
            delivered(id, &raw)
        );
        assert_eq!(disk.count(world::sim::disk::Kind::Read), before);
    });
}

#[test]
fn edits_and_large_messages_read_back_alike_before_and_after_a_restart() {
    story(async {
        let disk = SimDisk::new();
        let mut expected = Vec::new();
        let spool = open_small(&disk);
        for (seed, len) in [(1, 10), (2, 3000), (3, 3001), (4, 300_000)] {
            let raw = octets(seed, len);
            let id = spool.intake.new_id();
            let mut letter = letter(id, "a@example.edu", &["b@example.org"]);
            letter.edits = vec![
                Edit {
                    at: 0,
                    drop: 2,
                    insert: Bytes::from_static(b"new front\r\n"),
                },
                Edit {
                    at: len as u64,
                    drop: 0,
                    insert: Bytes::from_static(b"new end\r\n"),
                },
            ];
            let stored = commit(&spool.intake, letter, &raw).await.unwrap();
            let mut whole = delivered(id, b"new front\r\n");
            whole.extend_from_slice(&raw[2..]);
            whole.extend_from_slice(b"new end\r\n");
            assert_eq!(stored.octets, whole.len() as u64);
            expected.push((id, whole));
        }
        assert_eq!(files(&disk, ".message").len(), 2);
        spool.closer.close().await;
        drop((spool.intake, spool.dispatch, spool.view));
        let spool = open_small(&disk);
        assert_eq!((spool.report.messages, spool.report.from_checkpoint), (4, 4));
        for lease in spool.dispatch.lease(now(), 10) {
            let whole = read(spool.dispatch.open(&lease).await.unwrap()).await.unwrap();
            assert!(
                expected
                    .iter()
                    .any(|(id, expected)| *id == lease.id && *expected == whole)
            );
            spool.dispatch.settle(&lease, vec![done(0)]).await.unwrap();
        }
        assert!(files(&disk, ".message").is_empty(), "files of finished messages go");
    });
}

#[test]
fn what_is_deferred_wakes_the_worker_when_its_time_has_come() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let id = send(
            &spool.intake,
            "a@example.edu",
            &["b@example.org", "c@example.net"],
            b"x",
        )
        .await;
        let lease = spool.dispatch.lease(now(), 1).remove(0);
        let until = Timestamp(GENESIS + 900_000);
        let later = Settlement {
            attempt: Some(attempt()),
            delay_told: true,
            ..Settlement::new(0, State::Deferred { until })
        };
        spool.dispatch.settle(&lease, vec![later, done(1)]).await.unwrap();
        drop(lease);
        assert!(spool.dispatch.lease(now(), 1).is_empty());
        let stopwatch = SimClock::new(GENESIS);
        spool.dispatch.work().await;
        assert_eq!(stopwatch.monotonic(), Duration::from_secs(900));
        let lease = spool.dispatch.lease(until, 1).remove(0);
        assert_eq!((lease.recipients.len(), lease.recipients[0].index), (1, 0));
        assert!(lease.recipients[0].delay_told);
        let story = spool.view.get(id).await.unwrap().unwrap();
        assert_eq!(story.recipients[0].attempts, [attempt()]);
    });
}

#[test]
fn a_dropped_lease_comes_back_and_one_put_back_rests_as_long_as_it_should() {
    story(async {
        let spool = open_small(&SimDisk::new());
        send(&spool.intake, "a@example.edu", &["b@example.org"], b"x").await;
        drop(spool.dispatch.lease(now(), 1));
        assert!(spool.dispatch.lease(now(), 1).is_empty());
        spool.dispatch.work().await;
        let lease = spool.dispatch.lease(Timestamp(GENESIS + 30_000), 1).remove(0);
        spool.dispatch.put_back(lease, Timestamp(GENESIS + 90_000));
        assert!(spool.dispatch.lease(Timestamp(GENESIS + 89_999), 1).is_empty());
        assert_eq!(spool.dispatch.lease(Timestamp(GENESIS + 90_000), 1).len(), 1);
    });
}

#[test]
fn one_that_is_woken_does_not_rest_even_if_it_is_put_back_a_moment_later() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], b"x").await;
        let later = Timestamp(GENESIS + 90_000);
        let lease = || spool.dispatch.lease(now(), 1).pop();
        spool.dispatch.put_back(lease().unwrap(), later);
        assert!(lease().is_none());
        spool.dispatch.wake(&[id]);
        let again = lease().unwrap();
        // It was not back yet when it was called.
        spool.dispatch.wake(&[id]);
        spool.dispatch.put_back(again, later);
        let again = lease().unwrap();
        // That was heard once.
        spool.dispatch.put_back(again, later);
        assert!(lease().is_none());
    });
}

#[test]
fn operators_hold_and_release_and_nobody_releases_what_was_held_for_abuse() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let first = send(&spool.intake, "a@example.edu", &["b@example.org"], b"1").await;
        let second = send(&spool.intake, "z@example.edu", &["b@example.net"], b"2").await;
        let hold = |by| Change::Hold {
            reason: Reason::HeldByOperator,
            by,
            until: None,
        };
        let sender = Selector::Sender("a@example.edu".parse().unwrap());
        let operator = Holder::Operator("kim".into());
        assert_eq!(spool.dispatch.change(sender, hold(operator)).await, Ok(1));
        let domain = Selector::RecipientDomain(mail::Domain::parse("example.net").unwrap());
        assert_eq!(spool.dispatch.change(domain, hold(Holder::Suspension)).await, Ok(1));
        assert!(spool.dispatch.lease(now(), 9).is_empty());
        let held = Filter {
            state: Some(StateKind::Held),
            ..Filter::default()
        };
        assert_eq!(spool.view.list(&held, 9).len(), 2);
        spool.closer.close().await;
        let spool = open_small(&disk);
        assert_eq!(spool.view.counts().held, 2, "holds survive a restart");
        assert_eq!(spool.dispatch.change(Selector::All, Change::Release).await, Ok(1));
        let leases = spool.dispatch.lease(now(), 9);
        assert_eq!(leases.iter().map(|lease| lease.id).collect::<Vec<_>>(), [first]);
        assert_eq!(spool.dispatch.release(second, 0, permit(), Bytes::new()).await, Ok(()));
        assert_eq!(spool.dispatch.lease(now(), 9).len(), 1);
        let story = spool.view.get(second).await.unwrap().unwrap();
        assert_eq!(story.recipients[0].rulebook, 99);
        assert!(matches!(
            spool.dispatch.release(second, 0, permit(), Bytes::new()).await,
            Err(ChangeError::NoSuch(_))
        ));
    });
}

#[test]
fn a_hold_that_came_during_an_attempt_is_not_undone_by_its_result() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], b"1").await;
        let lease = spool.dispatch.lease(now(), 1).remove(0);
        let hold = Change::Hold {
            reason: Reason::HeldByOperator,
            by: Holder::Suspension,
            until: None,
        };
        spool.dispatch.change(Selector::Ids(vec![id]), hold).await.unwrap();
        let deferred = State::Deferred { until: now() };
        spool
            .dispatch
            .settle(&lease, vec![Settlement::new(0, deferred)])
            .await
            .unwrap();
        drop(lease);
        assert_eq!(spool.view.counts().held, 1);
        assert!(spool.dispatch.lease(Timestamp(i64::MAX), 1).is_empty());
    });
}

#[test]
fn removing_is_silent_and_bouncing_is_left_to_a_worker() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let removed = send(&spool.intake, "a@example.edu", &["b@example.org"], b"1").await;
        let bounced = send(&spool.intake, "a@example.edu", &["b@example.org"], b"2").await;
        assert_eq!(
            spool
                .dispatch
                .change(Selector::Ids(vec![removed]), Change::Remove)
                .await,
            Ok(1)
        );
        assert_eq!(spool.dispatch.change(Selector::All, Change::Bounce).await, Ok(1));
        let lease = spool.dispatch.lease(now(), 9).remove(0);
        assert!(lease.id == bounced && lease.recipients[0].bounce);
        let failed = State::Done {
            outcome: Outcome::Failed,
            at: now(),
        };
        spool
            .dispatch
            .settle(&lease, vec![Settlement::new(0, failed)])
            .await
            .unwrap();
        assert_eq!(spool.view.counts().messages, 0);
    });
}

#[test]
fn suspended_destinations_rest_and_what_comes_later_rests_too() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let domain = Selector::RecipientDomain(mail::Domain::parse("example.org").unwrap());
        send(
            &spool.intake,
            "a@example.edu",
            &["b@example.org", "b@example.net"],
            b"1",
        )
        .await;
        spool.dispatch.suspend(domain.clone()).await.unwrap();
        send(&spool.intake, "a@example.edu", &["c@example.org"], b"2").await;
        let leases = spool.dispatch.lease(now(), 9);
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].recipients[0].path.to_string(), "<b@example.net>");
        drop(leases);
        spool.closer.close().await;
        let spool = open_small(&disk);
        assert_eq!(spool.view.suspended(), std::slice::from_ref(&domain));
        assert_eq!(spool.dispatch.lease(now(), 9).len(), 1);
        spool.dispatch.resume(domain).await.unwrap();
        assert_eq!(spool.dispatch.lease(now(), 9).len(), 1);
        assert!(spool.dispatch.suspended().is_empty());
    });
}

#[test]
fn what_is_suspended_at_the_same_time_is_all_suspended() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let (x, y) = (Selector::Grant("x".into()), Selector::Grant("y".into()));
        let both = tokio::join!(spool.dispatch.suspend(x.clone()), spool.dispatch.suspend(y.clone()));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(spool.dispatch.suspended(), [x.clone(), y.clone()]);
        let both = tokio::join!(spool.dispatch.resume(x), spool.dispatch.suspend(Selector::All));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(spool.dispatch.suspended(), [y.clone(), Selector::All]);
        spool.closer.close().await;
        assert_eq!(open_small(&disk).view.suspended(), [y, Selector::All]);
    });
}

#[test]
fn scanners_read_a_draft_and_an_abandoned_one_leaves_nothing() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        for len in [0, 1, 2999, 9000] {
            let raw = octets(7, len);
            let mut draft = spool.intake.begin();
            for piece in raw.chunks(997) {
                draft.append(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            let mut back = Vec::new();
            loop {
                let piece = draft.read_at(back.len() as u64, 333).await.unwrap();
                if piece.is_empty() {
                    break;
                }
                back.extend_from_slice(&piece);
            }
            assert_eq!(back, raw);
            draft.abandon();
        }
        assert!(files(&disk, ".message").is_empty());
    });
}

#[test]
fn what_is_no_letter_is_refused() {
    story(async {
        let spool = open_small(&SimDisk::new());
        let nobody = letter(spool.intake.new_id(), "a@example.edu", &[]);
        assert!(commit(&spool.intake, nobody, b"x").await.is_err());
        let mut beyond = letter(spool.intake.new_id(), "a@example.edu", &["b@example.org"]);
        beyond.edits = vec![Edit {
            at: 0,
            drop: 2,
            insert: Bytes::new(),
        }];
        assert!(commit(&spool.intake, beyond, b"x").await.is_err());
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], b"x").await;
        let again = letter(id, "a@example.edu", &["b@example.org"]);
        assert!(commit(&spool.intake, again, b"x").await.is_err());
        assert_eq!(spool.view.counts().messages, 1);
        assert!(spool.view.get(MessageId::new(1)).await.unwrap().is_none());
    });
}

#[test]
fn a_long_queue_is_suspended_and_resumed_in_slices() {
    const LONG: usize = 12_000;
    story(async {
        let disk = SimDisk::new();
        let config = Config {
            checkpoint_every_octets: 1 << 30,
            segment_octets: 64 << 20,
            ..small()
        };
        let spool = open_with(&disk, config);
        for _ in 0..LONG / 100 {
            let sending: Vec<_> = (0..100)
                .map(|_| {
                    let intake = spool.intake.clone();
                    tokio::spawn(async move { send(&intake, "a@example.edu", &["b@example.org"], b"x").await })
                })
                .collect();
            for sent in sending {
                sent.await.unwrap();
            }
        }
        spool.dispatch.suspend(Selector::All).await.unwrap();
        assert!(spool.dispatch.lease(now(), 10).is_empty());
        tokio::select! {
            biased;
            () = spool.dispatch.work() => panic!("nothing of it is due"),
            () = std::future::ready(()) => {}
        }
        spool.dispatch.resume(Selector::All).await.unwrap();
        spool.dispatch.work().await;
        let all = spool.dispatch.lease(now(), usize::MAX);
        assert_eq!(all.len(), LONG);
        assert_eq!(spool.view.list(&Filter::default(), usize::MAX).len(), LONG);
        let last = all.iter().map(|lease| lease.id).max();
        let after = all.iter().map(|lease| lease.id).nth(LONG - 2);
        let filter = Filter {
            after,
            ..Filter::default()
        };
        let behind: Vec<_> = spool.view.list(&filter, 5).iter().map(|one| one.id).collect();
        assert_eq!(behind, Vec::from_iter(last));
        assert_eq!(spool.view.page(&Filter::default(), LONG - 1).await.len(), LONG - 1);
        assert_eq!(spool.view.page(&filter, 5).await.len(), 1);
    });
}
