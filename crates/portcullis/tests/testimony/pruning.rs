//! What is older than it is to be kept is removed by the gate, with a record, and whoever asks for it is told.

use std::path::Path;
use std::sync::Arc;

use ledger::{Attempt, Config, Event, Writer};
use mail::MessageId;
use serde_json::Value;
use world::sim::{SeedRng, SimClock, SimNet};
use world::{OsDisk, World};

use crate::gate::{House, text};

const DAY_MS: i64 = 86_400_000;

/// Writes a ledger as gates did so many days ago, one delivery each.
pub fn write_ledger(dir: &Path, days: &[u32]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let now = World::real().clock.wall();
    for (number, days) in days.iter().enumerate() {
        runtime.block_on(async {
            let world = World {
                clock: Arc::new(SimClock::new(now - i64::from(*days) * DAY_MS)),
                rng: Arc::new(SeedRng::new(1)),
                net: Arc::new(SimNet::new()),
                disk: Arc::new(OsDisk),
            };
            let opening = ledger::open(Config::new(dir), &world, Writer::Task).unwrap();
            opening.ledger.record(delivered(number as u64)).await;
            opening.closer.close().await.unwrap();
        });
    }
}

fn delivered(number: u64) -> Event {
    Event::Delivered(Box::new(Attempt {
        message: MessageId::new(number),
        attempt: None,
        rcpt: format!("user{number}@example.edu").into(),
        host: "mail.example.edu".into(),
        ip: None,
        tls: None,
        enhanced: None,
        text: "250 ok".into(),
        took_ms: 1,
    }))
}

#[test]
fn a_gate_removes_what_is_old_and_whoever_asks_for_it_is_told() {
    let house = House::new(&text("keep = \"12 months\"\n"));
    let dir = house.dir.path().join("ledger");
    std::fs::create_dir(&dir).unwrap();
    write_ledger(&dir, &[400, 390, 300, 1]);
    let gate = house.start();
    gate.event("ledger.pruned");
    let told = house.ask(&["ledger", "verify"]);
    assert_eq!(told["broken"], Value::Array(vec![]), "{told:#}");
    let pruned = &told["pruned"][0];
    assert_eq!(
        (&pruned["first"], &pruned["last"], &pruned["files"]),
        (&0.into(), &3.into(), &2.into())
    );
    let told = String::from_utf8(house.command(&["ledger", "verify"]).stdout).unwrap();
    assert!(
        told.contains("pruned  gate: lines 0 to 3 of ") && told.ends_with("Every link holds.\n"),
        "{told}"
    );

    let id = |number| MessageId::new(number).to_string();
    let traced = house.command(&["trace", &id(0)]);
    let told = String::from_utf8(traced.stderr).unwrap();
    assert!(
        traced.status.code() == Some(1) && told.contains("is no longer kept (12 months)"),
        "{told}"
    );
    let told = String::from_utf8(house.command(&["trace", &id(2)]).stdout).unwrap();
    assert!(
        told.contains("There may have been more: what was recorded before "),
        "{told}"
    );
    let told = String::from_utf8(house.command(&["why", "user0@example.edu"]).stderr).unwrap();
    assert!(told.contains("is no longer kept (12 months)"), "{told}");
    let told = String::from_utf8(house.command(&["why", "user3@example.edu"]).stdout).unwrap();
    assert!(told.contains("There may have been more"), "{told}");
    gate.stop();
    let told = house.ask(&["replay", "--since", "366d"]);
    assert!(told["kept"].as_str().unwrap().contains("12 months"), "{told:#}");
    let told = house.ask(&["replay", "--since", "7d"]);
    assert_eq!(told["kept"], Value::Null);
}

#[test]
fn a_clock_that_may_be_wrong_removes_nothing() {
    let house = House::new(&text(""));
    let dir = house.dir.path().join("ledger");
    std::fs::create_dir(&dir).unwrap();
    write_ledger(&dir, &[400, 390]);
    let gate = house.start();
    let said = gate.event("ledger.not_pruned").to_string();
    assert!(said.contains("nothing old is removed for a week"), "{said}");
    gate.stop();
    assert_eq!(house.ask(&["ledger", "verify"])["pruned"], Value::Array(vec![]));
}
