//! No relay without a basis: what arrived outside came from somebody who was allowed to send it there when it was taken,
//! by rules written down here a second time, as naively as can be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Finding;
use super::reading::{self, Kind};
use crate::chronicle::{Arrival, Story, Transmission, When};
use crate::house::NOT_YET;
use crate::town::{CHEMISTS, CONTACT, Door, Forward, Grant, Reach, Rules, Shown, is_own, midnight};

const CHECKER: &str = "no relay without basis";

/// Checks it.
#[must_use]
pub fn check(story: &Story) -> Vec<Finding> {
    let sent: BTreeMap<u32, &Transmission> = story.transmissions.iter().map(|one| (one.number, one)).collect();
    let mut findings = Vec::new();
    for arrival in &story.arrivals {
        let kind = reading::kind(arrival);
        for to in &arrival.to {
            let wrong = match kind {
                Kind::Unknown => Some("nobody sent it".to_owned()),
                Kind::Notice(Some(number)) => notice(arrival, to, sent.get(&number).copied()),
                Kind::Notice(None) => notice(arrival, to, named(story, arrival)),
                Kind::Letter(number) => sent.get(&number).and_then(|one| letter(story, arrival, to, one)),
            };
            if let Some(wrong) = wrong {
                let number = match kind {
                    Kind::Letter(number) | Kind::Notice(Some(number)) => Some(number),
                    _ => None,
                };
                let what = format!("{} has mail from <{}> for <{to}>: {wrong}", arrival.peer, arrival.from);
                findings.push(Finding::new(CHECKER, number, what));
            }
        }
    }
    findings
}

/// The message a notice names by its id, where it could not repeat anything of it.
fn named<'a>(story: &'a Story, notice: &Arrival) -> Option<&'a Transmission> {
    let text = String::from_utf8_lossy(&notice.octets);
    let mut taken = story.transmissions.iter().filter(|one| one.is_taken());
    taken.find(|one| one.id().is_some_and(|id| text.contains(id)))
}

/// A notice goes to the sender of the message it is about, or to whom hears in its place, and to nobody else.
fn notice(arrival: &Arrival, to: &str, parent: Option<&Transmission>) -> Option<String> {
    if !arrival.from.is_empty() {
        return Some("a notice with a sender".to_owned());
    }
    match parent {
        None => Some("a notice about nothing that was sent".to_owned()),
        Some(one) if one.from == to || to == CONTACT => None,
        Some(one) => Some(format!("a notice about a message of <{}>", one.from)),
    }
}

fn letter(story: &Story, arrival: &Arrival, to: &str, one: &Transmission) -> Option<String> {
    if arrival.from != one.from {
        return Some(format!("it was sent by <{}>", one.from));
    }
    let Some(span) = Span::of(one) else {
        return Some("its client never sent the end of it".to_owned());
    };
    let possible: Vec<&Rules> = in_force(story, &span);
    let allowed = possible.iter().any(|rules| allows(rules, one, to, &span));
    (!allowed).then(|| {
        format!(
            "nothing allowed {} at {:?} as {:?} to send it",
            one.ip, one.door, one.login
        )
    })
}

/// When it was decided: somewhere between its last octet and the answer.
struct Span {
    from: When,
    until: When,
}

impl Span {
    fn of(one: &Transmission) -> Option<Self> {
        let from = one.ended?;
        let heard = one.verdict.as_ref().map(|reply| reply.when);
        let until = heard.or(one.over).unwrap_or(NOT_YET);
        Some(Self { from, until })
    }

    /// Whether the wall clock, on one of these moments, was within: it may have been set meanwhile.
    fn touches(&self, first: i64, last: i64) -> bool {
        let (low, high) = (self.from.wall.min(self.until.wall), self.from.wall.max(self.until.wall));
        low < last && high >= first
    }
}

/// The rules that may have been in force: those of before a change until it is sure, those of behind it from its begin.
fn in_force<'a>(story: &'a Story, span: &Span) -> Vec<&'a Rules> {
    let later = story
        .rules
        .iter()
        .skip(1)
        .map(|next| next.sure.at)
        .chain([Duration::MAX]);
    let all = story.rules.iter().zip(later);
    all.filter(|(one, gone)| one.from.at <= span.until.at && *gone >= span.from.at)
        .map(|(one, _)| &one.rules)
        .collect()
}

/// Whether the recipient, as it arrived, was allowed.
fn allows(rules: &Rules, one: &Transmission, to: &str, span: &Span) -> bool {
    let asked: Vec<&str> = one.to.iter().map(|(to, _)| to.as_str()).collect();
    let forwarded = rules
        .forwards
        .iter()
        .any(|forward| forward.to == to && asked.contains(&forward.from) && lives(forward, span));
    if forwarded {
        return true;
    }
    let named = asked.contains(&to) || to == "postmaster@example.edu" && asked.contains(&"postmaster");
    if !named {
        return false;
    }
    rules.grants.iter().any(|grant| grants(grant, one, to, span)) || is_own(to) && comes_in(one, to)
}

fn lives(forward: &Forward, span: &Span) -> bool {
    span.touches(i64::MIN, midnight(forward.last_day + 1))
}

fn grants(grant: &Grant, one: &Transmission, to: &str, span: &Span) -> bool {
    let shown = match (grant.shown, &one.login) {
        (Shown::Login(login), Some(proved)) => {
            login == proved && matches!(one.door, Door::Submission | Door::Submissions)
        }
        (Shown::Address(address), None) => {
            address == one.ip.to_string() && matches!(one.door, Door::Devices | Door::Campus)
        }
        _ => false,
    };
    let sender = grant.from.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(domain) => one.from.ends_with(domain),
        None => one.from == *pattern,
    });
    let domain = to.rsplit('@').next().unwrap_or_default();
    let reach = match grant.reach {
        Reach::Any => true,
        Reach::Internal => is_own(to),
        Reach::Domains(domains) => is_own(to) || domains.contains(&domain),
    };
    let when = span.touches(midnight(grant.first_day), midnight(grant.last_day + 1));
    shown && sender && reach && when && !grant.suspended
}

/// Mail to ourselves: from outside through the front gate, or from a machine of ours as one of us.
fn comes_in(one: &Transmission, to: &str) -> bool {
    let is_role = to.starts_with("postmaster@") || to.starts_with("abuse@");
    let exists = !to.ends_with("@chem.example.edu") || CHEMISTS.contains(&to) || is_role;
    let ours = one.ip.to_string().starts_with("10.");
    match one.door {
        Door::Mx => exists && (is_role || ours || one.from.is_empty() || !is_own(&one.from)),
        Door::Campus => exists && (is_role || ours && !one.from.is_empty() && is_own(&one.from)),
        Door::Devices => is_role,
        Door::Submission | Door::Submissions => false,
    }
}
