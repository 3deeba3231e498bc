//! Starts, failures of the disk, other writers, and the tidying of the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use common::*;
use mail::{MessageId, Timestamp};
use spool::{CommitError, Config, DraftError, Filter, Opened, Outcome, Selector, Settlement, State, Writer, open};
use world::sim::GENESIS;
use world::sim::disk::{Fate, Fault, Kind, SimDisk};

async fn settle_all(spool: &Opened, keep: impl Fn(usize) -> bool) {
    for (at, lease) in spool.dispatch.lease(now(), usize::MAX).into_iter().enumerate() {
        if keep(at) {
            spool.dispatch.put_back(lease, now());
        } else {
            let state = State::Done {
                outcome: Outcome::Delivered,
                at: now(),
            };
            spool
                .dispatch
                .settle(&lease, vec![Settlement::new(0, state)])
                .await
                .unwrap();
        }
    }
}

async fn contents(spool: &Opened) -> BTreeMap<MessageId, Vec<u8>> {
    let mut all = BTreeMap::new();
    for lease in spool.dispatch.lease(Timestamp(i64::MAX), usize::MAX) {
        all.insert(
            lease.id,
            read(spool.dispatch.open(&lease).await.unwrap()).await.unwrap(),
        );
        spool.dispatch.put_back(lease, Timestamp(0));
    }
    all
}

#[test]
fn many_commits_at_once_share_few_syncs() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_with(&disk, Config::new(DIR));
        let before = disk.count(Kind::Sync);
        let commits: Vec<_> = (0..50)
            .map(|seed| {
                let intake = spool.intake.clone();
                tokio::spawn(
                    async move { send(&intake, "a@example.edu", &["b@example.org"], &octets(seed, 2000)).await },
                )
            })
            .collect();
        for commit in commits {
            commit.await.unwrap();
        }
        let syncs = disk.count(Kind::Sync) - before;
        assert!(syncs <= 3, "{syncs} syncs for 50 messages");
        assert_eq!(spool.view.counts().messages, 50);
    });
}

#[test]
fn a_start_reads_the_checkpoint_and_only_the_tail_behind_it() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_with(&disk, Config::new(DIR));
        for seed in 0..30 {
            send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(seed, 100)).await;
        }
        spool.closer.close().await;
        let spool = open_with(&disk, Config::new(DIR));
        for seed in 0..3 {
            send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(seed, 100)).await;
        }
        let spool = open_with(&disk.crash(Fate::Forget), Config::new(DIR));
        assert_eq!((spool.report.messages, spool.report.from_checkpoint), (33, 30));
        // One record tells where the segment before ends.
        assert_eq!(spool.report.tail_records, 4);
        assert!(spool.report.testimony.len() >= 3, "the ledger can complete itself");
    });
}

#[test]
fn a_checkpoint_carries_the_testimony_of_the_last_seconds_and_no_more() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_with(&disk, Config::new(DIR));
        // All with the same time of receipt, as a caller with a standing clock would say.
        send(&spool.intake, "a@example.edu", &["b@example.org"], b"long ago").await;
        rest(Duration::from_secs(10)).await;
        let late = send(&spool.intake, "a@example.edu", &["b@example.org"], b"just now").await;
        spool.closer.close().await;
        let spool = open_with(&disk, Config::new(DIR));
        assert_eq!(
            spool
                .report
                .testimony
                .iter()
                .map(|testimony| testimony.id)
                .collect::<Vec<_>>(),
            [late]
        );
    });
}

#[test]
fn ids_rise_across_a_restart_even_if_the_clock_fell() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let before = send(&spool.intake, "a@example.edu", &["b@example.org"], b"x").await;
        spool.closer.close().await;
        let mut world = world_on(disk, 2);
        world.clock = std::sync::Arc::new(world::sim::SimClock::new(GENESIS - 86_400_000));
        let spool = open(small(), &world, Writer::Task).unwrap();
        assert!(spool.intake.new_id() > before);
    });
}

#[test]
fn a_failed_sync_poisons_the_segment_and_the_batch_goes_to_another() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let first = send(&spool.intake, "a@example.edu", &["b@example.org"], b"1").await;
        disk.fail(Kind::Sync, 0, Fault::Io);
        let second = send(&spool.intake, "a@example.edu", &["b@example.org"], b"2").await;
        assert_eq!(files(&disk, ".segment").len(), 2);
        let told = ["spool.segment_closed", "spool.cannot_write", "spool.writes_again"];
        assert_eq!(ear.names(), told, "one after the other");
        // The batch may be in the poisoned segment too; it must not be there twice.
        for fate in [Fate::Forget, Fate::Keep] {
            let spool = open_small(&disk.crash(fate));
            assert_eq!(contents(&spool).await.into_keys().collect::<Vec<_>>(), [first, second]);
            assert!(spool.report.damaged.is_empty());
        }
    });
}

#[test]
fn what_could_not_be_made_durable_is_never_acknowledged_and_does_not_come_back() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        for nth in 0..2 {
            disk.fail(Kind::Sync, nth, Fault::Io);
        }
        let id = spool.intake.new_id();
        let refused = commit(&spool.intake, letter(id, "a@example.edu", &["b@example.org"]), b"lost").await;
        assert!(matches!(refused, Err(CommitError::Broken(_))), "{refused:?}");
        let said = ear.heard();
        let once = said.iter().filter(|said| said.starts_with("spool.cannot_write"));
        assert_eq!(once.count(), 1, "{said:?}");
        assert_eq!(spool.view.troubles().len(), 1, "{:?}", spool.view.troubles());
        let later = send(&spool.intake, "a@example.edu", &["b@example.org"], b"kept").await;
        let spool = open_small(&disk.crash(Fate::Keep));
        assert_eq!(contents(&spool).await.into_keys().collect::<Vec<_>>(), [later]);
    });
}

#[test]
fn a_full_disk_refuses_letters_and_still_settles() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let spool = open_with(
            &disk,
            Config {
                keep_free_octets: 0,
                ..Config::new(DIR)
            },
        );
        let first = send(&spool.intake, "a@example.edu", &["b@example.org"], b"1").await;
        disk.set_free(Some(500));
        let id = spool.intake.new_id();
        let refused = commit(
            &spool.intake,
            letter(id, "a@example.edu", &["b@example.org"]),
            &octets(1, 2000),
        )
        .await;
        assert_eq!(refused, Err(CommitError::Full));
        let said = ear.heard();
        assert!(said[0].starts_with("spool.cannot_write") && said.len() == 1, "{said:?}");
        settle_all(&spool, |_| false).await;
        assert_eq!(spool.view.counts().messages, 0);
        disk.set_free(None);
        let second = send(&spool.intake, "a@example.edu", &["b@example.org"], b"2").await;
        let spool = open_with(&disk.crash(Fate::Keep), Config::new(DIR));
        let there = contents(&spool).await;
        assert!(!there.contains_key(&first) && there.contains_key(&second) && there.len() == 1);
        assert!(spool.report.damaged.is_empty());
    });
}

#[test]
fn below_the_margin_nothing_new_is_begun() {
    story(async {
        let disk = SimDisk::new();
        disk.set_free(Some(1 << 20));
        let spool = open_with(
            &disk,
            Config {
                keep_free_octets: 2 << 20,
                ..small()
            },
        );
        assert!(!spool.intake.has_room());
        let letter = letter(spool.intake.new_id(), "a@example.edu", &["b@example.org"]);
        assert_eq!(commit(&spool.intake, letter, b"x").await, Err(CommitError::Full));
        let mut draft = spool.intake.begin();
        let large = draft.append(Bytes::from(octets(1, 5000))).await;
        assert!(matches!(large, Err(DraftError::Full)));
        drop(draft);
        assert!(files(&disk, ".message").is_empty());
        disk.set_free(None);
        assert!(spool.intake.has_room(), "room is noticed when it is back");
    });
}

#[test]
fn a_draft_that_could_not_be_written_cannot_be_committed() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        disk.fail(Kind::Write, 0, Fault::Short(100));
        let mut draft = spool.intake.begin();
        assert!(draft.append(Bytes::from(octets(1, 5000))).await.is_err());
        let letter = letter(spool.intake.new_id(), "a@example.edu", &["b@example.org"]);
        assert!(matches!(
            spool.intake.commit(draft, letter).await,
            Err(CommitError::Broken(_))
        ));
        assert!(files(&disk, ".message").is_empty());
    });
}

#[test]
fn files_of_drafts_that_were_never_committed_are_removed_at_the_next_start() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let mut draft = spool.intake.begin();
        draft.append(Bytes::from(octets(1, 9000))).await.unwrap();
        let after = disk.crash(Fate::Keep);
        assert_eq!(files(&after, ".message").len(), 1);
        assert_eq!(open_small(&after).report.abandoned_files, 1);
        assert!(files(&after, ".message").is_empty());
        drop(draft);
    });
}

#[test]
fn a_living_writer_is_left_alone_and_a_dead_one_is_taken_over() {
    story(async {
        let disk = SimDisk::new();
        let first = open_small(&disk);
        let a = send(&first.intake, "a@example.edu", &["b@example.org"], &octets(1, 500)).await;
        let large = send(&first.intake, "a@example.edu", &["b@example.org"], &octets(2, 20_000)).await;
        let second = open(small(), &world_on(disk.clone(), 22), Writer::Task).unwrap();
        assert_eq!((second.report.messages, second.report.adopted), (0, 0));
        let b = send(&second.intake, "a@example.edu", &["c@example.org"], &octets(3, 500)).await;
        first.dispatch.suspend(Selector::Grant("x".into())).await.unwrap();
        let before: BTreeMap<_, _> = contents(&first)
            .await
            .into_iter()
            .chain(contents(&second).await)
            .collect();
        // Both die; one start takes over both, and may die anywhere on its way.
        let after = disk.crash(Fate::Forget);
        let begun = after.operations();
        let third = open(small(), &world_on(after.clone(), 33), Writer::Task).unwrap();
        assert_eq!(third.report.messages, 3);
        assert!(third.report.adopted == 1 || third.report.adopted == 2);
        assert_eq!(contents(&third).await, before);
        assert_eq!(third.view.suspended().len(), 1);
        assert!([a, large, b].iter().all(|id| before.contains_key(id)) && before.len() == 3);
        drop(third);
        for k in begun..=after.operations() {
            for fate in [Fate::Forget, Fate::Chance(k as u64)] {
                let again = after.rewind(k).crash(fate);
                let fourth = open(small(), &world_on(again, 44), Writer::Task).unwrap();
                assert_eq!(contents(&fourth).await, before, "taking over, operation {k}, {fate:?}");
                assert_eq!(fourth.view.suspended().len(), 1, "taking over, operation {k}, {fate:?}");
                assert!(fourth.report.damaged.is_empty(), "{k}: {:?}", fourth.report.damaged);
            }
        }
    });
}

#[test]
fn suspensions_of_a_dead_writer_without_letters_are_kept() {
    story(async {
        let disk = SimDisk::new();
        let first = open_small(&disk);
        let second = open(small(), &world_on(disk.clone(), 22), Writer::Task).unwrap();
        first.dispatch.suspend(Selector::Grant("x".into())).await.unwrap();
        second.dispatch.suspend(Selector::Grant("y".into())).await.unwrap();
        let third = open_small(&disk.crash(Fate::Forget));
        assert_eq!(third.view.suspended().len(), 2);
        let after = disk.crash(Fate::Forget);
        drop(open(small(), &world_on(after.clone(), 33), Writer::Task).unwrap());
        let fourth = open_small(&after.crash(Fate::Forget));
        assert_eq!(fourth.view.suspended().len(), 2);
    });
}

/// Enough passing mail for several checkpoints.
async fn pass(spool: &Opened) {
    for seed in 0..40 {
        send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(seed, 1500)).await;
        settle_all(spool, |_| false).await;
    }
}

#[test]
fn a_checkpoint_that_failed_leaves_none_behind_that_nobody_keeps_segments_for() {
    story(async {
        for nth in 0..60 {
            let disk = SimDisk::new();
            let spool = open_small(&disk);
            pass(&spool).await;
            disk.fail(Kind::Sync, nth, Fault::Io);
            pass(&spool).await;
            let kept = files(&disk, ".checkpoint");
            assert_eq!(kept.len(), 2, "sync {nth} failed: {kept:?}");
        }
    });
}

#[test]
fn a_checkpoint_that_fails_is_not_tried_again_with_every_batch() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        // No segment is begun meanwhile, which takes a rename as well.
        let roomy = Config {
            segment_octets: 1 << 20,
            ..small()
        };
        let spool = open_with(&disk, roomy);
        for nth in 0..200 {
            disk.fail(Kind::Rename, nth, Fault::Io);
        }
        let before = disk.count(Kind::Rename);
        for _ in 0..3 {
            pass(&spool).await;
        }
        let tries = disk.count(Kind::Rename) - before;
        assert!((1..10).contains(&tries), "{tries} tries");
        let said = ear.names();
        assert!(said.contains(&"spool.no_checkpoint".to_owned()), "{said:?}");
    });
}

#[test]
fn a_crash_during_a_checkpoint_leaves_none_behind_that_nobody_keeps_segments_for() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        pass(&spool).await;
        for k in (0..=disk.operations()).rev().take(60) {
            let after = disk.rewind(k).crash(Fate::Keep);
            pass(&open_small(&after)).await;
            let kept = files(&after, ".checkpoint");
            assert_eq!(kept.len(), 2, "operation {k}: {kept:?}");
        }
    });
}

#[test]
fn segments_that_are_mostly_dead_are_emptied_and_deleted() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        for round in 0..12 {
            for seed in 0..10 {
                send(
                    &spool.intake,
                    "a@example.edu",
                    &["b@example.org"],
                    &octets(round * 10 + seed, 1500),
                )
                .await;
            }
            settle_all(&spool, |at| at == 0).await;
        }
        let kept = contents(&spool).await;
        assert!(!kept.is_empty());
        spool.closer.close().await;
        let octets: usize = files(&disk, ".segment")
            .iter()
            .map(|path| disk.contents(path).unwrap().len())
            .sum();
        assert!(octets < 100_000, "{octets} octets of log for {} letters", kept.len());
        let spool = open_small(&disk.crash(Fate::Forget));
        assert_eq!(contents(&spool).await, kept);
        assert!(spool.report.damaged.is_empty());
    });
}

#[test]
fn a_letter_that_cannot_be_read_when_it_is_to_be_moved_is_not_damaged_and_is_delivered() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        (0..3).for_each(|nth| disk.fail(Kind::Read, nth, Fault::Io));
        for round in 0..12 {
            for seed in 0..10 {
                let letter = octets(round * 10 + seed, 1500);
                send(&spool.intake, "a@example.edu", &["b@example.org"], &letter).await;
            }
            settle_all(&spool, |at| at == 0).await;
        }
        assert!(disk.count(Kind::Read) >= 3, "nothing was moved, so nothing was shown");
        assert!(spool.view.damaged().is_empty());
        let waiting = spool.view.list(&Filter::default(), usize::MAX).len();
        assert!(waiting > 0);
        assert_eq!(contents(&spool).await.len(), waiting, "all of it is handed out");
    });
}

#[test]
fn letters_that_stay_long_leave_the_fresh_segments() {
    story(async {
        let disk = SimDisk::new();
        let config = Config {
            cold_after: Duration::from_secs(10),
            ..small()
        };
        let spool = open_with(&disk, config.clone());
        for seed in 0..8 {
            send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(seed, 1500)).await;
        }
        settle_all(&spool, |at| at % 2 == 0).await;
        let staying = contents(&spool).await;
        let old = files(&disk, ".segment");
        // An hour goes by; the writer looks after its log when it is idle.
        rest(Duration::from_secs(3600)).await;
        for _ in 0..3 {
            send(&spool.intake, "a@example.edu", &["b@example.org"], b"wake").await;
            rest(Duration::from_secs(100)).await;
        }
        let now_there = files(&disk, ".segment");
        assert!(
            old.iter().filter(|path| now_there.contains(path)).count() < old.len(),
            "{old:?} {now_there:?}"
        );
        let spool = open_with(&disk.crash(Fate::Forget), config);
        let there = contents(&spool).await;
        assert!(staying.iter().all(|(id, whole)| there.get(id) == Some(whole)));
    });
}

#[test]
fn a_closed_spool_says_so() {
    story(async {
        let spool = open_small(&SimDisk::new());
        spool.closer.close().await;
        let letter = letter(spool.intake.new_id(), "a@example.edu", &["b@example.org"]);
        assert_eq!(commit(&spool.intake, letter, b"x").await, Err(CommitError::Closed));
        assert!(spool.view.list(&Filter::default(), 1).is_empty());
    });
}

#[test]
fn a_very_large_message_streams_through_a_real_disk_and_a_writer_thread() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = world::World::real();
        let config = Config {
            keep_free_octets: 0,
            ..Config::new(folder.path().join("spool"))
        };
        let spool = open(config.clone(), &world, Writer::Thread).unwrap();
        let block = Bytes::from(octets(1, 1 << 20));
        let id = spool.intake.new_id();
        let mut draft = spool.intake.begin();
        for _ in 0..150 {
            draft.append(block.clone()).await.unwrap();
        }
        spool
            .intake
            .commit(draft, letter(id, "a@example.edu", &["b@example.org"]))
            .await
            .unwrap();
        spool.closer.close().await;
        let spool = open(config, &world, Writer::Thread).unwrap();
        let lease = spool.dispatch.lease(spool_now(&world), 1).remove(0);
        let mut body = spool.dispatch.open(&lease).await.unwrap();
        let expected = body.octets();
        let (mut octets, mut largest) = (0, 0);
        while let Some(piece) = body.chunk().await.unwrap() {
            octets += piece.len() as u64;
            largest = largest.max(piece.len());
        }
        assert_eq!(octets, expected);
        assert!(largest <= 64 << 10, "memory does not grow with the message");
        spool.closer.close().await;
    });
}

fn spool_now(world: &world::World) -> Timestamp {
    Timestamp(world.clock.wall())
}
