//! A line is free before its message is settled, and what was delivered waits for a disk that does not take it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use house::*;
use mail::MessageId;
use outbound::{Concurrency, Config};
use spool::{Outcome, State};
use world::World;
use world::sim::disk::{Fate, Fault, Kind, SimDisk};

/// Letters of these stories.
const LETTERS: usize = 4;
/// Syncs that fail: each settlement tries two, one of them in a fresh segment.
const FAILURES: u64 = 30;

/// One line to each destination.
fn one_at_a_time() -> Config {
    let mut config = usual_config();
    config.concurrency = Concurrency {
        first: 1,
        most: 1,
        ..Concurrency::default()
    };
    config
}

fn recipient(number: usize) -> String {
    format!("r{number}@example.org")
}

/// How far the disk was when the peer had taken each of its letters.
type TakenAt = Arc<Mutex<Vec<usize>>>;

fn noting(disk: SimDisk) -> (Peer, TakenAt) {
    let taken_at = TakenAt::default();
    let taken = taken_at.clone();
    let peer = Peer::answering(move |_, line| {
        if line == "." {
            taken.lock().unwrap().push(disk.operations());
        }
        None
    });
    (peer, taken_at)
}

fn times(letters: &[Got], number: usize) -> usize {
    let wanted = recipient(number);
    letters.iter().filter(|letter| letter.to[0].contains(&wanted)).count()
}

/// Four letters are accepted, then the disk takes nothing for a while.
async fn a_disk_that_refuses() -> (House, Peer, Vec<MessageId>, TakenAt) {
    let house = House::open(one_at_a_time(), usual_dns()).await;
    house.handles.net.set_latency(Duration::from_millis(10));
    let (peer, taken_at) = noting(house.handles.disk.clone());
    peer.listen(&house.world, MX1).await;
    let mut ids = Vec::new();
    for number in 0..LETTERS {
        ids.push(house.send(&[&recipient(number)]).await);
    }
    for nth in 0..FAILURES {
        house.handles.disk.fail(Kind::Sync, nth, Fault::Io);
    }
    (house, peer, ids, taken_at)
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_not_delivered_again_because_the_disk_does_not_take_it() {
    let (house, peer, ids, _) = a_disk_that_refuses().await;
    house.pass(Duration::from_secs(2)).await;
    // The one line has carried all of them, though none is settled.
    assert_eq!((peer.letters().len(), peer.notes().connections.len()), (LETTERS, 1));
    assert_eq!(house.events.count("delivered"), 0, "nothing is told before it is true");
    assert_eq!(house.events.count("trouble"), LETTERS);
    house.pass(HOUR).await;
    assert_eq!(peer.letters().len(), LETTERS, "none went twice");
    assert_eq!(house.events.count("delivered"), LETTERS);
    assert_eq!(house.events.count("trouble"), LETTERS, "told once for each");
    for id in ids {
        let state = house.state(id).await;
        assert!(
            matches!(
                &state,
                State::Done {
                    outcome: Outcome::Delivered,
                    ..
                }
            ),
            "{state:?}"
        );
    }
    house.close().await;
}

/// A gate that starts on what the power cut left, and what its peer gets of it.
async fn afterwards(disk: SimDisk) -> Peer {
    let (world, handles) = world::sim::world(8);
    let world = World {
        disk: Arc::new(disk),
        ..world
    };
    let house = House::open_in(world, handles, one_at_a_time(), usual_dns()).await;
    let peer = Peer::usual();
    peer.listen(&house.world, MX1).await;
    house.pass(HOUR).await;
    house.close().await;
    peer
}

#[tokio::test(start_paused = true)]
async fn wherever_the_power_goes_between_delivery_and_settlement_each_letter_goes_once_or_twice() {
    let (house, peer, _, taken_at) = a_disk_that_refuses().await;
    let disk = house.handles.disk.clone();
    let accepted = disk.operations();
    house.pass(HOUR).await;
    let over = disk.operations();
    house.close().await;
    let letters = peer.letters();
    let taken_at = taken_at.lock().unwrap().clone();
    let mut repeated_most = 0;
    for operation in accepted..=over {
        let before = taken_at.iter().filter(|at| **at <= operation).count();
        for fate in [Fate::Forget, Fate::Keep] {
            let after = afterwards(disk.rewind(operation).crash(fate)).await.letters();
            let both: Vec<Got> = letters.iter().take(before).chain(&after).cloned().collect();
            for number in 0..LETTERS {
                let times = times(&both, number);
                assert!((1..=2).contains(&times), "after operation {operation}: {times} times");
            }
            repeated_most = repeated_most.max(both.len() - LETTERS);
        }
    }
    assert_eq!(
        repeated_most, LETTERS,
        "the moment before the first settlement was among them"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_told_to_end_does_not_wait_for_the_disk_for_ever() {
    let (house, peer, _, _) = a_disk_that_refuses().await;
    for nth in 0..1000 {
        house.handles.disk.fail(Kind::Sync, nth, Fault::Io);
    }
    house.pass(Duration::from_secs(2)).await;
    assert_eq!(peer.letters().len(), LETTERS);
    let began = house.world.clock.monotonic();
    let clock = house.world.clock.clone();
    house.close().await;
    assert!(clock.monotonic() - began <= usual_config().grace + Duration::from_secs(1));
}
