//! What was written down in a second place finds what the chains alone cannot show, and is found out itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod house;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use house::{DIR, House, delivered};
use ledger::{
    Anchor, AnchorFault, Anchored, Anchors, Cause, Config, Event, Fault, Heads, Opening, Report, Writer, open, verify,
    write_anchor,
};
use mail::Timestamp;
use world::sim::GENESIS;
use world::sim::disk::{Fate, SimDisk};
use world::{Disk, OpenMode};

const ANCHORS: &str = "/elsewhere/anchors";

/// Opens the ledger as this writer.
fn open_as(house: &House, writer: &str) -> Opening {
    let mut config = Config::new(DIR);
    config.writer = writer.into();
    open(config, &house.world, Writer::Task).unwrap()
}

/// Writes an anchor of all chains, and testifies to it, as a gate does.
async fn anchor(house: &House, opening: &Opening, why: Cause) -> Anchor {
    let heads = Heads::of(Arc::new(house.disk.clone()), Path::new(DIR))
        .beside(opening.ledger.place())
        .unwrap();
    let (written, _) = write_anchor(&house.disk, Path::new(ANCHORS), Timestamp(GENESIS), why, heads).unwrap();
    opening.ledger.record(Event::Anchored(Anchored::of(&written))).await;
    written
}

/// Two gates, one after the other and one beside it, three files each, with an anchor behind every few lines.
async fn a_history(disk: &SimDisk) -> House {
    let house = House::on(disk.clone());
    disk.create_dir(Path::new("/elsewhere")).unwrap();
    for round in 0..3 {
        for writer in ["gate", "gate-2"] {
            let opening = open_as(&house, writer);
            anchor(&house, &opening, Cause::Start).await;
            for number in 0..2 {
                opening.ledger.record(delivered(round * 4 + number)).await;
                opening.ledger.flush().await.unwrap();
                anchor(&house, &opening, Cause::Time).await;
            }
            let end = opening.ledger.clone();
            opening.closer.close().await.unwrap();
            let heads = Heads::of(Arc::new(disk.clone()), Path::new(DIR))
                .beside(end.place())
                .unwrap();
            write_anchor(disk, Path::new(ANCHORS), Timestamp(GENESIS), Cause::Stop, heads).unwrap();
        }
    }
    house
}

fn check(disk: &SimDisk) -> Report {
    let anchors = Anchors::read(disk, &[PathBuf::from(ANCHORS)]).unwrap();
    verify(disk, Path::new(DIR), &anchors).unwrap()
}

/// The disk with this file changed; what stood there is kept.
fn changed(house: &House, path: &Path, octets: &[u8]) -> (Vec<u8>, Report) {
    let before = house.disk.contents(path).unwrap();
    rewrite(&house.disk, path, octets);
    (before, check(&house.disk))
}

fn rewrite(disk: &SimDisk, path: &Path, octets: &[u8]) {
    let file = disk.open(path, OpenMode::ReadWrite).unwrap();
    file.truncate(0).unwrap();
    file.write_at(0, &[octets]).unwrap();
}

fn lines_of(octets: &[u8]) -> Vec<Vec<u8>> {
    octets
        .split_inclusive(|octet| *octet == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn ledger_files(house: &House) -> Vec<PathBuf> {
    let names = house.disk.names().into_iter();
    names
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_untouched_ledger_agrees_with_its_anchors() {
    let house = a_history(&SimDisk::new()).await;
    let report = check(&house.disk);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.anchors, report.files, report.torn.len()), (24, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn every_end_that_was_cut_off_is_named_with_the_anchor_that_knows_it() {
    let house = a_history(&SimDisk::new()).await;
    for path in ledger_files(&house) {
        let lines = lines_of(&house.disk.contents(&path).unwrap());
        for kept in 0..lines.len() {
            let (before, report) = changed(&house, &path, &lines[..kept].concat());
            let broken = report
                .first_broken()
                .unwrap_or_else(|| panic!("{path:?} cut at {kept}"));
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.contains(&format!(".{}.", broken.writer)), "{broken:?}");
            if name.ends_with("0002.jsonl") {
                assert_eq!(broken.fault, Fault::HeadMissing);
                let anchor = broken.expected.clone().unwrap().anchor.unwrap();
                assert_eq!((&*anchor.file, anchor.path.as_path()), (name, Path::new(ANCHORS)));
            }
            rewrite(&house.disk, &path, &before);
        }
    }
    assert!(check(&house.disk).is_whole());
}

#[tokio::test(start_paused = true)]
async fn every_file_that_was_taken_away_is_named_with_its_writer() {
    let house = a_history(&SimDisk::new()).await;
    for path in ledger_files(&house) {
        let before = house.disk.contents(&path).unwrap();
        house.disk.remove(&path).unwrap();
        let report = check(&house.disk);
        let broken = report.first_broken().unwrap_or_else(|| panic!("{path:?}"));
        assert!(
            path.to_str().unwrap().contains(&format!(".{}.", broken.writer)),
            "{broken:?}"
        );
        house.disk.open(&path, OpenMode::CreateNew).unwrap();
        rewrite(&house.disk, &path, &before);
    }
    // Of a writer nothing is left.
    for path in ledger_files(&house)
        .iter()
        .filter(|path| path.to_str().unwrap().contains("gate-2"))
    {
        house.disk.remove(path).unwrap();
    }
    let report = check(&house.disk);
    let broken = report.first_broken().unwrap();
    assert_eq!(
        (&*broken.writer, broken.file.as_str(), broken.fault),
        ("gate-2", "", Fault::HeadMissing)
    );
    assert_eq!(broken.expected.as_ref().unwrap().anchor.as_ref().unwrap().line, 5);
}

#[tokio::test(start_paused = true)]
async fn a_chain_written_anew_with_seals_that_fit_is_named_at_its_first_other_line() {
    let house = a_history(&SimDisk::new()).await;
    // Somebody who may write everything writes the same ledger with other words.
    let forged = House::on(SimDisk::new());
    for round in 0..3 {
        let opening = open_as(&forged, "gate");
        for number in 0..7 {
            opening.ledger.record(delivered(100 + round * 4 + number)).await;
        }
        opening.closer.close().await.unwrap();
    }
    for path in ledger_files(&forged) {
        rewrite(&house.disk, &path, &forged.disk.contents(&path).unwrap());
    }
    let alone = verify(&house.disk, Path::new(DIR), &Anchors::default()).unwrap();
    assert!(alone.is_whole(), "the chain itself does not show it: {alone:?}");
    let report = check(&house.disk);
    let broken = report.first_broken().unwrap();
    assert_eq!((&*broken.writer, broken.fault), ("gate", Fault::HeadMissing));
    assert!(broken.expected.as_ref().unwrap().anchor.is_some());
}

#[tokio::test(start_paused = true)]
async fn anchors_that_were_edited_taken_out_moved_or_cut_are_named() {
    let house = a_history(&SimDisk::new()).await;
    let path = Path::new(ANCHORS);
    let lines = lines_of(&house.disk.contents(path).unwrap());
    let found = |octets: &[u8]| {
        let (before, report) = changed(&house, path, octets);
        rewrite(&house.disk, path, &before);
        report.broken_anchors.first().map(|broken| (broken.line, broken.fault))
    };
    for at in 0..lines.len() {
        let line = at as u64 + 1;
        let mut edited = lines.clone();
        edited[at][30] ^= 1;
        assert_eq!(found(&edited.concat()), Some((line, AnchorFault::Seal)));
        let mut without = lines.clone();
        without.remove(at);
        let fault = match at {
            0 => Some((1, AnchorFault::BeginningMissing)),
            // The gate had ended: nothing in the ledger speaks of its last anchor.
            at if at + 1 == lines.len() => None,
            _ => Some((line, AnchorFault::Link)),
        };
        assert_eq!(found(&without.concat()), fault, "without {line}");
        // Those whose seal the ledger names are missed when the end is cut off; a gate's last one is not named.
        let cut = found(&lines[..at].concat());
        let missed = (at + 1 < lines.len()).then_some(AnchorFault::Missing);
        assert_eq!(cut.map(|(_, fault)| fault), missed, "cut before {line}");
    }
    for at in 1..lines.len() {
        let mut moved = lines.clone();
        moved.swap(at - 1, at);
        assert!(found(&moved.concat()).is_some(), "{at} moved up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_torn_anchor_is_told_and_the_next_one_follows_the_last_that_is_whole() {
    let house = a_history(&SimDisk::new()).await;
    let path = Path::new(ANCHORS);
    let whole = house.disk.contents(path).unwrap();
    let last = lines_of(&whole).last().unwrap().len();
    for kept in (1..last).step_by(29).chain([last - 2, last - 1]) {
        rewrite(&house.disk, path, &whole[..whole.len() - last + kept]);
        let report = check(&house.disk);
        assert!(report.is_whole(), "cut after {kept}: {report:?}");
        let lacks_its_end_alone = kept == last - 1;
        assert_eq!(report.torn.len(), usize::from(!lacks_its_end_alone));
        let opening = open_as(&house, "gate-3");
        let next = anchor(&house, &opening, Cause::Start).await;
        opening.closer.close().await.unwrap();
        assert_eq!(next.number, if lacks_its_end_alone { 24 } else { 23 });
        let report = check(&house.disk);
        assert!(report.is_whole(), "and gone on with: {report:?}");
        assert_eq!(report.torn.len(), usize::from(!lacks_its_end_alone));
        for path in ledger_files(&house)
            .iter()
            .filter(|path| path.to_str().unwrap().contains("gate-3"))
        {
            house.disk.remove(path).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_crash_makes_an_honest_ledger_disagree_with_its_anchors() {
    let disk = SimDisk::new();
    a_history(&disk).await;
    let total = disk.operations();
    let step = if std::env::var_os("PORTCULLIS_LONG").is_some() {
        1
    } else {
        3
    };
    for operations in (0..=total).step_by(step) {
        let then = disk.rewind(operations);
        for fate in [
            Fate::Forget,
            Fate::Keep,
            Fate::Chance(operations as u64),
            Fate::Torn(3, 512),
        ] {
            let after = then.crash(fate);
            if after.contents(Path::new(ANCHORS)).is_none() {
                continue;
            }
            let report = check(&after);
            assert!(report.is_whole(), "after {operations} of {total}, {fate:?}: {report:?}");
            let house = House::on(after);
            let opening = open_as(&house, "gate");
            anchor(&house, &opening, Cause::Start).await;
            opening.closer.close().await.unwrap();
            let report = check(&house.disk);
            assert!(report.is_whole(), "gone on after {operations}, {fate:?}: {report:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_gate_left_in_memory_is_on_disk_before_anything_follows_it() {
    let house = House::new();
    let opening = house.open();
    opening.ledger.record(delivered(1)).await;
    opening.closer.close().await.unwrap();
    // Killed between write and sync: another process reads what the disk does not have yet.
    let path = house.path(house::FIRST);
    let whole = house.disk.contents(&path).unwrap();
    let file = house.disk.open(&path, OpenMode::ReadWrite).unwrap();
    let first = lines_of(&whole)[0].len();
    file.truncate(first as u64).unwrap();
    file.sync().unwrap();
    file.write_at(first as u64, &[&whole[first..]]).unwrap();
    house.open().closer.close().await.unwrap();
    let after = House::on(house.disk.crash(Fate::Forget));
    assert_eq!(after.verify().first_broken(), None);
}

#[tokio::test(start_paused = true)]
async fn two_files_of_anchors_are_read_as_one() {
    let house = a_history(&SimDisk::new()).await;
    // The second place was another disk from some day on.
    let other = Path::new("/elsewhere/later");
    let opening = open_as(&house, "gate");
    opening.ledger.record(delivered(50)).await;
    opening.ledger.flush().await.unwrap();
    let heads = vec![opening.ledger.place()];
    let (written, _) = write_anchor(&house.disk, other, Timestamp(GENESIS), Cause::Start, heads).unwrap();
    opening.ledger.record(Event::Anchored(Anchored::of(&written))).await;
    opening.closer.close().await.unwrap();
    let report = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        verify(
            &house.disk,
            Path::new(DIR),
            &Anchors::read(&house.disk, &paths).unwrap(),
        )
        .unwrap()
    };
    assert!(report(&[ANCHORS, "/elsewhere/later"]).is_whole());
    assert_eq!(report(&[ANCHORS]).broken_anchors[0].fault, AnchorFault::Missing);
}
