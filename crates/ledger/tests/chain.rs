//! The chain shows what was done to it.
#![allow(clippy::unwrap_used)]

mod house;

use std::path::Path;
use std::time::Duration;

use house::{DIR, FIRST, House, a_day, accepted, delivered};
use ledger::{Anchors, Event, Fault, verify};
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

/// A day in three files: the gateway was started again, twice.
async fn three_files() -> House {
    let house = a_day().await;
    for number in 6..8 {
        let opening = house.open();
        opening.ledger.record(delivered(number)).await;
        opening.ledger.record(delivered(number)).await;
        opening.closer.close().await.unwrap();
    }
    house
}

const FILES: [&str; 3] = [FIRST, "2026-11-21.gate.0001.jsonl", "2026-11-21.gate.0002.jsonl"];

/// What the verification of a changed file finds first: where, and what.
fn found(house: &House, file: &str, lines: &[String]) -> Option<(String, u64, Fault)> {
    let before = house.lines(file);
    house.rewrite_lines(file, lines);
    let broken = house.verify().first_broken().cloned();
    house.rewrite_lines(file, &before);
    broken.map(|broken| (broken.file, broken.line, broken.fault))
}

#[tokio::test(start_paused = true)]
async fn an_edited_line_is_named_whichever_it_is() {
    let house = three_files().await;
    for file in FILES {
        let before = house.lines(file);
        for at in 0..before.len() {
            let mut lines = before.clone();
            lines[at] = lines[at].replacen("\"seq\"", "\"Seq\"", 1);
            let named = (file.to_owned(), at as u64 + 1, Fault::Seal);
            assert_eq!(found(&house, file, &lines), Some(named));
        }
    }
    assert_eq!(house.verify().first_broken(), None);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_taken_out_is_named_by_the_one_that_took_its_place() {
    let house = three_files().await;
    for file in FILES {
        let before = house.lines(file);
        for at in 0..before.len() - 1 {
            let mut lines = before.clone();
            lines.remove(at);
            let named = (file.to_owned(), at as u64 + 1, Fault::Link);
            assert_eq!(found(&house, file, &lines), Some(named));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lines_that_changed_places_are_named_at_the_first_of_them() {
    let house = three_files().await;
    for file in FILES {
        let before = house.lines(file);
        for (at, other) in (0..before.len()).flat_map(|at| (at + 1..before.len()).map(move |other| (at, other))) {
            let mut lines = before.clone();
            lines.swap(at, other);
            let named = (file.to_owned(), at as u64 + 1, Fault::Link);
            assert_eq!(found(&house, file, &lines), Some(named), "{at} and {other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_put_in_is_named() {
    let house = three_files().await;
    for file in FILES {
        let before = house.lines(file);
        for at in 1..=before.len() {
            let mut lines = before.clone();
            lines.insert(at, before[at - 1].clone());
            let broken = found(&house, file, &lines);
            if at == before.len() && file != FILES[2] {
                // The next file says where this one ended: nothing that counts is different.
                assert_eq!(broken, None);
            } else {
                assert_eq!(broken, Some((file.to_owned(), at as u64 + 1, Fault::Link)));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_cut_short_anywhere_is_named_where_it_ends() {
    let house = three_files().await;
    for (number, file) in FILES.into_iter().enumerate() {
        let before = house.lines(file);
        for kept in 1..before.len() {
            let broken = found(&house, file, &before[..kept]);
            if number == 2 {
                assert_eq!(
                    broken, None,
                    "only a head that was written down elsewhere misses the end"
                );
            } else {
                assert_eq!(broken, Some((file.to_owned(), kept as u64 + 1, Fault::CutShort)));
            }
        }
        // Nothing is left of it: the next file misses it.
        let next = FILES
            .get(number + 1)
            .map(|next| ((*next).to_owned(), 1, Fault::FileMissing));
        assert_eq!(found(&house, file, &[]), next);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_power_cut_left_of_a_first_line_is_no_tampering() {
    let house = three_files().await;
    let whole = house.disk.contents(&house.path(FILES[2])).unwrap();
    let mut holed = whole.clone();
    holed[..100].fill(0);
    for left in [&[][..], &whole[..100], &holed] {
        house.rewrite(FILES[2], left);
        let report = house.verify();
        assert_eq!((report.first_broken(), report.torn.len()), (None, 1));
    }
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
    let broken = house.verify().first_broken().cloned().unwrap();
    assert_eq!((broken.file.as_str(), broken.fault), (FILES[2], Fault::FileMissing));
    // The first one is missed as any other: no record says that it was its time.
    house.disk.remove(&house.path(FIRST)).unwrap();
    let broken = house.verify().first_broken().cloned().unwrap();
    assert_eq!((broken.file.as_str(), broken.fault), (FILES[2], Fault::FileMissing));
}

#[tokio::test(start_paused = true)]
async fn an_end_cut_off_shows_against_a_head_that_was_written_down() {
    let house = a_day().await;
    let head = house.verify().heads;
    let check = || verify(&house.disk, Path::new(DIR), &Anchors::default().with_heads(&head)).unwrap();
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
