//! The power goes behind a 250: the letter is there when the gateway starts again, and so is its testimony, once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dns::Literal;
use ledger::{Event, Key, Reader};
use mail::{MessageId, Timestamp};
use portcullis::config::{self, LogFormat, Machine};
use portcullis::control::{self, Act, Asked, Request, Select};
use portcullis::gateway::{Gateway, Setting, Writers};
use portcullis::journal::Journal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use world::World;
use world::sim::disk::{Fate, SimDisk};
use world::sim::{GENESIS, SeedRng, SimClock, SimNet};

const CONFIGURATION: &str = r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu"]
[listeners.mx]
role   = "mx"
listen = ["192.0.2.25:25"]
[routes.inside]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.internet]
to = "mx"
[spool]
dir = "/spool"
[ledger]
dir = "/ledger"
"#;

/// A gateway on this disk, so many milliseconds after the beginning of the world.
async fn start(disk: SimDisk, later: i64) -> (Gateway, World) {
    let world = World {
        clock: Arc::new(SimClock::new(GENESIS + later)),
        rng: Arc::new(SeedRng::new(u64::try_from(later).unwrap())),
        net: Arc::new(SimNet::new()),
        disk: Arc::new(disk),
    };
    let machine = Machine {
        now: Timestamp(GENESIS + later),
        ..Machine::default()
    };
    let reading = config::read("gate.toml", CONFIGURATION.to_owned(), Path::new("/"), &machine);
    let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
    let setting = Setting {
        world: world.clone(),
        resolver: Arc::new(Literal::new()),
        journal: Journal::new(LogFormat::Json, "gate.example.edu", std::io::sink()).unwrap(),
        writers: Writers::Tasks,
        file: None,
        keeper: None,
    };
    (Gateway::start(config, setting).await.unwrap(), world)
}

/// Sends one message to us; its id, as the gate said it.
async fn send(world: &World) -> MessageId {
    let mx = "192.0.2.25:25".parse().unwrap();
    let stream = world
        .net
        .connect(mx, Some("203.0.113.5".parse().unwrap()))
        .await
        .unwrap();
    let mut stream = BufReader::new(stream);
    let mut last = String::new();
    for (said, code) in [
        ("", "220"),
        ("HELO eve.test\r\n", "250"),
        ("MAIL FROM:<eve@example.net>\r\n", "250"),
        ("RCPT TO:<anna@example.edu>\r\n", "250"),
        ("DATA\r\n", "354"),
        ("Subject: hello\r\n\r\nHello.\r\n.\r\n", "250"),
    ] {
        stream.get_mut().write_all(said.as_bytes()).await.unwrap();
        last.clear();
        stream.read_line(&mut last).await.unwrap();
        assert!(last.starts_with(code), "{said:?}: {last:?}");
    }
    last.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
}

/// A session that was refused twice for one reason and once for another, and is still open.
async fn refused(world: &World) -> BufReader<Box<dyn world::Stream>> {
    let mx = "192.0.2.25:25".parse().unwrap();
    let from = Some("203.0.113.6".parse().unwrap());
    let mut stream = BufReader::new(world.net.connect(mx, from).await.unwrap());
    for (said, code) in [
        ("", "220"),
        ("HELO eve.test\r\n", "250"),
        ("MAIL FROM:<eve@example.net>\r\n", "250"),
        ("RCPT TO:<bob@elsewhere.example>\r\n", "55"),
        ("RCPT TO:<eve@elsewhere.example>\r\n", "55"),
        ("WHAT\r\n", "500"),
    ] {
        let mut reply = String::new();
        stream.get_mut().write_all(said.as_bytes()).await.unwrap();
        stream.read_line(&mut reply).await.unwrap();
        assert!(reply.starts_with(code), "{said:?}: {reply:?}");
    }
    stream
}

/// Refusals of that client that the ledger on this disk counts, and in how many records.
fn counted(disk: &SimDisk) -> (u64, usize) {
    let reader = Reader::new(Arc::new(disk.clone()), "/ledger");
    let client = Key::Source("203.0.113.6".parse().unwrap());
    let lines = reader.events_of(&client).unwrap_or_default();
    (lines.iter().map(|line| line.event.refusals()).sum(), lines.len())
}

#[tokio::test(start_paused = true)]
async fn refusals_are_on_record_when_their_session_or_their_minute_has_ended_and_not_before() {
    for (ends, secs, expected) in [(false, 50, (0, 0)), (false, 62, (3, 2)), (true, 2, (3, 2))] {
        let disk = SimDisk::new();
        let (gateway, world) = start(disk.clone(), 0).await;
        let mut stream = refused(&world).await;
        if ends {
            stream.get_mut().write_all(b"QUIT\r\n").await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(secs)).await;
        let after = disk.crash(Fate::Forget);
        drop(gateway);
        assert_eq!(counted(&after), expected, "{secs} s later, session ended: {ends}");
        let (gateway, _world) = start(after.clone(), 100_000).await;
        assert_eq!(counted(&after), expected, "and a start adds none");
        gateway.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_stops_writes_what_was_refused_a_moment_ago() {
    let disk = SimDisk::new();
    let (gateway, world) = start(disk.clone(), 0).await;
    let _open = refused(&world).await;
    gateway.stop().await;
    // The last one is that the gate closes.
    assert_eq!(counted(&disk.crash(Fate::Forget)), (4, 3));
}

/// How often the ledger on this disk says that the message was accepted.
fn testified(disk: &SimDisk, id: MessageId) -> usize {
    let reader = Reader::new(Arc::new(disk.clone()), "/ledger");
    // Where not even the folder was kept, nothing is said.
    let lines = reader.events_of(&Key::Message(id)).unwrap_or_default();
    lines
        .iter()
        .filter(|line| matches!(line.event, Event::Accepted(_)))
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_power_goes_right_behind_a_250() {
    let fates = [Fate::Forget, Fate::Keep].into_iter().chain((0..20).map(Fate::Chance));
    let mut lagged = 0;
    for fate in fates {
        let disk = SimDisk::new();
        let (gateway, world) = start(disk.clone(), 0).await;
        let id = send(&world).await;
        let after = disk.crash(fate);
        drop(gateway);
        lagged += usize::from(testified(&after, id) == 0);

        let (gateway, _world) = start(after.clone(), 5000).await;
        assert_eq!(gateway.view().counts().messages, 1, "{fate:?}: the letter is there");
        assert_eq!(gateway.view().get(id).await.unwrap().unwrap().id, id);
        assert_eq!(testified(&after, id), 1, "{fate:?}: and testified to, once");
        gateway.stop().await;
        let (gateway, _world) = start(after.clone(), 60_000).await;
        assert_eq!(testified(&after, id), 1, "{fate:?}: and not again");
        gateway.stop().await;
    }
    assert!(
        lagged > 0,
        "the ledger was behind in none of these, so nothing was shown"
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_hears_is_done_is_on_record_when_the_power_goes() {
    let disk = SimDisk::new();
    let (gateway, world) = start(disk.clone(), 0).await;
    let id = send(&world).await;
    let request = Request {
        operator: Some("anna".to_owned()),
        asked: Asked::Change {
            select: Select::Ids(vec![id.to_string()]),
            act: Act::Remove,
            reason: None,
        },
    };
    let answer = control::ask_here(gateway.desk(), request).await.unwrap();
    assert_eq!(answer.done["changed"], 1);
    let after = disk.crash(Fate::Forget);
    drop(gateway);
    let (gateway, _world) = start(after.clone(), 5000).await;
    assert_eq!(gateway.view().counts().messages, 0, "it is gone");
    let lines = Reader::new(Arc::new(after), "/ledger")
        .events_of(&Key::Message(id))
        .unwrap();
    let removals = lines.iter().filter(|line| matches!(line.event, Event::Removed(_)));
    assert_eq!(removals.count(), 1, "and who took it out is known");
    gateway.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_power_goes_a_while_later() {
    for pause in [1, 300, 2000] {
        let disk = SimDisk::new();
        let (gateway, world) = start(disk.clone(), 0).await;
        let ids = [send(&world).await, send(&world).await];
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let after = disk.crash(Fate::Forget);
        drop(gateway);
        let (gateway, _world) = start(after.clone(), 5000).await;
        for id in ids {
            assert_eq!(testified(&after, id), 1, "after {pause} ms");
        }
        gateway.stop().await;
    }
}
