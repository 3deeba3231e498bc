//! The chain shows what was done to it.
#![allow(clippy::unwrap_used)]

mod house;

use std::path::Path;
use std::time::Duration;

use house::{DIR, FIRST, House, a_day, accepted, delivered};
use ledger::{Event, Fault, verify};
use world::{Clock, Disk};

#[tokio::test(start_paused = true)]
async fn an_untouched_chain_is_whole_across_days_and_restarts() {
    let house = a_day().await;
    house.clock.advance_wall(Duration::from_secs(86_400));
    for number in 6..9 {
        let opening = house.open();
        opening.ledger.record(Event::Accepted(Box::new(accepted(number)))).await;
        let head = opening.closer.close().await.unwrap();
        let report = house.verify();
        assert_eq!((report.first_broken(), report.torn.as_slice()), (None, &[][..]));
        assert_eq!(report.heads, [head]);
    }
    let report = house.verify();
    assert_eq!((report.files, report.lines), (4, 11 + 3 * 2));
}

#[tokio::test(start_paused = true)]
async fn a_day_that_ends_while_the_gateway_runs_begins_a_new_file() {
    let house = House::new();
    let opening = house.open();
    opening.ledger.record(delivered(1)).await;
    opening.ledger.flush().await.unwrap();
    house.clock.sleep_until(Duration::from_secs(86_400)).await;
    opening.ledger.record(delivered(2)).await;
    opening.closer.close().await.unwrap();
    assert!(house.disk.contents(&house.path("2026-11-22.gate.0000.jsonl")).is_some());
    assert_eq!(house.verify().first_broken(), None);
}

#[tokio::test(start_paused = true)]
async fn an_edited_line_is_named() {
    let house = a_day().await;
    for line in 0..house.lines(FIRST).len() {
        let before = house.lines(FIRST);
        let mut lines = before.clone();
        lines[line] = lines[line].replacen("\"seq\"", "\"Seq\"", 1);
        house.rewrite_lines(FIRST, &lines);
        let report = house.verify();
        if line == 0 {
            // A file without a good first line was never synced, as far as anybody can tell; what is gone shows in
            // the head that was written down elsewhere.
            assert_eq!(report.torn.len(), 1);
        } else {
            let broken = report.first_broken().unwrap();
            assert_eq!((broken.line, broken.fault), (line as u64 + 1, Fault::Seal));
        }
        house.rewrite_lines(FIRST, &before);
    }
    assert_eq!(house.verify().first_broken(), None);
}

#[tokio::test(start_paused = true)]
async fn a_removed_line_and_moved_lines_are_named() {
    let house = a_day().await;
    let before = house.lines(FIRST);
    let mut lines = before.clone();
    lines.remove(4);
    house.rewrite_lines(FIRST, &lines);
    let broken = house.verify().first_broken().cloned().unwrap();
    assert_eq!((broken.line, broken.fault), (5, Fault::Link));

    let mut lines = before;
    lines.swap(2, 3);
    house.rewrite_lines(FIRST, &lines);
    let broken = house.verify().first_broken().cloned().unwrap();
    assert_eq!((broken.line, broken.fault), (3, Fault::Link));
}

#[tokio::test(start_paused = true)]
async fn a_file_cut_short_is_named_by_the_one_that_follows() {
    let house = a_day().await;
    house.open().closer.close().await.unwrap();
    let lines = house.lines(FIRST);
    house.rewrite_lines(FIRST, &lines[..lines.len() - 1]);
    let broken = house.verify().first_broken().cloned().unwrap();
    assert_eq!((broken.file.as_str(), broken.fault), (FIRST, Fault::CutShort));
}

#[tokio::test(start_paused = true)]
async fn a_file_taken_away_is_named_by_the_one_that_follows() {
    let house = a_day().await;
    house.open().closer.close().await.unwrap();
    house.open().closer.close().await.unwrap();
    house.disk.remove(&house.path("2026-11-21.gate.0001.jsonl")).unwrap();
    assert_eq!(house.verify().first_broken().unwrap().fault, Fault::FileMissing);
    // Old files may go, oldest first: the report says that the chain begins later.
    house.disk.remove(&house.path(FIRST)).unwrap();
    let report = house.verify();
    assert_eq!((report.first_broken(), report.begins_later.len()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn an_end_cut_off_shows_against_a_head_that_was_written_down() {
    let house = a_day().await;
    let head = house.verify().heads;
    let check = || verify(&house.disk, Path::new(DIR), &head).unwrap();
    assert_eq!(check().first_broken(), None);

    let lines = house.lines(FIRST);
    house.rewrite_lines(FIRST, &lines[..lines.len() - 1]);
    assert_eq!(
        house.verify().first_broken(),
        None,
        "nothing follows that would miss it"
    );
    assert_eq!(check().first_broken().unwrap().fault, Fault::HeadMissing);

    house.rewrite_lines(FIRST, &[]);
    assert_eq!(check().first_broken().unwrap().fault, Fault::HeadMissing);
    house.disk.remove(&house.path(FIRST)).unwrap();
    assert_eq!(check().first_broken().unwrap().fault, Fault::HeadMissing);
}
