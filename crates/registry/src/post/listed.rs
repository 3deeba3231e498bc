//! What a letter about a department's list speaks of.

#[cfg(test)]
mod tests;

use mail::Timestamp;

use super::about::Relay;
use crate::attestation::{Attestation, ListStep};
use crate::letters::About;

/// Octets of a list in a letter; behind that it is counted. The page of the list, and the command, have all of it.
const LIST_OCTETS: usize = 32 * 1024;

/// What the words of a letter speak of that was written at this time. `step` is the one that caused it; `action` the link by
/// which it is answered.
#[must_use]
pub fn about_list(
    relay: &Relay,
    list: &Attestation,
    at: Timestamp,
    step: Option<&ListStep>,
    action: Option<&str>,
) -> About {
    let answered_by = list.asked.plus(crate::life::DAY * relay.terms.attestation.3);
    About {
        id: list.id.to_string(),
        what: what(list),
        head: list
            .head
            .as_ref()
            .map(|head| head.address().to_owned())
            .unwrap_or_default(),
        said: step.and_then(|step| step.said.clone()).unwrap_or_default(),
        // Whoever looks after it when that day is over has as long again.
        by: relay.calendar.date(match answered_by > at {
            true => answered_by,
            false => at.plus(crate::life::DAY * relay.terms.attestation.3),
        }),
        since: relay.calendar.date(list.made),
        list: lines(list),
        action: action.unwrap_or_default().to_owned(),
        help: relay.help.clone(),
        organisation: relay.organisation.clone(),
        ..About::default()
    }
}

/// `the 3 grants of Chemistry`.
fn what(list: &Attestation) -> String {
    match list.waiting().count() {
        1 => format!("the grant of {}", list.whose()),
        count => format!("the {count} grants of {}", list.whose()),
    }
}

/// Those that wait for an answer, as many as a letter holds.
fn lines(list: &Attestation) -> String {
    let mut text = String::new();
    let mut left = list.waiting();
    for entry in left.by_ref() {
        let lines = entry.shown.lines();
        if text.len() + lines.len() > LIST_OCTETS {
            let more = left.count() + 1;
            text.push_str(&format!("and {more} more, which stand on the page of the list"));
            return text;
        }
        text.push_str(&lines);
        text.push_str("\n\n");
    }
    text.trim_end().to_owned()
}
