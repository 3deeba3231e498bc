//! A writer dies and another one, which is at work beside it, takes over what it left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use common::*;
use mail::{MessageId, Timestamp};
use spool::{OpenError, Opened, Outcome, Selector, Settlement, State, Writer, open};
use tokio::runtime::Runtime;
use world::sim::disk::{Fate, Fault, Kind, SimDisk};
use world::{Disk, OpenMode};

/// A process of its own: what runs in it stops in mid-air when it is killed.
struct Process(Option<Runtime>);

impl Process {
    fn new() -> Self {
        Self(Some(
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap(),
        ))
    }

    fn run<T>(&self, tale: impl Future<Output = T>) -> T {
        self.0.as_ref().unwrap().block_on(tale)
    }

    /// What it wrote is there, synced or not; what it held is free.
    fn kill(mut self, spool: Opened) {
        drop(self.0.take());
        drop(spool);
    }

    fn open(&self, disk: &SimDisk, seed: u64) -> Opened {
        self.run(async { open(small(), &world_on(disk.clone(), seed), Writer::Task).unwrap() })
    }
}

/// Letters of all sizes, some with a file of their own.
async fn send_some(spool: &Opened, seed: usize) {
    for (at, len) in [500, 20_000, 900, 9000, 2500].into_iter().enumerate() {
        send(
            &spool.intake,
            "a@example.edu",
            &["b@example.org"],
            &octets(seed + at, len),
        )
        .await;
    }
}

/// When everything is due that does not rest for ever.
fn later() -> Timestamp {
    now().plus(Duration::from_secs(3600))
}

/// Enough of a letter to know it by.
type Print = (usize, u64);

fn print(octets: &[u8]) -> Print {
    let hash = octets
        .iter()
        .fold(0, |hash: u64, octet| hash.rotate_left(9) ^ hash ^ u64::from(*octet));
    (octets.len(), hash)
}

type Letters = BTreeMap<MessageId, Print>;

async fn contents(spool: &Opened) -> Letters {
    let mut all = BTreeMap::new();
    for lease in spool.dispatch.lease(later(), usize::MAX) {
        let body = spool.dispatch.open(&lease).await.unwrap();
        all.insert(lease.id, print(&read(body).await.unwrap()));
        spool.dispatch.put_back(lease, Timestamp(0));
    }
    all
}

/// A spool at work, the one beside it just killed, and what both of them hold.
fn bereaved(disk: &SimDisk) -> (Process, Opened, Letters) {
    let (dying, living) = (Process::new(), Process::new());
    let first = dying.open(disk, 1);
    let mut all = dying.run(async {
        send_some(&first, 0).await;
        first.dispatch.suspend(Selector::Grant("known".into())).await.unwrap();
        first.dispatch.suspend(Selector::Grant("new".into())).await.unwrap();
        contents(&first).await
    });
    let second = living.open(disk, 22);
    living.run(async {
        send_some(&second, 10).await;
        all.extend(contents(&second).await);
        assert!(second.adopter.find().await.is_empty(), "the living are left alone");
    });
    dying.kill(first);
    assert_eq!(all.len(), 10);
    (living, second, all)
}

async fn take_all(spool: &Opened) -> Result<u64, OpenError> {
    let mut messages = 0;
    for orphaned in spool.adopter.find().await {
        messages += spool.adopter.take(orphaned?).await?.messages;
    }
    Ok(messages)
}

fn is_empty_but_for_locks(disk: &SimDisk, writer_of: &Path) -> bool {
    let writer = writer_of.file_name().unwrap().to_string_lossy()[..8].to_owned();
    let left: Vec<_> = disk
        .names()
        .into_iter()
        .filter(|name| name.file_name().unwrap().to_string_lossy().starts_with(&writer))
        .collect();
    left.len() == 1 && left[0].extension().unwrap() == "lock"
}

#[test]
fn a_writer_that_dies_is_taken_over_by_one_that_lives() {
    let disk = SimDisk::new();
    let first_lock = {
        let probe = Process::new();
        let alone = SimDisk::new();
        let spool = probe.open(&alone, 1);
        let lock = files(&alone, ".lock").remove(0);
        probe.kill(spool);
        lock
    };
    let (living, second, all) = bereaved(&disk);
    living.run(async {
        second.adopter.know_suspensions([Selector::Grant("known".into())]);
        let mut found = second.adopter.find().await;
        assert_eq!(found.len(), 1);
        let orphaned = found.remove(0).unwrap();
        assert_eq!((orphaned.messages(), orphaned.testimony().len()), (5, 5));
        assert!(second.adopter.find().await.is_empty(), "one at a time");
        drop(orphaned);

        assert_eq!(take_all(&second).await.unwrap(), 5);
        assert_eq!(contents(&second).await, all);
        assert_eq!(second.view.suspended(), [Selector::Grant("new".into())]);
        assert!(second.view.damaged().is_empty());
        assert!(is_empty_but_for_locks(&disk, &first_lock), "{:?}", disk.names());
        assert!(second.adopter.find().await.is_empty());
        // New letters, and another start, find everything in order.
        send_some(&second, 20).await;
        assert_eq!(contents(&second).await.len(), 15);
    });
    living.kill(second);
    let third = Process::new();
    let spool = third.open(&disk, 3);
    assert_eq!(third.run(contents(&spool)).len(), 15);
}

#[test]
fn the_power_may_go_at_every_step_of_taking_over() {
    let disk = SimDisk::new();
    let (living, second, all) = bereaved(&disk);
    let begun = disk.operations();
    // Beside the taking over, what is handed out is delivered: with what is on disk when each end is durable.
    let (asked, ended) = living.run(async {
        let delivering = async {
            let (mut asked, mut ended) = (BTreeMap::new(), BTreeMap::new());
            while ended.len() < all.len() {
                for lease in second.dispatch.lease(later(), 1) {
                    asked.insert(lease.id, disk.operations());
                    let body = second.dispatch.open(&lease).await.unwrap();
                    assert_eq!(print(&read(body).await.unwrap()), all[&lease.id]);
                    let state = State::Done {
                        outcome: Outcome::Delivered,
                        at: now(),
                    };
                    second
                        .dispatch
                        .settle(&lease, vec![Settlement::new(0, state)])
                        .await
                        .unwrap();
                    ended.insert(lease.id, disk.operations());
                }
                tokio::task::yield_now().await;
            }
            (asked, ended)
        };
        let (taken, times) = tokio::join!(take_all(&second), delivering);
        assert_eq!(taken.unwrap(), 5);
        times
    });
    for k in begun..=disk.operations() {
        for fate in [Fate::Forget, Fate::Keep, Fate::Chance(k as u64)] {
            let after = disk.rewind(k).crash(fate);
            let process = Process::new();
            let spool = process.open(&after, 44);
            let found = process.run(contents(&spool));
            for (id, print) in &all {
                match found.get(id) {
                    Some(found) => assert_eq!(found, print, "{k}, {fate:?}: {id}"),
                    None => assert!(asked[id] <= k, "{k}, {fate:?}: {id} is lost"),
                }
                let over = ended[id] <= k;
                assert!(
                    !over || !found.contains_key(id),
                    "{k}, {fate:?}: {id} was delivered and is back"
                );
            }
            assert!(
                spool.report.damaged.is_empty(),
                "{k}, {fate:?}: {:?}",
                spool.report.damaged
            );
        }
    }
}

#[test]
fn a_start_that_takes_over_may_be_cut_off_anywhere_too() {
    let disk = SimDisk::new();
    let (living, second, all) = bereaved(&disk);
    living.kill(second);
    let begun = disk.operations();
    let third = Process::new();
    let spool = third.open(&disk, 3);
    third.kill(spool);
    for k in begun..=disk.operations() {
        for fate in [Fate::Forget, Fate::Keep, Fate::Chance(k as u64)] {
            let after = disk.rewind(k).crash(fate);
            let process = Process::new();
            let spool = process.open(&after, 44);
            assert_eq!(process.run(contents(&spool)), all, "{k}, {fate:?}");
        }
    }
}

/// Delivers what is due, as far as the disk allows.
async fn deliver(spool: &Opened) -> Vec<(MessageId, Print)> {
    let mut delivered = Vec::new();
    for lease in spool.dispatch.lease(later(), usize::MAX) {
        let whole = match spool.dispatch.open(&lease).await {
            Ok(body) => read(body).await,
            Err(error) => Err(error),
        };
        let Ok(octets) = whole else { continue };
        let state = State::Done {
            outcome: Outcome::Delivered,
            at: now(),
        };
        let settled = spool.dispatch.settle(&lease, vec![Settlement::new(0, state)]).await;
        if settled.is_ok() {
            delivered.push((lease.id, print(&octets)));
        }
    }
    delivered
}

#[test]
fn a_disk_that_refuses_delays_the_taking_over_and_repeats_nothing() {
    for kind in [
        Kind::Write,
        Kind::Sync,
        Kind::Rename,
        Kind::SyncDir,
        Kind::Remove,
        Kind::Read,
    ] {
        let mut failed = 0;
        for nth in 0..12 {
            let disk = SimDisk::new();
            let (living, second, all) = bereaved(&disk);
            living.run(async {
                // What cannot be written is tried once more at once: three in a row fail both.
                (nth..nth + 3).for_each(|nth| disk.fail(kind, nth, Fault::Io));
                let mut delivered = Letters::new();
                for _ in 0..5 {
                    failed += usize::from(take_all(&second).await.is_err());
                    for (id, print) in deliver(&second).await {
                        assert!(delivered.insert(id, print).is_none(), "{kind:?} {nth}: {id} came twice");
                    }
                }
                let left: Vec<_> = second.view.list(&spool::Filter::default(), 10);
                assert_eq!(delivered, all, "{kind:?} {nth}: {left:?}");
                assert_eq!(second.view.damaged(), [], "{kind:?} {nth}");
            });
        }
        assert!(failed > 0, "no {kind:?} failed while taking over");
    }
}

#[test]
fn a_living_writer_of_another_format_is_a_refusal_before_anything_is_done() {
    let disk = SimDisk::new();
    let newer = Process::new();
    let spool = newer.open(&disk, 1);
    let segment = files(&disk, ".segment").remove(0);
    let file = disk.open(&segment, OpenMode::ReadWrite).unwrap();
    file.write_at(8, &[&99u32.to_le_bytes()]).unwrap();
    let before = disk.names();
    let older = Process::new();
    let refused = older.run(async { open(small(), &world_on(disk.clone(), 2), Writer::Task).err().unwrap() });
    assert!(
        matches!(refused, OpenError::UnknownVersion { version: 99, .. }),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("a newer programme wrote it; start that one"),
        "{refused}"
    );
    assert_eq!(disk.names(), before);
    drop(spool);
}

#[test]
fn a_taking_over_that_was_cut_off_is_finished_whoever_the_next_start_goes_on_as() {
    let disk = SimDisk::new();
    // Enough that the one who dies has a checkpoint and many segments, and as whom the next start would go on.
    let (dying, living) = (Process::new(), Process::new());
    let first = dying.open(&disk, 1);
    let mut all = dying.run(async {
        for seed in 0..8 {
            send_some(&first, seed).await;
        }
        contents(&first).await
    });
    let second = living.open(&disk, 22);
    living.run(async {
        send_some(&second, 10).await;
        all.extend(contents(&second).await);
    });
    dying.kill(first);
    assert!(!files(&disk, ".checkpoint").is_empty() && all.len() == 45);
    let begun = disk.operations();
    living.run(async { assert_eq!(take_all(&second).await.unwrap(), 40) });
    for k in begun..=disk.operations() {
        for fate in [Fate::Forget, Fate::Keep, Fate::Chance(k as u64)] {
            let after = disk.rewind(k).crash(fate);
            let process = Process::new();
            let spool = process.open(&after, 44);
            assert_eq!(process.run(contents(&spool)), all, "{k}, {fate:?}");
            assert!(
                spool.report.damaged.is_empty(),
                "{k}, {fate:?}: {:?}",
                spool.report.damaged
            );
            assert!(files(&after, ".taken").is_empty());
        }
    }
}
