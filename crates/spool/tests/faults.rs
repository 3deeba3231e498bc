//! A disk that fails in each of its ways, and a clock that goes backwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use mail::{MessageId, Timestamp};
use spool::{CommitError, Config, Opened, Outcome, Settlement, State, Writer, open};
use world::sim::disk::{Fate, Fault, Kind, SimDisk};
use world::sim::{GENESIS, SimClock};

/// What came of sending some letters while something failed.
#[derive(Default)]
struct Sent {
    acknowledged: BTreeMap<MessageId, Vec<u8>>,
    refused: Vec<CommitError>,
}

impl Sent {
    /// Small and large letters in turn.
    async fn send(&mut self, spool: &Opened, letters: usize) {
        for nth in 0..letters {
            let raw = octets(nth, if nth % 3 == 2 { 9000 } else { 200 });
            let id = spool.intake.new_id();
            match commit(&spool.intake, letter(id, "a@example.edu", &["b@example.org"]), &raw).await {
                Ok(_) => {
                    self.acknowledged.insert(id, delivered(id, &raw));
                }
                Err(error) => self.refused.push(error),
            }
        }
    }

    /// Everything acknowledged is there and reads back; of what was refused nothing is.
    async fn is_all_there(&self, disk: &SimDisk, what: &str) -> Opened {
        let spool = open_small(disk);
        let mut found = BTreeMap::new();
        for lease in spool.dispatch.lease(Timestamp(i64::MAX), usize::MAX) {
            let body = spool.dispatch.open(&lease).await.unwrap();
            found.insert(lease.id, read(body).await.unwrap());
            spool.dispatch.put_back(lease, now());
        }
        assert_eq!(found, self.acknowledged, "{what}");
        assert!(spool.report.damaged.is_empty(), "{what}: {:?}", spool.report.damaged);
        spool
    }
}

#[test]
fn whatever_operation_fails_once_nothing_acknowledged_is_lost_and_service_goes_on() {
    heard(|ear| async move {
        let faults = [
            (Kind::Write, Fault::Io),
            (Kind::Write, Fault::NoSpace),
            (Kind::Write, Fault::Short(1)),
            (Kind::Write, Fault::Short(100)),
            (Kind::Sync, Fault::Io),
            (Kind::SyncDir, Fault::Io),
            (Kind::Open, Fault::Io),
            (Kind::Open, Fault::NoSpace),
            (Kind::Remove, Fault::Io),
            (Kind::Rename, Fault::Io),
            (Kind::Truncate, Fault::Io),
        ];
        for (kind, fault) in faults {
            for nth in 0..24 {
                let disk = SimDisk::new();
                let spool = open_small(&disk);
                let mut sent = Sent::default();
                sent.send(&spool, 3).await;
                disk.fail(kind, nth, fault);
                sent.send(&spool, 12).await;
                assert!(sent.refused.len() <= 1, "{kind:?} {fault:?} {nth}: {:?}", sent.refused);
                let said = ear.names();
                assert!(
                    sent.refused.is_empty() || !said.is_empty(),
                    "{kind:?} {fault:?} {nth}: refused, and nobody was told why"
                );
                for fate in [Fate::Forget, Fate::Keep, Fate::Chance(nth)] {
                    let what = format!("{kind:?} {fault:?}, the {nth}th, then {fate:?}");
                    sent.is_all_there(&disk.crash(fate), &what).await;
                }
            }
        }
    });
}

#[test]
fn a_short_write_that_cannot_be_cut_off_closes_the_segment() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let mut sent = Sent::default();
        sent.send(&spool, 1).await;
        disk.fail(Kind::Write, 0, Fault::Short(60));
        sent.send(&spool, 1).await;
        assert!(sent.refused.is_empty(), "the second try, in another segment, succeeds");
        for fate in [Fate::Forget, Fate::Keep] {
            sent.is_all_there(&disk.crash(fate), "short").await;
        }
    });
}

#[test]
fn what_cannot_be_written_is_told_and_tried_again_without_waiting_for_mail() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let mut sent = Sent::default();
        sent.send(&spool, 2).await;
        assert!(spool.view.troubles().is_empty());
        for nth in 0..4 {
            disk.fail(Kind::Sync, nth, Fault::Io);
        }
        let id = spool.intake.new_id();
        let refused = commit(&spool.intake, letter(id, "a@example.edu", &["b@example.org"]), b"x").await;
        assert!(matches!(refused, Err(CommitError::Broken(_))), "{refused:?}");
        assert_eq!(spool.view.troubles().len(), 1, "{:?}", spool.view.troubles());
        assert!(spool.view.troubles()[0].starts_with("nothing can be written: "));
        // Nobody sends anything. The disk fails twice more before it is mended.
        rest(Duration::from_secs(60)).await;
        assert!(spool.view.troubles().is_empty(), "{:?}", spool.view.troubles());
        let said = ear.names();
        let count = |name| said.iter().filter(|said| *said == name).count();
        assert_eq!(
            (count("spool.cannot_write"), count("spool.writes_again")),
            (1, 1),
            "said when it begins and when it ends: {said:?}"
        );
        sent.send(&spool, 2).await;
        assert!(sent.refused.is_empty());
        sent.is_all_there(&disk.crash(Fate::Forget), "after the trouble").await;
    });
}

#[test]
fn files_of_large_messages_that_cannot_be_made_are_told_apart_and_tried_again() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        disk.fail(Kind::Open, 0, Fault::Io);
        let id = spool.intake.new_id();
        let large = letter(id, "a@example.edu", &["b@example.org"]);
        let refused = commit(&spool.intake, large, &octets(1, 9000)).await;
        assert!(matches!(refused, Err(CommitError::Broken(_))));
        send(&spool.intake, "a@example.edu", &["b@example.org"], b"small").await;
        assert!(
            spool.view.troubles()[0].starts_with("nothing large"),
            "{:?}",
            spool.view.troubles()
        );
        rest(Duration::from_secs(60)).await;
        assert!(spool.view.troubles().is_empty());
        assert!(files(&disk, ".message").is_empty(), "a probe leaves nothing behind");
    });
}

#[test]
fn a_wall_clock_that_goes_backwards_changes_no_order_and_loses_nothing() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let clock = Arc::new(SimClock::new(GENESIS));
        let mut world = world_on(disk.clone(), 1);
        world.clock = clock.clone();
        let spool = open(small(), &world, Writer::Task).unwrap();
        let mut sent = Sent::default();
        let mut ids = Vec::new();
        for back in [0, 1, 3600, 86_400, 10 * 365 * 86_400] {
            clock.set_wall(GENESIS - back * 1000);
            sent.send(&spool, 3).await;
            ids.push(spool.intake.new_id());
            rest(Duration::from_secs(120)).await;
        }
        assert!(ids.is_sorted(), "{ids:?}");
        // Nothing waits for a time that comes again years later.
        let leases = spool.dispatch.lease(Timestamp(GENESIS), usize::MAX);
        assert_eq!(leases.len(), sent.acknowledged.len());
        for lease in leases.into_iter().take(2) {
            sent.acknowledged.remove(&lease.id);
            let state = State::Done {
                outcome: Outcome::Delivered,
                at: Timestamp(clock_now(&clock)),
            };
            spool
                .dispatch
                .settle(&lease, vec![Settlement::new(0, state)])
                .await
                .unwrap();
        }
        let mut earlier = world_on(disk.crash(Fate::Forget), 2);
        earlier.clock = Arc::new(SimClock::new(GENESIS - 20 * 365 * 86_400_000));
        let again = open(small(), &earlier, Writer::Task).unwrap();
        assert!(again.intake.new_id() > *ids.last().unwrap());
        drop(again);
        sent.is_all_there(&disk.crash(Fate::Forget), "after the clock went back")
            .await;
        assert!(ear.heard().is_empty(), "there is nothing for an operator to do");
    });
}

fn clock_now(clock: &SimClock) -> i64 {
    world::Clock::wall(clock)
}

#[test]
fn a_start_that_ends_behind_its_checkpoint_leaves_the_testimony_to_the_next_one() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let mut sent = Sent::default();
        sent.send(&spool, 20).await;
        let mut after = disk.crash(Fate::Forget);
        let mut told = BTreeSet::new();
        // Each start writes a checkpoint, for there is a tail, and is cut off before anybody could complete the ledger.
        for start in 0..4 {
            let before = files(&after, ".checkpoint");
            let spool = open_small(&after);
            let found: BTreeSet<_> = spool.report.testimony.iter().map(|testimony| testimony.id).collect();
            assert!(
                found.len() > 5 && found.is_superset(&told),
                "start {start}: {told:?}, {found:?}"
            );
            assert_ne!(files(&after, ".checkpoint"), before, "start {start} wrote one");
            told = found;
            told.insert(send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(start, 2900)).await);
            told.insert(send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(start, 2900)).await);
            after = after.crash(Fate::Forget);
        }
    });
}

#[test]
fn a_missing_segment_is_told_and_takes_no_other_along() {
    story(async {
        for checkpoints in [true, false] {
            let disk = SimDisk::new();
            let config = Config {
                checkpoint_every_octets: if checkpoints { 12 << 10 } else { u64::MAX },
                ..small()
            };
            let spool = open_with(&disk, config);
            let mut sent = Sent::default();
            sent.send(&spool, 100).await;
            let segments = files(&disk, ".segment");
            assert!(segments.len() >= 3, "{segments:?}");
            for gone in &segments[..segments.len() - 1] {
                let copy = disk.crash(Fate::Keep);
                let held = letters_in(&copy, gone);
                world::Disk::remove(&copy, gone).unwrap();
                let spool = open_small(&copy);
                let told = spool.view.damaged();
                assert!(
                    told.iter()
                        .any(|damage| damage.file == *gone && damage.what.contains("missing")),
                    "{checkpoints}: {told:?}"
                );
                let mut readable = 0;
                for lease in spool.dispatch.lease(Timestamp(i64::MAX), usize::MAX) {
                    let Ok(body) = spool.dispatch.open(&lease).await else {
                        continue;
                    };
                    readable += usize::from(read(body).await.is_ok());
                }
                assert_eq!(
                    readable,
                    sent.acknowledged.len() - held,
                    "{checkpoints}, {}",
                    gone.display()
                );
            }
        }
    });
}

/// Letters whose record is in this segment: all records but the first.
fn letters_in(disk: &SimDisk, segment: &std::path::Path) -> usize {
    let octets = disk.contents(segment).unwrap();
    let nonce = &octets[24..32];
    let heads = octets[1024..]
        .windows(16)
        .filter(|window| window[..4] == octets[1024..1028] && window[8..] == *nonce);
    heads.count() - 1
}
