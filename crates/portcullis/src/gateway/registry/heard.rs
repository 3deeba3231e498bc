//! What arrived at the address that letters are from, noted in the cases that they were about.

use std::collections::BTreeSet;

use mail::Timestamp;
use registry::{Actor, Attestation, CaseId, DeskError, Form, Heard, Kept, Lists};

use crate::registrar::Registry as Desk;

/// Notes answers in their cases; the addresses that letters did not reach. A report is believed about contacts of the case
/// that the letter was about, and about nobody else.
pub(super) fn note(desk: &mut Desk, heard: &[Heard], now: Timestamp) -> Result<BTreeSet<String>, DeskError> {
    let mut unreached = BTreeSet::new();
    for one in heard {
        match one {
            Heard::Returned { message, to } => {
                let cases = cases(desk, message)?;
                let mut contacts: BTreeSet<String> = cases.iter().flat_map(contacts).collect();
                contacts.extend(heads_of_lists(desk, &cases)?);
                unreached.extend(to.iter().filter(|to| contacts.contains(*to)).cloned());
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

/// Those who are asked about lists on which these cases stand.
fn heads_of_lists(desk: &mut Desk, cases: &[Kept]) -> Result<BTreeSet<String>, DeskError> {
    let is_on = |list: &Attestation| {
        let mut entries = list.entries.iter();
        entries.any(|entry| cases.iter().any(|kept| kept.id == entry.case))
    };
    let open = desk.store().lists(Lists::Open)?.into_iter().filter(is_on);
    let heads = open.filter_map(|list| list.head);
    Ok(heads.map(|head| head.address().to_ascii_lowercase()).collect())
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
