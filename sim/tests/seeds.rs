//! A handful of seeds, each a whole gateway through bad weather and into fine; `make long` runs many more.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use sim::papers::Papers;
use sim::run::{Mischief, Outcome, run};

fn outcome(seed: u64) -> Outcome {
    run(seed, &Arc::new(Papers::new().unwrap()), Mischief::default()).unwrap()
}

/// What is wrong with a run, with what is needed to see it again.
fn complaint(outcome: &Outcome) -> String {
    let findings = outcome
        .findings
        .iter()
        .map(|finding| format!("{finding}\n{}", outcome.story_of(finding)));
    let all: Vec<String> = findings.collect();
    format!(
        "cargo run -p sim -- --seed {} --story\n{}",
        outcome.seed,
        all.join("\n")
    )
}

fn goes_right(seed: u64) {
    let outcome = outcome(seed);
    assert!(outcome.findings.is_empty(), "{}", complaint(&outcome));
    assert!(
        outcome.story.transmissions.len() > 10,
        "so little happened that nothing was shown"
    );
}

#[test]
fn nothing_is_lost_relayed_repeated_or_forgotten_in_a_handful_of_seeds() {
    let many = if std::env::var_os("PORTCULLIS_LONG").is_some() {
        60
    } else {
        4
    };
    (0..many).for_each(goes_right);
}

#[test]
fn a_disk_that_could_not_be_read_once_does_not_keep_a_letter_back_for_good() {
    goes_right(6);
}

#[test]
fn the_same_seed_gives_the_same_story_line_by_line() {
    let (first, again, other) = (outcome(11), outcome(11), outcome(12));
    let differs = first.story.lines.iter().zip(&again.story.lines).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(first.story.lines.len(), again.story.lines.len());
    assert_eq!(first.story.ledger, again.story.ledger, "what is on the disk");
    assert_eq!(first.marks, again.marks);
    assert_ne!(first.story.lines, other.story.lines);
}
