//! The folder of generations, on a disk that forgets whatever no returned sync covers.

use std::path::Path;
use std::sync::Arc;

use mail::Timestamp;
use world::Disk;
use world::sim::disk::{Fate, SimDisk};

use super::{Came, Generations, Last, TextError, What, Writing};
use crate::change::Remembered;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn writing(secs: i64, came: Came) -> Writing {
    Writing {
        at: at(secs),
        came,
        author: Some("ann".to_owned()),
        reason: Some("CHG-1".to_owned()),
        file: None,
        by: None,
        rulebook: 7,
        declarations: "d".to_owned(),
        flows: None,
        proof: Remembered {
            engine: "e".to_owned(),
            written: at(secs),
            proven: at(secs),
            cells: 1,
            partial: false,
            properties: 1,
            findings: 0,
            millis: 1,
        },
        program: "0.1.0".to_owned(),
    }
}

fn rig() -> (SimDisk, Generations) {
    let disk = SimDisk::new();
    disk.create_dir(Path::new("/spool")).unwrap();
    (disk.clone(), Generations::of_spool(Arc::new(disk), Path::new("/spool")))
}

#[test]
fn numbers_go_on_and_a_text_that_serves_again_keeps_its_own() {
    let (disk, store) = rig();
    let first = store.keep(&writing(0, Came::Start), "a", 0).unwrap();
    store.note(first, at(1), What::Serves).unwrap();
    let second = store.keep(&writing(2, Came::Reload), "b", 1).unwrap();
    store.note(second, at(3), What::Serves).unwrap();
    assert_eq!((first, second), (1, 2));
    store.note(2, at(4), What::Stopped).unwrap();

    // Another process, on the same disk.
    let store = Generations::of_spool(Arc::new(disk), Path::new("/spool"));
    assert_eq!(store.keep(&writing(5, Came::Start), "b", 0).unwrap(), 2);
    store.note(2, at(6), What::Serves).unwrap();
    let back = store
        .keep(&writing(7, Came::Rollback { of: 1, from: 2 }), "a", 2)
        .unwrap();
    assert_eq!(back, 3, "serving again is a generation of its own");
    store.note(3, at(8), What::Serves).unwrap();

    let history = store.history().unwrap();
    assert_eq!(history.damage, Vec::<String>::new());
    assert_eq!(history.serving(), Some(3));
    let served = |number: u64| -> Vec<(i64, Option<i64>)> {
        let spans = &history.entry(number).unwrap().served;
        spans
            .iter()
            .map(|span| (span.from.secs(), span.until.map(Timestamp::secs)))
            .collect()
    };
    assert_eq!(served(1), [(1, Some(3))]);
    assert_eq!(served(2), [(3, Some(4)), (6, Some(8))]);
    assert_eq!(served(3), [(8, None)]);
    assert_eq!(history.entry(3).unwrap().record.former, Some(2));
    assert!(matches!(store.last(), Last::Read(_, text) if text == "a"));
    let unrecorded = store.keep(&writing(9, Came::Reload), "e", 7).unwrap();
    assert_eq!(unrecorded, 8, "what could not be kept has had its number as well");
    assert!(matches!(store.text(9), Err(TextError::NoSuch(9))));
}

#[test]
fn what_was_kept_and_never_served_is_kept_once() {
    let (_disk, store) = rig();
    for secs in 0..3 {
        assert_eq!(store.keep(&writing(secs, Came::Start), "a", 0).unwrap(), 1);
    }
    let history = store.history().unwrap();
    assert_eq!((history.entries.len(), history.serving()), (1, None));
    assert!(history.entries[0].served.is_empty());
}

/// Wherever the power goes: what was said to be kept is there as it was, and the next one gets a number of its own.
#[test]
fn the_power_goes_at_every_write() {
    let (disk, store) = rig();
    let mut done: Vec<(usize, u64, &str)> = Vec::new();
    for (secs, text) in [(0, "a"), (10, "b"), (20, "c")] {
        let kept = store.keep(&writing(secs, Came::Reload), text, 0).unwrap();
        store.note(kept, at(secs), What::Serves).unwrap();
        done.push((disk.operations(), kept, text));
    }
    let fates = [Fate::Forget, Fate::Keep, Fate::Chance(3), Fate::Chance(4)];
    for operations in 0..=disk.operations() {
        for fate in fates {
            let after = disk.rewind(operations).crash(fate);
            let store = Generations::of_spool(Arc::new(after), Path::new("/spool"));
            let kept = done.iter().filter(|(by, ..)| *by <= operations);
            for (_, number, text) in kept.clone() {
                assert_eq!(store.text(*number).unwrap(), *text, "{operations} {fate:?}");
            }
            let Ok(history) = store.history() else {
                panic!("{operations} {fate:?}: the folder cannot be read")
            };
            let last = kept.max_by_key(|(by, ..)| by).map(|(_, number, _)| *number);
            assert!(history.serving() >= last, "{operations} {fate:?}: {history:?}");
            let next = store.keep(&writing(99, Came::Start), "z", 0).unwrap();
            assert!(next > last.unwrap_or(0), "{operations} {fate:?}");
            store.note(next, at(99), What::Serves).unwrap();
            assert_eq!(store.history().unwrap().serving(), Some(next), "{operations} {fate:?}");
            assert!(matches!(store.last(), Last::Read(_, text) if text == "z"));
        }
    }
}

#[test]
fn a_text_that_was_changed_is_told_and_not_served() {
    let (disk, store) = rig();
    assert!(matches!(store.last(), Last::Nothing));
    store.keep(&writing(0, Came::Start), "version = 1", 0).unwrap();
    assert!(
        matches!(store.last(), Last::Nothing),
        "it was kept, and did not serve yet"
    );
    store.note(1, at(0), What::Serves).unwrap();
    disk.flip(Path::new("/spool/configuration/000001.toml"), 10, 1);
    assert!(matches!(store.text(1), Err(TextError::Altered(1))));
    assert!(matches!(store.last(), Last::Unreadable { .. }));
    disk.flip(Path::new("/spool/configuration/000001.json"), 0, 0x80);
    let history = store.history().unwrap();
    assert_eq!(history.damage.len(), 1, "{:?}", history.damage);
    assert_eq!(store.keep(&writing(1, Came::Start), "version = 1", 1).unwrap(), 2);
}

#[test]
fn where_no_moment_can_be_read_something_served() {
    let (disk, store) = rig();
    store.keep(&writing(0, Came::Start), "a", 0).unwrap();
    store.note(1, at(0), What::Serves).unwrap();
    disk.flip(Path::new("/spool/configuration/served.jsonl"), 0, 0x80);
    assert!(matches!(store.last(), Last::Unreadable { .. }));
}

#[test]
fn who_writes_at_the_same_time_waits_for_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = || Generations::of_spool(Arc::new(world::OsDisk), dir.path());
    // Two gates, each with two hands.
    let gates = [store(), store()];
    std::thread::scope(|scope| {
        for hand in 0..4_usize {
            let store = gates[hand % 2].clone();
            scope.spawn(move || {
                for turn in 0..5 {
                    let text = format!("{hand} {turn}");
                    let number = store.keep(&writing(0, Came::Reload), &text, 0).unwrap();
                    store.note(number, at(1), What::Serves).unwrap();
                }
            });
        }
    });
    let history = gates[0].history().unwrap();
    assert_eq!((history.entries.len(), history.damage.len()), (20, 0));
}
