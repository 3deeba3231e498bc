//! What is old is removed so that the chain can still be proven, and nothing else may be missing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use house::{DIR, House, delivered};
use ledger::{
    Anchors, Cause, Config, Event, Fault, Heads, Key, Opening, Pruning, Reader, Report, Writer, open, verify,
    write_anchor,
};
use mail::{MessageId, Timestamp};
use world::sim::disk::{Fate, Kind, SimDisk};
use world::{Clock, Disk, OpenMode};

const ANCHORS: &str = "/elsewhere/anchors";
const DAY: Duration = Duration::from_secs(86_400);

fn open_as(house: &House, writer: &str) -> Opening {
    let mut config = Config::new(DIR);
    config.writer = writer.into();
    open(config, &house.world, Writer::Task).unwrap()
}

/// Ten days of two gates, each with an anchor at its end. It is the evening of the tenth day.
async fn ten_days(disk: &SimDisk) -> House {
    let house = House::on(disk.clone());
    disk.create_dir(Path::new("/elsewhere")).unwrap();
    for day in 0..10 {
        for writer in ["gate", "gate-2"] {
            let opening = open_as(&house, writer);
            opening.ledger.record(delivered(day)).await;
            opening.ledger.flush().await.unwrap();
            anchor(&house, &opening);
            opening.closer.close().await.unwrap();
        }
        if day < 9 {
            house.clock.advance_wall(DAY);
        }
    }
    house
}

fn anchor(house: &House, opening: &Opening) {
    let disk = Arc::new(house.disk.clone());
    let heads = Heads::of(disk, Path::new(DIR)).beside(opening.ledger.place()).unwrap();
    let at = Timestamp(house.clock.wall());
    write_anchor(&house.disk, Path::new(ANCHORS), at, Cause::Time, heads).unwrap();
}

/// Removes what is older than so many days.
async fn prune(house: &House, days: u32) -> Pruning {
    let opening = open_as(house, "gate");
    let before = Timestamp(house.clock.wall()).minus(DAY * days);
    let done = opening
        .ledger
        .prune(before, format!("keep {days}d").into())
        .await
        .unwrap();
    opening.closer.close().await.unwrap();
    done
}

fn check(disk: &SimDisk) -> Report {
    let anchors = Anchors::read(disk, &[PathBuf::from(ANCHORS)]).unwrap();
    verify(disk, Path::new(DIR), &anchors).unwrap()
}

fn reader(house: &House) -> Reader {
    Reader::new(Arc::new(house.disk.clone()), DIR)
}

fn files(disk: &SimDisk) -> Vec<String> {
    let names = disk.names().into_iter();
    let ours = names.filter(|path| path.starts_with(DIR) && path.extension().is_some_and(|end| end == "jsonl"));
    ours.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_older_is_removed_with_a_record_and_the_chain_is_whole_from_there() {
    let house = ten_days(&SimDisk::new()).await;
    let done = prune(&house, 3).await;
    assert_eq!((done.files, done.lines, done.refused.len()), (12, 24, 0));
    let left = files(&house.disk);
    assert!(left.iter().all(|file| file.as_str() >= "2026-11-27"), "{left:?}");
    let report = check(&house.disk);
    assert!(report.is_whole(), "{report:?}");
    let pruned: Vec<_> = report
        .pruned
        .iter()
        .map(|one| (&*one.writer, one.first, one.last, one.files))
        .collect();
    assert_eq!(pruned, [("gate", 0, 11, 6), ("gate-2", 0, 11, 6)]);

    // The next day's run goes on from there; the one after has nothing to do.
    house.clock.advance_wall(DAY);
    let done = prune(&house, 3).await;
    assert_eq!((done.files, done.lines), (2, 4));
    let before = house.disk.operations();
    assert_eq!(prune(&house, 3).await, Pruning::default());
    let removed = house.disk.log()[before..].iter().any(|line| line.contains("remove"));
    assert!(!removed);
    let report = check(&house.disk);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.pruned[0].last, 13);
    let records = reader(&house).events_of(&Key::Pruned).unwrap();
    assert_eq!(records.len(), 2);
    let Event::Pruned(record) = &records[1].event else {
        panic!("{records:?}")
    };
    assert_eq!(
        (record.rule.as_str(), record.files.len(), record.gone.len()),
        ("keep 3d", 2, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn weeks_of_daily_runs_leave_a_chain_that_can_be_proven() {
    let house = House::new();
    house.disk.create_dir(Path::new("/elsewhere")).unwrap();
    for day in 0..16 {
        let opening = house.open();
        opening.ledger.record(delivered(day)).await;
        opening.ledger.flush().await.unwrap();
        anchor(&house, &opening);
        let before = Timestamp(house.clock.wall()).minus(DAY * 5);
        let done = opening.ledger.prune(before, "keep 5d".into()).await.unwrap();
        assert_eq!((done.files, done.refused.len()), (u64::from(day > 5), 0), "day {day}");
        opening.closer.close().await.unwrap();
        let report = check(&house.disk);
        assert!(report.is_whole(), "day {day}: {report:?}");
        house.clock.advance_wall(DAY);
    }
    // Records of removals were removed in their turn.
    assert_eq!(reader(&house).events_of(&Key::Pruned).unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanished_without_a_record_is_a_broken_link() {
    let house = ten_days(&SimDisk::new()).await;
    prune(&house, 5).await;
    for name in files(&house.disk) {
        let path = house.path(&name);
        let before = house.disk.contents(&path).unwrap();
        house.disk.remove(&path).unwrap();
        let report = check(&house.disk);
        assert!(report.first_broken().is_some(), "{name}: {report:?}");
        let writer = name.split('.').nth(1).unwrap();
        assert!(
            report.broken.iter().any(|broken| &*broken.writer == writer),
            "{name}: {report:?}"
        );
        let file = house.disk.open(&path, OpenMode::CreateNew).unwrap();
        file.write_at(0, &[&before]).unwrap();
    }
    assert!(check(&house.disk).is_whole());
    // Without anchors as well, but for the last file of each.
    house.disk.remove(&house.path(&files(&house.disk)[0])).unwrap();
    let report = house.verify();
    assert_eq!(report.first_broken().unwrap().fault, Fault::FileMissing);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_names_something_else_explains_nothing() {
    let removed = {
        let house = ten_days(&SimDisk::new()).await;
        prune(&house, 5).await;
        let opening = house.open();
        let records = opening.reader.events_of(&Key::Pruned).unwrap();
        let Event::Pruned(record) = records[0].event.clone() else {
            panic!("{records:?}")
        };
        record
    };
    // The same files are gone, and the record that stands in the chain is another one.
    for spoil in 0..5 {
        let house = ten_days(&SimDisk::new()).await;
        let mut record = removed.clone();
        for stretch in &mut record.files {
            match spoil {
                0 => stretch.seal = "ab".repeat(32).parse().unwrap(),
                1 => stretch.last += 1,
                2 => stretch.writer = "gate-3".into(),
                3 => stretch.prev = stretch.seal,
                _ => {}
            }
        }
        let opening = house.open();
        opening.ledger.record(Event::Pruned(record)).await;
        opening.closer.close().await.unwrap();
        for stretch in &removed.files {
            house.disk.remove(&house.path(&stretch.file)).unwrap();
        }
        let report = check(&house.disk);
        assert_eq!(report.first_broken().is_none(), spoil == 4, "{spoil}: {report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_files_that_are_there_and_are_others_is_named() {
    let house = ten_days(&SimDisk::new()).await;
    let opening = house.open();
    let before = Timestamp(house.clock.wall()).minus(DAY * 5);
    house.disk.fail(Kind::Remove, 0, world::sim::disk::Fault::Io);
    assert!(opening.ledger.prune(before, "keep 5d".into()).await.is_err());
    opening.closer.close().await.unwrap();
    assert!(check(&house.disk).is_whole(), "recorded, and not yet removed");
    let records = reader(&house).events_of(&Key::Pruned).unwrap();
    let Event::Pruned(mut record) = records[0].event.clone() else {
        panic!("{records:?}")
    };
    record.files[2].seal = record.files[1].seal;
    let opening = house.open();
    opening.ledger.record(Event::Pruned(record.clone())).await;
    opening.closer.close().await.unwrap();
    let report = check(&house.disk);
    let broken = report.first_broken().unwrap();
    assert_eq!(
        (broken.file.as_str(), broken.fault),
        (&*record.files[2].file, Fault::PrunedOther)
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_any_two_steps_of_a_run_is_made_good_by_the_next() {
    let disk = SimDisk::new();
    let house = ten_days(&disk).await;
    let before = disk.operations();
    prune(&house, 5).await;
    let total = disk.operations();
    assert!(total > before + 10);
    let wall = house.clock.wall();
    let step = if std::env::var_os("PORTCULLIS_LONG").is_some() {
        1
    } else {
        7
    };
    for operations in (before..=total).rev().step_by(step) {
        let then = disk.rewind(operations);
        for fate in [Fate::Forget, Fate::Keep, Fate::Names, Fate::Chance(operations as u64)] {
            let what = format!("crash after {operations} of {before}..{total}, {fate:?}");
            let after = then.crash(fate);
            let report = check(&after);
            assert!(report.is_whole(), "{what}: {report:?}");
            let house = House::on(after);
            house
                .clock
                .advance_wall(Duration::from_millis(u64::try_from(wall - house.clock.wall()).unwrap()));
            prune(&house, 5).await;
            let report = check(&house.disk);
            assert!(report.is_whole(), "{what}, and again: {report:?}");
            assert_eq!(
                files(&house.disk).first().unwrap(),
                "2026-11-25.gate-2.0000.jsonl",
                "{what}"
            );
            let story = reader(&house).events_of(&Key::Message(MessageId::new(9))).unwrap();
            assert_eq!(story.len(), 1, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_of_a_chain_that_does_not_hold() {
    for what in 0..4 {
        let house = ten_days(&SimDisk::new()).await;
        let names = files(&house.disk);
        let gate: Vec<&String> = names.iter().filter(|name| name.contains(".gate.")).collect();
        let mut lines = house.lines(gate[2]);
        match what {
            0 => house.disk.flip(&house.path(gate[2]), 40, 1),
            1 => {
                lines.pop();
                house.rewrite_lines(gate[2], &lines);
            }
            2 => house.disk.remove(&house.path(gate[2])).unwrap(),
            _ => {
                lines.swap(0, 1);
                house.rewrite_lines(gate[2], &lines);
            }
        }
        let done = prune(&house, 5).await;
        let refused: Vec<&str> = done.refused.iter().map(|(writer, _)| &**writer).collect();
        assert_eq!(refused, ["gate"], "{what}: {done:?}");
        assert_eq!(done.files, 4, "{what}: of the other writer");
        assert!(files(&house.disk).contains(gate[0]), "{what}");
        assert!(check(&house.disk).first_broken().is_some(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_gone_for_long_leaves_only_a_page_that_says_so() {
    let house = ten_days(&SimDisk::new()).await;
    house.clock.advance_wall(DAY * 30);
    let done = prune(&house, 5).await;
    assert_eq!(done.refused, []);
    let left: Vec<String> = files(&house.disk)
        .into_iter()
        .filter(|name| name.contains(".gate-2."))
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(house.lines(&left[0]).len(), 1);
    let report = check(&house.disk);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.pruned.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn edits_cuts_and_removals_are_found_over_several_writers_behind_a_pruned_beginning() {
    let house = ten_days(&SimDisk::new()).await;
    prune(&house, 5).await;
    let opening = house.open();
    anchor(&house, &opening);
    opening.closer.close().await.unwrap();
    for name in files(&house.disk) {
        let lines = house.lines(&name);
        let writer = name.split('.').nth(1).unwrap();
        let found = |changed: &[String], what: &str| {
            house.rewrite_lines(&name, changed);
            let report = check(&house.disk);
            house.rewrite_lines(&name, &lines);
            report.broken.iter().any(|broken| {
                let expected = broken.expected.as_ref().and_then(|expected| expected.anchor.as_ref());
                let file = expected.map_or(broken.file.as_str(), |anchor| &anchor.file);
                // Where nothing is left of it, the next file misses it.
                let is_there = file == name || broken.fault == Fault::FileMissing;
                assert!(&*broken.writer == writer && is_there, "{name}, {what}: {report:?}");
                true
            })
        };
        let last = files(&house.disk).into_iter().rfind(|name| name.contains(".gate."));
        let is_after_the_last_anchor = |at: usize| Some(&name) == last.as_ref() && at > 0;
        for at in 0..lines.len() {
            let mut edited = lines.clone();
            edited[at] = edited[at].replacen("\"seq\"", "\"Seq\"", 1);
            assert!(found(&edited, "edited"), "{name} line {at} edited");
            let mut without = lines.clone();
            without.remove(at);
            assert!(
                found(&without, "without") || is_after_the_last_anchor(at),
                "{name} without line {at}"
            );
            let mut moved = lines.clone();
            moved.rotate_left(1);
            assert!(lines.len() == 1 || found(&moved, "moved"), "{name} moved");
        }
    }
    assert!(check(&house.disk).is_whole());
}
