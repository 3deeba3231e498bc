//! What a change makes possible, and what it makes impossible.
//!
//! Texts are not compared: every cell in which one snapshot accepts is walked once more under the other, from that cell
//! on. What is refused there is a flow that the one has and the other has not. Both are looked at as they are at their
//! best: within limits, with clean content, with headers of one mailbox. Limits themselves are no flows.

mod flow;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

pub use flow::{Flow, Width};

use crate::decide::Decision;
use crate::prove::{Brancher, Cell, Changed, Detail, Subject};
use crate::snapshot::Snapshot;

/// The difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// Flows that become possible, the widest first.
    pub gained: Vec<Flow>,
    /// Flows that become impossible, the widest first.
    pub lost: Vec<Flow>,
}

impl Diff {
    /// Whether anything becomes possible.
    #[must_use]
    pub fn widens(&self) -> bool {
        !self.gained.is_empty()
    }
}

/// What becomes possible and impossible from `before` to `after`.
#[must_use]
pub fn diff(before: &Snapshot, after: &Snapshot) -> Diff {
    let (old, new) = (Subject::new(before), Subject::new(after));
    Diff {
        gained: only_in(&new, &old),
        lost: only_in(&old, &new),
    }
}

/// The flows of `here` that `there` does not have.
fn only_in(here: &Subject<'_>, there: &Subject<'_>) -> Vec<Flow> {
    let offer = match Changed::between(there.snapshot, here.snapshot) {
        Some(changed) if changed.is_empty() => return Vec::new(),
        Some(changed) => {
            let mut offer = changed.offer(here, there.snapshot);
            if changed.has_certificates(here.snapshot) {
                offer.exceptions = Arc::clone(&here.tables.offer.exceptions);
            }
            offer
        }
        None => here.tables.offer.clone(),
    };
    let mut flows: BTreeMap<flow::Key, Flow> = BTreeMap::new();
    let mut other = Brancher::new(there.snapshot, &there.tables, Detail::Possible);
    Brancher::new(here.snapshot, &here.tables, Detail::Possible)
        .offering(offer)
        .walk(&Cell::everything(), None, &mut |cell, decision| {
            if decision.verdict.accepts() && decision.complete {
                missing(here, there, &mut other, cell, decision, &mut flows);
            }
            ControlFlow::Continue(())
        });
    let mut flows: Vec<Flow> = flows.into_values().collect();
    flows.sort_by(|a, b| b.width.cmp(&a.width).then_with(|| a.to_string().cmp(&b.to_string())));
    flows
}

/// The parts of one cell that `there` refuses.
fn missing<'t>(
    here: &'t Subject<'_>,
    there: &Subject<'_>,
    other: &mut Brancher<'t>,
    cell: &Cell,
    decision: &Decision,
    flows: &mut BTreeMap<flow::Key, Flow>,
) {
    let listener = cell.listener.and_then(|index| here.snapshot.listener(index));
    let counterpart = listener.and_then(|listener| there.snapshot.listener_named(&listener.name));
    let mut note = |part: &Cell, refused: Option<&Decision>| {
        let part = Cell {
            listener: cell.listener,
            ..part.clone()
        };
        flow::note(flows, here, &part, decision, refused);
    };
    let Some(counterpart) = counterpart else {
        return note(cell, None);
    };
    let start = Cell {
        listener: Some(counterpart),
        ..cell.clone()
    };
    other.walk(&start, Some(&here.snapshot.certificates), &mut |part, judged| {
        if !judged.verdict.accepts() {
            note(part, Some(judged));
        }
        ControlFlow::Continue(())
    });
}
