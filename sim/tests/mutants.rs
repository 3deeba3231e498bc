//! Checkers that cannot fail prove nothing: each of them is shown a gateway, a disk, a peer or a ledger that does what it
//! must not, and has to say so.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use sim::checks::Finding;
use sim::chronicle::Story;
use sim::papers::Papers;
use sim::peers::PeerMischief;
use sim::process::DiskLie;
use sim::run::{Mischief, run};

/// Runs seeds until the checker of this name complains; every other seed may pass by luck.
fn is_caught_by(checker: &str, mischief: Mischief) {
    is_caught_saying("", checker, mischief);
}

/// The same, with these words.
fn is_caught_saying(words: &str, checker: &str, mischief: Mischief) {
    let papers = Arc::new(Papers::new().unwrap());
    let caught = (0..8).any(|seed| {
        let outcome = run(seed, &papers, mischief).unwrap();
        let caught = |finding: &Finding| finding.checker == checker && finding.what.contains(words);
        outcome.findings.iter().any(caught)
    });
    assert!(caught, "`{checker}` noticed nothing of {mischief:?}");
}

#[test]
fn a_disk_whose_sync_does_nothing_loses_mail_and_that_is_noticed() {
    let disk = DiskLie::Sync;
    is_caught_by(
        "no loss",
        Mischief {
            disk,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_gateway_that_answers_before_the_sync_loses_mail_and_that_is_noticed() {
    let disk = DiskLie::SyncLater;
    is_caught_by(
        "no loss",
        Mischief {
            disk,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_ledger_that_is_not_completed_behind_an_end_is_noticed() {
    let disk = DiskLie::LedgerSync;
    is_caught_by(
        "ledger complete",
        Mischief {
            disk,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_message_that_came_twice_for_no_reason_is_noticed() {
    let peers = PeerMischief::Twice;
    is_caught_by(
        "no unexplained duplicate",
        Mischief {
            peers,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_message_with_another_octet_is_noticed() {
    let peers = PeerMischief::Mangle;
    is_caught_by(
        "no loss",
        Mischief {
            peers,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_line_taken_out_of_the_ledger_is_noticed() {
    let story = Some(take_out_a_line as fn(&mut Story));
    is_caught_by(
        "ledger complete",
        Mischief {
            story,
            ..Mischief::default()
        },
    );
}

fn take_out_a_line(story: &mut Story) {
    let (_, octets) = story.ledger.iter_mut().max_by_key(|(_, octets)| octets.len()).unwrap();
    let text = String::from_utf8(std::mem::take(octets)).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.remove(lines.len() / 2);
    *octets = lines.concat().into_bytes();
}

#[test]
fn mail_that_no_rule_allowed_is_noticed() {
    let story = Some(forget_the_grants as fn(&mut Story));
    is_caught_by(
        "no relay without basis",
        Mischief {
            story,
            ..Mischief::default()
        },
    );
}

#[test]
fn a_delivery_that_is_told_of_twice_is_noticed() {
    let story = Some(repeat_a_delivery as fn(&mut Story));
    is_caught_saying(
        "is told of twice",
        "ledger complete",
        Mischief {
            story,
            ..Mischief::default()
        },
    );
}

/// As if the ledger had been completed with what it had.
fn repeat_a_delivery(story: &mut Story) {
    let texts = story.ledger.iter().map(|(_, octets)| String::from_utf8_lossy(octets));
    let line = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .find(|line| line.contains("\"deliver.ok\""))
        .unwrap();
    // What is added to an earlier file does not count: the next one says where it ended.
    let (_, last) = story
        .ledger
        .iter_mut()
        .max_by(|one, other| one.0.cmp(&other.0))
        .unwrap();
    last.extend_from_slice(line.as_bytes());
    last.push(b'\n');
}

/// As if the gateway had taken mail on grants that are not there.
fn forget_the_grants(story: &mut Story) {
    for one in &mut story.rules {
        one.rules.grants.retain(|grant| grant.name != "copier");
    }
}
