//! A flood of refusals over real sockets: each is counted, and the ledger stays short.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use gateway_house::{Client, House, Peer, Running};
use ledger::{Event, Line, Reader};
use mail::Timestamp;
use portcullis::control::Asked;
use std::sync::Arc;
use world::OsDisk;

/// Recipients that one session tries.
const TRIED: usize = 2000;
/// Of these, in one go.
const AT_ONCE: usize = 50;
/// Sessions of another source, one refusal each.
const SESSIONS: usize = 150;
/// Records of one source in a minute: those of sessions, and one for the rest.
const OF_SOURCE: usize = 21;

/// A gate that lets strangers go on trying.
async fn patient() -> (House, Running) {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    let limits = "[limits]\nbad_recipients_per_hour = 1000000\nerrors_soft = 999999\nerrors_hard = 1000000\n\
        sessions_per_minute = 100000\nmessages_per_minute = 100000\nmessages_per_minute_unknown = 100000\n";
    house.write(&(house.text() + limits));
    let running = house.start().await;
    (house, running)
}

/// One session that tries many recipients and leaves.
async fn tries_many(running: &Running) {
    let mut client = Client::connect(running.address("mx"), "127.0.0.8").await;
    client.expect("220").await;
    client.ask("EHLO harvester.example", "250").await;
    client.ask("MAIL FROM:<eve@bulk.example>", "250").await;
    for batch in 0..TRIED / AT_ONCE {
        let commands: String = (0..AT_ONCE)
            .map(|one| format!("RCPT TO:<r{batch}.{one}@elsewhere.example>\r\n"))
            .collect();
        client.say(commands.as_bytes()).await;
        for _ in 0..AT_ONCE {
            client.expect("55").await;
        }
    }
    client.ask("QUIT", "221").await;
}

/// Many sessions, one refusal each.
async fn come_often(running: &Running) {
    for _ in 0..SESSIONS {
        let mut client = Client::connect(running.address("devices"), "127.0.0.9").await;
        client.expect("220").await;
        client.ask("EHLO device.example", "250").await;
        client.ask("MAIL FROM:<x@example.edu>", "5").await;
        client.ask("QUIT", "221").await;
    }
}

fn refusals(lines: &[Line], reason: &str) -> (usize, u64) {
    let about = lines.iter().filter(|line| match &line.event {
        Event::Refused(one) => one.reason.as_str() == reason,
        Event::RefusedMany(many) => many.reason.as_str() == reason,
        _ => false,
    });
    let counts: Vec<u64> = about.map(|line| line.event.refusals()).collect();
    (counts.len(), counts.iter().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refusals_is_counted_to_the_last_one_and_leaves_a_short_ledger() {
    let (house, running) = patient().await;
    tries_many(&running).await;
    come_often(&running).await;

    // The log has each of them, the help desk hears how many there were.
    running.logs("relay.deny", TRIED + SESSIONS).await;
    let why = Asked::Why {
        about: "127.0.0.9".to_owned(),
        last: None,
    };
    let told = running.ask(why).await.unwrap().done;
    let often = |one: &serde_json::Value| {
        one["more"]
            .as_str()
            .is_some_and(|more| more.contains(" more like this"))
    };
    assert!(told["decisions"].as_array().unwrap().iter().any(often), "{told:#}");

    running.stop().await;
    let reader = Reader::new(Arc::new(OsDisk), house.dir.path().join("ledger"));
    let mut lines = Vec::new();
    reader
        .each_since(Timestamp(0), |line, _| lines.push(line.clone()))
        .unwrap();
    let (of_session, tried) = refusals(&lines, "not-our-domain");
    let (of_source, came) = refusals(&lines, "no-grant");
    assert_eq!((tried, came), (TRIED as u64, SESSIONS as u64));
    // A minute may have ended meanwhile, on a slow machine more than one; and the help desk has looked once.
    let begin = lines.first().unwrap().at;
    let minutes = 2 + usize::try_from(lines.last().unwrap().at.since(begin).as_secs() / 60).unwrap();
    assert!(of_session <= minutes, "{of_session} records of one session");
    assert!(of_source <= minutes * OF_SOURCE, "{of_source} records of one source");
    let indexed = ledger::index(&OsDisk, &house.dir.path().join("ledger")).unwrap();
    assert_eq!(indexed.removed, 0);
    assert!(
        ledger::verify(&OsDisk, &house.dir.path().join("ledger"), &ledger::Anchors::default())
            .unwrap()
            .broken
            .is_empty()
    );
}
