//! Refusals that are told of together: found by whatever is known of them, and counted where they are left out.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod house;

use std::path::Path;

use house::{DIR, House, refused};
use ledger::{Config, Event, Key, Reader, RefusedMany, Writer, index, open};
use mail::{EventId, SessionId, Timestamp};
use world::sim::disk::{Fault, Kind};

/// Twenty refusals of an IPv6 network: five ids are kept, two of them whole.
fn many(from: u64) -> Event {
    let samples = (from..from + 2).map(|number| match refused(number) {
        Event::Refused(mut one) => {
            one.origin.client = format!("2001:db8::{number}").parse().unwrap();
            *one
        }
        other => panic!("{other:?}"),
    });
    Event::RefusedMany(Box::new(RefusedMany {
        source: Some("2001:db8::".parse().unwrap()),
        reason: "no-grant".into(),
        times: 20,
        sessions: 4,
        first: Timestamp(1000),
        last: Timestamp(2000),
        ids: (from..from + 5).map(EventId::new).collect(),
        samples: samples.collect(),
    }))
}

#[tokio::test(start_paused = true)]
async fn refusals_told_of_together_are_found_by_what_is_kept_of_each_with_the_index_and_without() {
    let house = House::new();
    let config = Config {
        file_octets: 1,
        ..Config::new(DIR)
    };
    let opening = open(config, &house.world, Writer::Task).unwrap();
    for from in [10, 20] {
        opening.ledger.record(many(from)).await;
        opening.ledger.flush().await;
    }
    opening.closer.close().await.unwrap();
    let reader = Reader::new(house.world.disk.clone(), DIR);
    let found = || {
        let keys = [
            Key::Source("2001:db8::".parse().unwrap()),
            Key::Source("2001:db8::11".parse().unwrap()),
            Key::Source("2001:db8::14".parse().unwrap()),
            Key::Event(EventId::new(24)),
            Key::Event(EventId::new(25)),
            Key::Session(SessionId::new(20)),
            Key::Grant("copier-3f".into()),
            Key::Address("bob@gmail.example".into()),
        ];
        keys.map(|key| reader.events_of(&key).unwrap().len())
    };
    let expected = [2, 1, 0, 1, 0, 1, 2, 2];
    assert_eq!(found(), expected);
    assert!(index(&house.disk, Path::new(DIR)).unwrap().built > 0);
    assert_eq!(found(), expected);
    let lines = reader.last_of(&Key::Event(EventId::new(14)), 1).unwrap();
    assert_eq!(lines[0].event, many(10), "and reads back as it was");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_counted_with_all_that_it_tells_of() {
    let house = House::new();
    let config = Config {
        queue: 2,
        ..Config::new(DIR)
    };
    let opening = open(config, &house.world, Writer::Task).unwrap();
    house.disk.fail(Kind::Write, 0, Fault::NoSpace);
    for from in [10, 20, 30, 40] {
        opening.ledger.note_at(Timestamp(1), many(from));
    }
    assert_eq!(
        opening.ledger.status().dropped,
        40,
        "two of them, of twenty refusals each"
    );
    opening.closer.close().await.unwrap();
    let reader = Reader::new(house.world.disk.clone(), DIR);
    let mut told = 0;
    let count = |line: &ledger::Line, _| match &line.event {
        Event::Dropped(dropped) => told += dropped.refusals(),
        event => told += event.refusals(),
    };
    reader.each_since(Timestamp(0), count).unwrap();
    assert_eq!(told, 80, "nothing is passed over in silence");
}
