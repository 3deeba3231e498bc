//! What must always be possible.

use std::ops::ControlFlow;

use super::cell::{Cell, Seen};
use super::described::Described;
use super::flows::{asserted, place_of};
use super::property::{Breach, Judged};
use super::subject::Subject;
use crate::decide::{Decision, Ground};
use crate::intent::{Assertion, ToWhom};
use crate::reason::Reason;

/// What was found on one listener.
#[derive(Default)]
struct Found {
    accepted: bool,
    refused: Option<(Cell, Decision)>,
}

pub(crate) fn judge<'s>(assertion: &'s Assertion, subject: &Subject<'s>, cells: &mut u64) -> Judged {
    let described = Described::of(assertion, subject);
    let mut judged = asserted(assertion);
    let found: Vec<Found> = described
        .listeners
        .iter()
        .map(|listener| on_listener(*listener, &described, subject, cells))
        .collect();
    let good = |found: &Found| found.accepted && found.refused.is_none();
    let enough = if assertion.door.is_some() {
        !found.is_empty() && found.iter().all(good)
    } else {
        found.iter().any(good)
    };
    if enough {
        return judged;
    }
    // The nearest: some of it is accepted there, or at least the client may come without a login.
    let near = |found: &&Found| {
        let reason = found.refused.as_ref().map(|(_, decision)| decision.reason);
        (
            found.accepted,
            reason != Some(Reason::LoginRequired),
            reason != Some(Reason::NoGrant),
        )
    };
    let bad = found.iter().filter(|found| !good(found)).max_by_key(near);
    let refused = bad.and_then(|found| found.refused.as_ref());
    judged.breach(|| match refused {
        Some((cell, decision)) => broken(assertion, subject, cell, decision),
        None => Breach {
            story: None,
            because: "nothing is declared that could take such a message".to_owned(),
            place: assertion.place,
            others: Vec::new(),
            remedy: "declare the listener, grant or route it needs, or take the assertion out".to_owned(),
        },
    });
    judged
}

fn on_listener(listener: u32, described: &Described<'_>, subject: &Subject<'_>, cells: &mut u64) -> Found {
    let mut found = Found::default();
    for start in described.starts(listener, subject) {
        let mut accepted = false;
        let mut first = None;
        subject.possible(&start, subject.tables.offer.clone(), &mut |cell, decision| {
            *cells += 1;
            if decision.verdict.accepts() {
                accepted = true;
            } else if counts(cell, decision, described) {
                found.refused.get_or_insert_with(|| (cell.clone(), *decision));
            } else {
                first.get_or_insert_with(|| (cell.clone(), *decision));
            }
            ControlFlow::Continue(())
        });
        found.accepted |= accepted;
        if !accepted && found.refused.is_none() {
            // Whatever it leaves open, nothing of it is taken.
            found.refused = first;
        }
    }
    found
}

/// Whether a refusal breaks the assertion: it concerns what is described, not what is left open or badly made.
fn counts(cell: &Cell, decision: &Decision, described: &Described<'_>) -> bool {
    let exactly = |whom: &ToWhom| matches!(whom, ToWhom::Exactly(_));
    match decision.reason {
        Reason::AddressForm
        | Reason::TooLarge
        | Reason::FromMissing
        | Reason::FromNotGranted
        | Reason::GrantNotYet
        | Reason::GrantExpired
        | Reason::GrantSuspended => false,
        Reason::SenderNotGranted | Reason::SenderIsOurs => !described.senders.is_empty(),
        Reason::RecipientOutsideScope => !described.recipients.is_empty(),
        Reason::NetworkNotGranted => described.clients.is_some(),
        Reason::GrantNotHere => described.assertion.door.is_some(),
        Reason::NoSuchRecipient => match decision.ground {
            // A forward that has ended; nobody expects it to hold for ever.
            Some(Ground::Forward(_)) => false,
            // A recipient that does not exist.
            Some(_) => cell.exists != Seen::Known(false) && described.assertion.recipients.iter().all(exactly),
            None => true,
        },
        _ => true,
    }
}

fn broken(assertion: &Assertion, subject: &Subject<'_>, cell: &Cell, decision: &Decision) -> Breach {
    let listener = cell.listener.and_then(|index| subject.snapshot.listener(index));
    let place = match place_of(subject, decision).line {
        0 => listener.map_or(assertion.place, |listener| listener.place),
        _ => place_of(subject, decision),
    };
    Breach {
        story: subject.story(cell),
        because: match decision.reason {
            Reason::NoGrant => "no grant covers this client".to_owned(),
            Reason::LoginRequired => "the listener demands a login".to_owned(),
            Reason::LoginWithoutGrant => "no grant is bound to this login".to_owned(),
            Reason::NoSuchRecipient => "no route takes this recipient".to_owned(),
            reason => format!("judgement says {reason}"),
        },
        place,
        others: vec![assertion.place],
        remedy: "declare what it needs, or narrow the assertion to what you mean".to_owned(),
    }
}
