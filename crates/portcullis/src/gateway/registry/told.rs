//! Steps of cases and of departments' lists, and what was said of grants of the file, told to the ledger: by commands too, while a gate ran or not.

use ledger::{Event, GrantStepped, Words};
use policy::Name;
use registry::{CaseId, DeskError, ListStep, Pinned, State, Suspension, Taken};

use super::Registry;
use crate::registrar::Registry as Desk;
use crate::witness::Recorder;

/// Tells the ledger. What it was told is noted when it is on disk: after a crash in between a step is told twice, under
/// the same number, and never not at all.
pub(super) async fn tell(registry: &Registry, recorder: &Recorder, untold: Untold) {
    let Some(last) = untold.last() else {
        return;
    };
    let steps = untold.steps.iter().map(|(id, step)| stepped(*id, step));
    let pinned = untold.pinned.iter().map(|(number, said)| stopped(*number, said));
    let lists = untold.lists.iter().map(listed);
    for told in steps.chain(pinned).chain(lists) {
        recorder.testify(Event::GrantStepped(Box::new(told))).await;
    }
    recorder.ledger.flush().await;
    // Where the store is away now they are told again.
    let _ = registry
        .at_desk(move |office| office.at(|desk| Ok(desk.store().told(last)?)))
        .await;
}

/// What the ledger was not told of.
#[derive(Default)]
pub(super) struct Untold {
    /// Steps of cases.
    steps: Vec<(CaseId, Taken)>,
    /// What was said of grants of the file.
    pinned: Vec<(u64, Pinned)>,
    /// Steps of departments' lists.
    lists: Vec<ListStep>,
}

impl Untold {
    /// So many of the oldest. All kinds share their numbers, and the last number is what is noted: nothing may be among
    /// them before which something was not read.
    pub(super) fn read(desk: &mut Desk, limit: u32) -> Result<Self, DeskError> {
        let store = desk.store();
        let whole = store.revision()?;
        let (mut steps, mut pinned) = (store.untold(limit)?, store.untold_of_pinned()?);
        let mut lists = store.untold_of_lists()?;
        let is_cut = u32::try_from(steps.len()).is_ok_and(|count| count >= limit);
        let last = steps
            .last()
            .filter(|_| is_cut)
            .map_or(whole, |(_, step)| step.sequence.min(whole));
        steps.retain(|(_, step)| step.sequence <= last);
        pinned.retain(|(number, _)| *number <= last);
        lists.retain(|step| step.sequence <= last);
        Ok(Self { steps, pinned, lists })
    }

    fn last(&self) -> Option<u64> {
        let steps = self.steps.iter().map(|(_, step)| step.sequence);
        let lists = self.lists.iter().map(|step| step.sequence);
        steps
            .chain(self.pinned.iter().map(|(number, _)| *number))
            .chain(lists)
            .max()
    }
}

/// What was said of a grant of the file.
fn stopped(number: u64, said: &Pinned) -> GrantStepped {
    let from = match (said.suspended, said.abuse) {
        (true, _) => State::Active,
        (false, true) => State::Suspended(Suspension::Abuse),
        (false, false) => State::Suspended(Suspension::Operator),
    };
    GrantStepped {
        grant: Name::from(&*said.name),
        step: number,
        taken: said.at,
        what: Words::new(said.event()),
        from: Some(Words::new(from.code())),
        to: Words::new(said.state().code()),
        by: Words::new(&said.actor),
        reason: Some(Words::new(&said.why)),
    }
}

/// A department's list stands in the ledger under its own name, beside the grants on it.
fn listed(step: &ListStep) -> GrantStepped {
    GrantStepped {
        grant: step.list.to_string().into(),
        step: step.sequence,
        taken: step.at,
        what: Words::new(&step.event),
        from: None,
        to: Words::new(step.standing.code()),
        by: Words::new(&step.actor),
        reason: step.said.as_deref().map(Words::new),
    }
}

fn stepped(id: CaseId, step: &Taken) -> GrantStepped {
    GrantStepped {
        grant: id.to_string().into(),
        step: step.number,
        taken: step.at,
        what: Words::new(&step.event),
        from: step.from.map(|state| Words::new(State::code(state))),
        to: Words::new(step.to.code()),
        by: Words::new(&step.actor),
        reason: step.said.as_deref().map(Words::new),
    }
}
