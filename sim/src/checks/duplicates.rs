//! No unexplained duplicate: who got a message twice got it for a reason that somebody saw: an answer that was lost, a
//! connection that broke, or a bad end of the gateway before the arrival had to be on record.
//!
//! What it tolerates: an end within a second behind the arrival (of time in which the machine was awake), or later as long
//! as the queue's disk refused what was written; a delivery is not let go of before it is settled, so a failing disk alone
//! explains nothing. A notice may come again with the next life, but none about a failure that is settled.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::cut::{SETTLEMENT, taking, unheard};
use super::ledger::chain;
use super::loss::{failure_told, failures};
use super::reading::{self, Kind, Line, bare};
use crate::chronicle::{Arrival, Story};

const CHECKER: &str = "no unexplained duplicate";

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
    // A chain that is broken is for another checker to tell.
    let lines = chain(story).unwrap_or_else(|_| reading::lines(story));
    let mut findings = Vec::new();
    for ((name, to), arrivals) in groups {
        for pair in arrivals.windows(2) {
            let [first, second] = pair else { continue };
            if explained(story, &lines, first, second) {
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
fn explained(story: &Story, lines: &[Line], first: &Arrival, second: &Arrival) -> bool {
    let is_notice = matches!(reading::kind(first), Kind::Notice(_));
    unheard(story, first)
        || SETTLEMENT.cut_off(story, taking(first), second.when.at)
        || is_notice && told_twice(story, lines, first, second)
}

/// A gateway forgets with its life whom it told. What is settled it remembers: behind the failure of a recipient in the
/// ledger no second notice tells of it. A delay stays a delay, so its notice may come again with the next life.
fn told_twice(story: &Story, lines: &[Line], first: &Arrival, second: &Arrival) -> bool {
    let forgot = story
        .lives
        .iter()
        .filter_map(|life| life.until)
        .any(|(end, _)| end.at <= second.when.at);
    let text = String::from_utf8_lossy(&first.octets);
    if !forgot || !text.lines().any(|line| line == "Action: failed") {
        return forgot;
    }
    let Kind::Notice(Some(number)) = reading::kind(first) else {
        return true;
    };
    let ids = reading::ids(story);
    let Some(id) = ids.get(&number) else { return true };
    let told = |line: &Line| failure_told(line).is_some_and(|parent| parent == **id);
    let mut settled = BTreeSet::new();
    let mut again = false;
    let failed = failures(&first.octets);
    for line in lines {
        if line.event() == "data.accept" && told(line) {
            again |= failed.iter().any(|to| settled.contains(to.as_str()));
        } else if line.event() == "deliver.fail" && line.text("qid") == *id {
            settled.insert(bare(line.text("rcpt")));
        }
    }
    // Failures of others among its recipients have notices of their own, behind this one.
    !again || failures(&second.octets) != failed
}
