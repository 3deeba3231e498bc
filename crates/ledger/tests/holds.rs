//! What is held is not removed, and the chain around it can be proven.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use house::{DIR, House, accepted, delivered};
use ledger::{Config, Event, HOLDS_WRITER, Hold, Holds, Opening, Pruning, Released, Scope, Writer, open};
use mail::{MessageId, Timestamp};
use world::sim::disk::{Fate, SimDisk};
use world::{Clock, Disk};

const DAY: Duration = Duration::from_secs(86_400);

fn open_as(house: &House, writer: &str) -> Opening {
    let mut config = Config::new(DIR);
    config.writer = writer.into();
    open(config, &house.world, Writer::Task).unwrap()
}

/// Eight days, a file each. Each accepts a message that is delivered on the next; the third one's stands on a grant of its
/// own, which only its acceptance names.
async fn eight_days(disk: &SimDisk) -> House {
    let house = House::on(disk.clone());
    for day in 0..8 {
        let opening = house.open();
        let mut facts = accepted(day);
        if day == 2 {
            facts.origin.grant = Some("press".into());
        }
        opening.ledger.record(Event::Accepted(Box::new(facts))).await;
        opening.ledger.record(delivered(day.saturating_sub(1))).await;
        opening.closer.close().await.unwrap();
        if day < 7 {
            house.clock.advance_wall(DAY);
        }
    }
    house
}

fn shared(house: &House) -> Arc<dyn Disk> {
    Arc::new(house.disk.clone())
}

async fn hold(house: &House, covers: Scope, until: Option<Timestamp>) -> u64 {
    let opening = open_as(house, HOLDS_WRITER);
    let mut holds = Holds::read(&shared(house), Path::new(DIR)).unwrap();
    let hold = Hold {
        number: holds.next(),
        covers,
        reason: "case 114".into(),
        by: "kim (uid 0)".into(),
        since: Timestamp(house.clock.wall()),
        until_ms: until.map(|until| until.0),
    };
    holds.add(&house.disk, Path::new(DIR), hold.clone()).unwrap();
    let number = hold.number;
    opening.ledger.record(Event::HoldAdded(Box::new(hold))).await;
    opening.closer.close().await.unwrap();
    number
}

async fn release(house: &House, number: u64) {
    let opening = open_as(house, HOLDS_WRITER);
    let mut holds = Holds::read(&shared(house), Path::new(DIR)).unwrap();
    let released = Released {
        number,
        by: "kim".into(),
        reason: "case closed".into(),
    };
    opening.ledger.record(Event::HoldReleased(Box::new(released))).await;
    opening.closer.close().await.unwrap();
    holds.release(&house.disk, Path::new(DIR), number).unwrap();
}

async fn prune(house: &House) -> std::io::Result<Pruning> {
    let opening = house.open();
    let before = Timestamp(house.clock.wall()).minus(DAY * 2);
    let done = opening.ledger.prune(before, "keep 2d".into()).await;
    opening.closer.close().await.unwrap();
    done
}

/// Days of which the gate's files are there.
fn days(disk: &SimDisk) -> Vec<String> {
    let names = disk.names().into_iter();
    let names = names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let ours = names.filter(|name| name.contains(".gate.") && name.ends_with("0000.jsonl"));
    ours.map(|name| name[8..10].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hold_keeps_the_files_it_covers_and_no_others_and_the_chain_is_whole() {
    let house = eight_days(&SimDisk::new()).await;
    let number = hold(&house, Scope::Grant("press".into()), None).await;
    let done = prune(&house).await.unwrap();
    assert_eq!(done.held.into_iter().collect::<Vec<_>>(), [(number, 2)]);
    // The day of its acceptance, and that of its delivery, which does not name the grant.
    assert_eq!(days(&house.disk), ["23", "24", "26", "27", "28"]);
    let report = house.verify();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.pruned.len(), 2);

    // Years later there is still only what is held, and what is young.
    house.clock.advance_wall(DAY * 30);
    prune(&house).await.unwrap();
    prune(&house).await.unwrap();
    assert_eq!(days(&house.disk)[..2], ["23", "24"]);
    let report = house.verify();
    assert!(report.is_whole(), "{report:?}");

    // A file that is held and vanishes is missed.
    let path = house.path("2026-11-24.gate.0000.jsonl");
    let octets = house.disk.contents(&path).unwrap();
    house.disk.remove(&path).unwrap();
    assert!(!house.verify().is_whole());
    house.disk.open(&path, world::OpenMode::CreateNew).unwrap();
    house.rewrite("2026-11-24.gate.0000.jsonl", &octets);
    assert!(house.verify().is_whole());

    release(&house, number).await;
    let done = prune(&house).await.unwrap();
    assert_eq!((done.held.len(), done.refused.len()), (0, 0));
    assert!(!days(&house.disk).contains(&"23".to_owned()));
    assert!(house.verify().is_whole());
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_hold_covers_what_it_names_until_it_ends() {
    let due = ["21", "22", "23", "24", "25"];
    let cases: [(Scope, &[&str]); 4] = [
        (Scope::Message(MessageId::new(0)), &["21", "22"]),
        (Scope::Address("NOBODY@example.edu".into()), &[]),
        (Scope::Address("It@Chem.example.edu".into()), &due),
        (Scope::Everything, &due),
    ];
    for (covers, expected) in cases {
        let house = eight_days(&SimDisk::new()).await;
        let tomorrow = Timestamp(house.clock.wall()).plus(DAY);
        hold(&house, covers.clone(), Some(tomorrow)).await;
        prune(&house).await.unwrap();
        let days = days(&house.disk);
        let kept: Vec<&str> = due
            .into_iter()
            .filter(|day| days.iter().any(|one| one == day))
            .collect();
        assert_eq!(kept, expected, "{covers}");
        assert!(house.verify().is_whole(), "{covers}");
        house.clock.advance_wall(DAY * 2);
        assert!(prune(&house).await.unwrap().held.is_empty(), "{covers}: it has ended");
        assert!(house.verify().is_whole(), "{covers}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_knows_what_is_held_nothing_is_removed() {
    let house = eight_days(&SimDisk::new()).await;
    hold(&house, Scope::Grant("press".into()), None).await;
    let file = house.disk.contents(&house.path("holds.json")).unwrap();
    let before = days(&house.disk);
    for spoilt in [
        &b"{}"[..],
        b"",
        &file[..file.len() / 2],
        b"{\"v\":2,\"next\":9,\"holds\":[]}",
    ] {
        house.rewrite("holds.json", spoilt);
        prune(&house).await.unwrap_err();
        assert_eq!(days(&house.disk), before);
    }
    // One that was lost, or from which the hold was struck out, leaves what the ledger itself says.
    house.rewrite("holds.json", b"{\"v\":1,\"next\":1,\"holds\":[]}");
    assert_eq!(prune(&house).await.unwrap().held.len(), 1);
    house.disk.remove(&house.path("holds.json")).unwrap();
    assert_eq!(Holds::read(&shared(&house), Path::new(DIR)).unwrap().next(), 2);
    assert_eq!(prune(&house).await.unwrap().held.len(), 1);
    assert_eq!(days(&house.disk)[..2], ["23", "24"]);
    // While somebody changes holds, nothing is removed.
    let changing = open_as(&house, HOLDS_WRITER);
    let busy = prune(&house).await.unwrap_err();
    assert_eq!(busy.kind(), std::io::ErrorKind::ResourceBusy);
    changing.closer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_crash_loses_what_is_held_or_breaks_the_chain() {
    let disk = SimDisk::new();
    let house = eight_days(&disk).await;
    let before = disk.operations();
    hold(&house, Scope::Grant("press".into()), None).await;
    let set = disk.operations();
    prune(&house).await.unwrap();
    let total = disk.operations();
    let wall = house.clock.wall();
    let step = if std::env::var_os("PORTCULLIS_LONG").is_some() {
        1
    } else {
        5
    };
    for operations in (before..=total).rev().step_by(step) {
        for fate in [Fate::Forget, Fate::Keep, Fate::Chance(operations as u64)] {
            let what = format!("crash after {operations} of {before}..{set}..{total}, {fate:?}");
            let house = House::on(disk.rewind(operations).crash(fate));
            house
                .clock
                .advance_wall(Duration::from_millis(u64::try_from(wall - house.clock.wall()).unwrap()));
            assert!(house.verify().is_whole(), "{what}: {:?}", house.verify());
            prune(&house).await.unwrap();
            assert!(house.verify().is_whole(), "{what}, and again: {:?}", house.verify());
            if operations >= set {
                assert_eq!(days(&house.disk), ["23", "24", "26", "27", "28"], "{what}");
            }
        }
    }
}
