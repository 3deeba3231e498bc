//! No unexplained duplicate: who got a message twice got it for a reason that somebody saw: an answer that was lost, a
//! connection that broke, a death or a failing disk between the answer and its record.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Finding;
use super::reading::{self, Kind};
use crate::chronicle::{Answered, Arrival, Story};
use crate::town::PLACES;

const CHECKER: &str = "no unexplained duplicate";
/// How long behind an arrival its record may still be missing: the answer is under way, and a disk may be slow.
const RECORDED: Duration = Duration::from_secs(30);

/// Checks it.
#[must_use]
pub fn check(story: &Story) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, &str), Vec<&Arrival>> = BTreeMap::new();
    for arrival in &story.arrivals {
        let Some(name) = name(arrival) else { continue };
        for to in &arrival.to {
            groups.entry((name.clone(), to)).or_default().push(arrival);
        }
    }
    let mut findings = Vec::new();
    for ((name, to), arrivals) in groups {
        for pair in arrivals.windows(2) {
            let [first, second] = pair else { continue };
            if explained(story, first, second) {
                continue;
            }
            let number = match reading::kind(first) {
                Kind::Letter(number) | Kind::Notice(Some(number)) => Some(number),
                _ => None,
            };
            let (at, again) = (first.when.at.as_secs_f64(), second.when.at.as_secs_f64());
            let what = format!("{name} came to <{to}> at {at:.3} and again at {again:.3}, and nothing explains it");
            findings.push(Finding::new(CHECKER, number, what));
        }
    }
    findings
}

/// What tells messages apart: their number, or the id of a notice.
fn name(arrival: &Arrival) -> Option<String> {
    match reading::kind(arrival) {
        Kind::Letter(number) => Some(format!("number {number}")),
        Kind::Notice(_) => {
            let text = String::from_utf8_lossy(&arrival.octets);
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: "))?;
            Some(format!("the notice {id}"))
        }
        Kind::Unknown => None,
    }
}

/// Whether the gateway may not have known, or may have forgotten, that the first had arrived.
fn explained(story: &Story, first: &Arrival, second: &Arrival) -> bool {
    let shortly = |at: Duration| at >= first.when.at && at <= (first.when.at + RECORDED).min(second.when.at);
    let answer_lost = matches!(first.answered, Answered::Lost(_));
    let line_broke = story
        .blows
        .iter()
        .any(|blow| blow.port == Some(first.port) && blow.kind.starts_with("line-") && blow.when.at >= first.begun.at);
    let died = story
        .lives
        .iter()
        .filter_map(|life| life.until)
        .any(|(when, _)| shortly(when.at));
    let disk_failed = story
        .blows
        .iter()
        .any(|blow| blow.kind.starts_with("disk-") && shortly(blow.when.at));
    answer_lost || line_broke || way_broke(story, first) || died || disk_failed || told_twice(story, first, second)
}

/// Whether the connection was begun while connections to that place were bound to break.
fn way_broke(story: &Story, first: &Arrival) -> bool {
    let address = PLACES
        .iter()
        .find(|place| place.host == first.peer)
        .map(|place| place.ip);
    story.ways.iter().any(|way| {
        let open = first.connected.at >= way.from.at && way.until.is_none_or(|until| first.connected.at <= until.at);
        Some(way.to) == address && open
    })
}

/// A notice that was posted just before an end may be posted again: the gateway forgets with its life what it told.
fn told_twice(story: &Story, first: &Arrival, second: &Arrival) -> bool {
    let is_notice = matches!(reading::kind(first), Kind::Notice(_));
    is_notice
        && story
            .lives
            .iter()
            .filter_map(|life| life.until)
            .any(|(when, _)| when.at <= second.when.at)
}
