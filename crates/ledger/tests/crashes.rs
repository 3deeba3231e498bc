//! A crash, or a disk that refuses, costs nothing that was said to be durable and is told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod house;

use std::path::Path;
use std::time::Duration;

use house::{DIR, House, accepted, delivered};
use ledger::{Anchors, Event, Head, Key, verify};
use mail::{AttemptId, EventId, MessageId, Timestamp};
use world::sim::GENESIS;
use world::sim::disk::{Fate, Fault, Kind, SimDisk};

/// Records some events, flushing now and then; says after how many operations of the disk each was durable.
async fn a_run(house: &House) -> Vec<(usize, u64, Head)> {
    let mut durable = Vec::new();
    for round in 0..3 {
        let opening = house.open();
        for number in 1..=4 {
            let number = round * 4 + number;
            opening.ledger.record(Event::Accepted(Box::new(accepted(number)))).await;
            opening.ledger.record(delivered(number)).await;
            if number % 2 == 0 {
                let head = opening.ledger.flush().await.unwrap();
                durable.push((house.disk.operations(), number, head));
            }
        }
        opening.closer.close().await.unwrap();
    }
    durable
}

async fn check(disk: SimDisk, durable: &[(usize, u64, Head)], operations: usize, seed: &str) {
    let house = House::on(disk);
    let opening = house.open();
    let after = house.verify();
    assert_eq!(after.first_broken(), None, "{seed}: {after:?}");
    for (_, number, head) in durable.iter().filter(|(at, ..)| *at <= operations) {
        let story = opening
            .reader
            .events_of(&Key::Message(MessageId::new(*number)))
            .unwrap();
        assert_eq!(story.len(), 2, "{seed}: what was durable is there");
        let report = verify(
            &house.disk,
            Path::new(DIR),
            &Anchors::default().with_heads(std::slice::from_ref(head)),
        )
        .unwrap();
        assert_eq!(report.first_broken(), None, "{seed}: the head that was given holds");
    }
    opening.ledger.record(delivered(99)).await;
    opening.closer.close().await.unwrap();
    assert_eq!(house.verify().first_broken(), None, "{seed}: and the chain goes on");
}

#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_leaves_all_that_was_durable_and_an_unbroken_chain() {
    let house = House::new();
    let durable = a_run(&house).await;
    let total = house.disk.operations();
    for operations in 0..=total {
        let then = house.disk.rewind(operations);
        for fate in [
            Fate::Forget,
            Fate::Keep,
            Fate::Chance(1),
            Fate::Chance(2),
            Fate::Chance(3),
        ] {
            let seed = format!("crash after {operations} of {total}, {fate:?}");
            check(then.crash(fate), &durable, operations, &seed).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_torn_last_line_is_told_and_never_counted() {
    let house = house::a_day().await;
    let mut octets = house.disk.contents(&house.path(house::FIRST)).unwrap();
    let whole = octets.len() as u64;
    octets.extend_from_slice(b"{\"v\":1,\"seq\":11,\"at\":17952");
    house.rewrite(house::FIRST, &octets);
    assert_eq!(house.verify().torn.len(), 1, "before anybody went on");

    let opening = house.open();
    let torn = opening.report.torn.unwrap();
    assert_eq!((torn.at, torn.octets), (whole, 26));
    opening.closer.close().await.unwrap();
    let report = house.verify();
    assert_eq!((report.first_broken(), report.torn.as_slice()), (None, &[torn][..]));
}

#[tokio::test(start_paused = true)]
async fn the_middle_that_a_crash_left_out_of_the_last_lines_is_torn_and_a_changed_one_is_broken() {
    let house = house::a_day().await;
    let head = house.verify().heads.remove(0);
    let octets = house.disk.contents(&house.path(house::FIRST)).unwrap();
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &octets).collect();
    let (before, of_last_but_one) = (ends[ends.len() - 3] + 1, ends[ends.len() - 2]);
    let mut changed = octets.clone();
    changed[of_last_but_one - 90] ^= 1;
    house.rewrite(house::FIRST, &changed);
    assert!(house.verify().first_broken().is_some());

    let mut holed = octets.clone();
    holed[of_last_but_one - 90..of_last_but_one - 80].fill(0);
    house.rewrite(house::FIRST, &holed);
    let report = house.verify();
    assert_eq!((report.first_broken(), report.torn[0].at), (None, before as u64));
    // Whoever goes on says where it ends, and nothing changes that.
    house.open().closer.close().await.unwrap();
    let report = house.verify();
    assert_eq!((report.first_broken(), report.torn.len()), (None, 1));
    // What somebody wrote down as the head is missed.
    let known = Anchors::default().with_heads(&[head]);
    let report = verify(&house.disk, Path::new(DIR), &known).unwrap();
    assert!(!report.is_whole(), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_refuses_costs_no_event() {
    for kind in [Kind::Write, Kind::Sync, Kind::SyncDir] {
        for fault in [Fault::Io, Fault::NoSpace, Fault::Short(100)] {
            let house = House::new();
            let opening = house.open();
            opening.ledger.record(delivered(1)).await;
            opening.ledger.flush().await.unwrap();
            house.disk.fail(kind, 0, fault);
            house.disk.fail(Kind::Sync, 1, Fault::Io);
            opening.ledger.record(delivered(2)).await;
            opening.ledger.flush().await.unwrap();
            opening.ledger.record(delivered(3)).await;
            opening.closer.close().await.unwrap();
            for number in 1..=3 {
                let story = opening.reader.events_of(&Key::Message(MessageId::new(number))).unwrap();
                assert_eq!(story.len(), 1, "{kind:?} {fault:?}");
            }
            let report = house.verify();
            assert_eq!(report.first_broken(), None, "{kind:?} {fault:?}: {report:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_spool_remembers_is_added_once() {
    let delivered = |number, attempt| {
        let Event::Delivered(mut facts) = delivered(number) else {
            panic!("it is a delivery")
        };
        facts.attempt = Some(AttemptId::new(attempt));
        Event::Delivered(facts)
    };
    let removed = |number, change, rcpt: Option<&str>| {
        Event::Removed(Box::new(ledger::Change {
            message: MessageId::new(number),
            change: Some(EventId::new(change)),
            rcpt: rcpt.map(ledger::Words::new),
            by: ledger::Words::new("kim"),
            reason: ledger::Words::new("spam"),
        }))
    };
    let house = House::new();
    let opening = house.open();
    let recorded = [
        Event::Accepted(Box::new(accepted(1))),
        delivered(1, 1),
        removed(3, 1, None),
        removed(4, 1, Some("a@example.org")),
    ];
    for event in recorded.clone() {
        opening.ledger.record(event).await;
    }
    opening.closer.close().await.unwrap();

    let missing = [
        Event::Accepted(Box::new(accepted(2))),
        delivered(1, 2),
        delivered(2, 1),
        removed(3, 2, Some("a@example.org")),
        removed(4, 1, Some("b@example.org")),
    ];
    // Of all recipients at once, which is how it was recorded.
    let covered = ["a@example.org", "b@example.org"].map(|rcpt| removed(3, 1, Some(rcpt)));
    let remembered: Vec<(Timestamp, Event)> = recorded
        .iter()
        .chain(&missing)
        .chain(&missing)
        .chain(&covered)
        .map(|event| {
            let octets = ledger::Entry::of(event).json().clone();
            (Timestamp(GENESIS), Event::from_testimony(&octets).unwrap())
        })
        .collect();
    for round in 0..3 {
        let opening = house.open();
        let completed = opening.ledger.complete(remembered.clone()).await.unwrap();
        let expected = if round == 0 { (6, 5) } else { (11, 0) };
        assert_eq!((completed.known, completed.added), expected);
        opening.closer.close().await.unwrap();
    }
    let opening = house.open();
    for (number, lines) in [(1, 3), (2, 2), (3, 2), (4, 2)] {
        let story = opening.reader.events_of(&Key::Message(MessageId::new(number))).unwrap();
        assert_eq!(story.len(), lines, "message {number}: {story:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_notice_that_was_accepted_it_is_told_that_it_was_sent() {
    let house = House::new();
    let opening = house.open();
    let mut facts = accepted(7);
    facts.recipients.truncate(1);
    facts.recipients[0].basis = ledger::Ground::Notice {
        parent: MessageId::new(5),
        kind: ledger::Words::new("failure"),
    };
    let remembered = vec![(Timestamp(GENESIS), Event::Accepted(Box::new(facts)))];
    let completed = opening.ledger.complete(remembered.clone()).await.unwrap();
    assert_eq!((completed.known, completed.added), (0, 2));
    let story = opening.reader.events_of(&Key::Message(MessageId::new(5))).unwrap();
    assert!(matches!(&story[0].event, Event::NoticeSent(sent) if sent.notice == MessageId::new(7)));
    assert_eq!(opening.ledger.complete(remembered).await.unwrap().added, 0);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_says_up_to_when_it_is_durable_and_not_beyond_what_its_disk_took() {
    let house = House::new();
    let opening = house.open();
    let clock = house.world.clock.clone();
    clock.sleep_until(Duration::from_secs(10)).await;
    assert_eq!(opening.ledger.durable_until(), clock.monotonic(), "nothing waits");
    for nth in 0..5 {
        house.disk.fail(Kind::Write, nth, Fault::Io);
    }
    opening.ledger.record(delivered(1)).await;
    let recorded = clock.monotonic();
    clock.sleep_until(recorded + Duration::from_secs(3)).await;
    assert!(opening.ledger.status().failing);
    assert!(opening.ledger.durable_until() <= recorded);
    opening.ledger.flush().await.unwrap();
    assert_eq!(opening.ledger.durable_until(), clock.monotonic());
}
