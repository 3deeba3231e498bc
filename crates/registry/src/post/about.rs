//! What a letter's words speak of: taken from the case, from the step that caused it, and from the house.

use std::time::Duration;

use mail::Timestamp;
use serde::Deserialize;

use super::recipe::{Doors, recipe};
use crate::abuse::ABUSED_MAIL_KEPT;
use crate::calendar::Calendar;
use crate::case::Case;
use crate::handover::Handover;
use crate::letters::About;
use crate::life::State;
use crate::notice::Notice;
use crate::promise::{COMPLETENESS, DECISION};
use crate::store::{Kept, Letter, Taken};
use crate::terms::Terms;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// The house, as letters speak of it.
#[derive(Clone, Debug, Default)]
pub struct Relay {
    /// Whose it is.
    pub organisation: String,
    /// Who helps.
    pub help: String,
    /// Where the page of a case is; its id is put behind. Empty where there is no such page.
    pub pages: String,
    /// Where devices deliver.
    pub doors: Doors,
    /// How long everything may take.
    pub terms: Terms,
    /// When the house works.
    pub calendar: Calendar,
}

/// What the words of a letter speak of. `step` is the one that caused it; `action` the link by which it is answered.
#[must_use]
pub fn about(
    relay: &Relay,
    kept: &Kept,
    letter: &Letter,
    notice: Notice,
    step: Option<&Taken>,
    action: Option<&str>,
) -> About {
    let (case, form) = (&kept.case, &kept.form);
    let said = step.map(said).unwrap_or_default();
    let date = |at: Option<Timestamp>| at.map(|at| relay.calendar.date(at)).unwrap_or_default();
    About {
        id: kept.id.to_string(),
        what: what(kept),
        requestor: person(&form.requestor.name, &form.requestor.email),
        head: case
            .head
            .as_ref()
            .map(|head| head.address().to_owned())
            .unwrap_or_default(),
        justification: form
            .exception
            .as_ref()
            .map(|more| more.justification.clone())
            .unwrap_or_default(),
        message: if notice == Notice::Works {
            said.clone()
        } else {
            String::new()
        },
        said,
        by: date(answered_by(relay, notice, kept, letter.at, step)),
        until: date(until(case, notice, letter.at)),
        since: date(since(case, notice)),
        days: days(&relay.terms, notice),
        recipe: if matches!(notice, Notice::Recipe | Notice::Refused) {
            recipe(kept, &relay.doors)
        } else {
            String::new()
        },
        action: action.unwrap_or_default().to_owned(),
        list: String::new(),
        link: if relay.pages.is_empty() {
            String::new()
        } else {
            format!("{}{}", relay.pages, kept.id)
        },
        help: relay.help.clone(),
        organisation: relay.organisation.clone(),
    }
}

/// What was said with a step; of checks, what they found to be wrong.
fn said(step: &Taken) -> String {
    if let Some(said) = &step.said {
        return said.clone();
    }
    let kept = step.evidence.as_deref().unwrap_or_default();
    let Ok(Checked { findings }) = serde_json::from_str(kept) else {
        return String::new();
    };
    let wrong = findings
        .iter()
        .filter(|found| matches!(&*found.colour, "red" | "unknown"));
    let lines: Vec<String> = wrong.map(|found| format!("{}: {}", found.check, found.said)).collect();
    lines.join("\n")
}

/// What a step keeps of the checks that caused it.
#[derive(Deserialize)]
struct Checked {
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    check: String,
    colour: String,
    said: String,
}

/// `the copier 10.1.2.3 (Chemistry)`.
fn what(kept: &Kept) -> String {
    let form = &kept.form;
    let device = if form.device.trim().is_empty() {
        "device"
    } else {
        form.device.trim()
    };
    let mut what = format!("the {device}");
    for place in [&form.address, &form.host] {
        if !place.trim().is_empty() {
            what.push(' ');
            what.push_str(place.trim());
            break;
        }
    }
    if !form.department.trim().is_empty() {
        what.push_str(&format!(" ({})", form.department.trim()));
    }
    what
}

fn person(name: &str, address: &str) -> String {
    if name.trim().is_empty() {
        address.trim().to_owned()
    } else {
        name.trim().to_owned()
    }
}

/// Until when somebody has to do what comes next.
fn answered_by(relay: &Relay, notice: Notice, kept: &Kept, at: Timestamp, step: Option<&Taken>) -> Option<Timestamp> {
    let terms = &relay.terms;
    let business = |days| Some(relay.calendar.business_days_after(at, days));
    let after = |days: u32| Some(at.plus(DAY * days));
    match notice {
        Notice::Received | Notice::AnswerReceived => business(COMPLETENESS),
        Notice::SecurityAsked => business(DECISION),
        Notice::HeadAsked | Notice::HeadWasAsked => business(terms.head_business.2),
        Notice::MoreNeeded => after(terms.information.1),
        Notice::NetworkAsked => after(terms.network),
        Notice::ContactsAsked => kept.case.handover.as_ref().map(Handover::until),
        Notice::StillNeeded => after(terms.idle_answer.3),
        Notice::ListAsked | Notice::ListUnanswered => after(terms.attestation.3),
        Notice::SuspendedIdle => after(terms.idle_over),
        // What ended while it was suspended is nobody's to renew.
        Notice::Ended if step.is_some_and(|step| matches!(step.to, State::Revoked(_))) => None,
        Notice::Ended => after(terms.grace),
        Notice::Orphaned => after(terms.orphan),
        Notice::Drifted => Some(at.plus(HOUR * terms.drift_hours)),
        _ => None,
    }
}

/// The last day. One that has ended may be renewed by the time its reader is told of the end.
fn until(case: &Case, notice: Notice, at: Timestamp) -> Option<Timestamp> {
    match notice {
        Notice::Ended => case.until.map(|until| until.min(at)),
        _ => case.until,
    }
}

fn since(case: &Case, notice: Notice) -> Option<Timestamp> {
    match notice {
        Notice::StillNeeded => case.last_accepted.or(case.provisioned),
        _ => case.provisioned,
    }
}

fn days(terms: &Terms, notice: Notice) -> String {
    match notice {
        Notice::DraftForgotten => terms.draft.to_string(),
        Notice::Unused => terms.unused.2.to_string(),
        Notice::EndedAbuse => (ABUSED_MAIL_KEPT.as_secs() / DAY.as_secs()).to_string(),
        _ => String::new(),
    }
}
