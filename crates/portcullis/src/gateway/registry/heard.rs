//! What arrived at the address that letters are from, noted in the cases that they were about.

use std::collections::BTreeSet;

use mail::Timestamp;
use registry::{Actor, CaseId, DeskError, Form, Heard, Kept};

use crate::registrar::Registry as Desk;

/// Notes answers in their cases; the addresses that letters did not reach. A report is believed about contacts of the case
/// that the letter was about, and about nobody else.
pub(super) fn note(desk: &mut Desk, heard: &[Heard], now: Timestamp) -> Result<BTreeSet<String>, DeskError> {
    let mut unreached = BTreeSet::new();
    for one in heard {
        match one {
            Heard::Returned { message, to } => {
                for kept in cases(desk, message)? {
                    let contacts = contacts(&kept);
                    unreached.extend(to.iter().filter(|to| contacts.contains(*to)).cloned());
                }
            }
            Heard::Answer { to, from, subject } => answered(desk, to, &format!("{from}: {subject}"), now)?,
        }
    }
    Ok(unreached)
}

/// In the history of each case that the letter was about. What is answered is the nearest that is known here.
fn answered(desk: &mut Desk, to: &[String], said: &str, now: Timestamp) -> Result<(), DeskError> {
    for message in to {
        let cases = desk.store().letters_in(message)?;
        for id in &cases {
            desk.store().note(*id, "answer", said, &Actor::rule("mail"), now)?;
        }
        if !cases.is_empty() {
            break;
        }
    }
    Ok(())
}

fn cases(desk: &mut Desk, message: &str) -> Result<Vec<Kept>, DeskError> {
    let ids: Vec<CaseId> = desk.store().letters_in(message)?;
    let mut cases = Vec::new();
    for id in ids {
        cases.extend(desk.store().get(id)?);
    }
    Ok(cases)
}

fn contacts(kept: &Kept) -> BTreeSet<String> {
    let Form {
        requestor,
        technical,
        owner,
        ..
    } = &kept.form;
    let head = kept.case.head.as_ref().map_or("", |head| head.address());
    let all = [&*requestor.email, &*technical.email, &*owner.email, head];
    all.iter()
        .map(|one| one.trim().to_ascii_lowercase())
        .filter(|one| !one.is_empty())
        .collect()
}
