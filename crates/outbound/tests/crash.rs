//! The power goes after each single operation of the disk while a failure is told and settled. Nothing is lost, and what
//! is told twice can be recognised.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use house::*;
use mail::MessageId;
use spool::{Outcome, State};
use world::World;
use world::sim::disk::{Fate, SimDisk};

/// The sender's own host: writes down each notice, and how far the disk was when it had taken it.
#[derive(Clone)]
struct Mailroom {
    peer: Peer,
    taken_at: Arc<Mutex<Vec<usize>>>,
}

impl Mailroom {
    async fn open(world: &World, disk: &SimDisk) -> Self {
        let taken_at = Arc::<Mutex<Vec<usize>>>::default();
        let (taken, disk) = (taken_at.clone(), disk.clone());
        let peer = Peer::answering(move |_, line| {
            if line == "." {
                taken.lock().unwrap().push(disk.operations());
            }
            None
        });
        peer.listen(world, INSIDE).await;
        refusing().listen(world, MX1).await;
        Self { peer, taken_at }
    }

    /// Message-IDs of the notices that were taken before this operation of the disk.
    fn ids_before(&self, operation: usize) -> Vec<String> {
        let taken_at = self.taken_at.lock().unwrap().clone();
        let letters = self.peer.letters();
        let both = letters.iter().zip(taken_at);
        both.filter(|(_, at)| *at <= operation)
            .map(|(letter, _)| message_id(&letter.body))
            .collect()
    }
}

fn refusing() -> Peer {
    Peer::answering(|_, line| line.starts_with("RCPT").then(|| "550 5.1.1 No such user here".into()))
}

fn message_id(body: &str) -> String {
    let line = body.lines().find(|line| line.starts_with("Message-ID:"));
    line.unwrap().to_owned()
}

/// A run without any trouble: the letter, the disk, which of its operations were done when the letter was acknowledged
/// and when all was over, and who was told.
async fn undisturbed() -> (MessageId, SimDisk, RangeInclusive<usize>, Mailroom) {
    let house = House::usual().await;
    // Otherwise all is over before the test hears that the letter is kept.
    house.handles.net.set_latency(Duration::from_millis(10));
    let disk = house.handles.disk.clone();
    let mailroom = Mailroom::open(&house.world, &disk).await;
    let id = house.send(&["gone@example.org"]).await;
    let acknowledged = disk.operations();
    house.pass(MINUTE).await;
    assert_eq!(mailroom.peer.letters().len(), 1);
    let over = disk.operations();
    house.close().await;
    (id, disk, acknowledged..=over, mailroom)
}

/// A gate that starts on what the power cut left; the notices it delivers, and what became of the letter.
async fn afterwards(id: MessageId, disk: SimDisk) -> (Vec<String>, State) {
    // Another seed: a machine that starts again does not throw the same dice.
    let (world, handles) = world::sim::world(8);
    let world = World {
        disk: Arc::new(disk.clone()),
        ..world
    };
    let house = House::open_in(world, handles, usual_config(), usual_dns()).await;
    let mailroom = Mailroom::open(&house.world, &disk).await;
    house.pass(HOUR).await;
    let state = house.state(id).await;
    house.close().await;
    (mailroom.ids_before(usize::MAX), state)
}

#[tokio::test(start_paused = true)]
async fn wherever_the_power_goes_the_failure_is_told_and_a_second_telling_has_the_same_message_id() {
    let (id, disk, operations, mailroom) = undisturbed().await;
    let mut told_twice = 0;
    for operation in operations.clone() {
        for fate in [Fate::Forget, Fate::Keep] {
            let left = disk.rewind(operation).crash(fate);
            let (after, state) = afterwards(id, left).await;
            let place = format!("after operation {operation} of {operations:?}, {fate:?}");
            assert!(
                matches!(&state, State::Done { outcome, .. } if *outcome == Outcome::Failed),
                "{place}: {state:?}"
            );
            let told: Vec<String> = mailroom.ids_before(operation).into_iter().chain(after).collect();
            assert!(!told.is_empty(), "{place}: nobody was told");
            let different: BTreeSet<&String> = told.iter().collect();
            assert_eq!(different.len(), 1, "{place}: {told:?}");
            told_twice += usize::from(told.len() > 1);
        }
    }
    assert!(
        told_twice > 0,
        "the moment between notice and settlement was among them"
    );
}
