//! Steps of cases, told to the ledger: those that commands took too, while a gate ran or not.

use ledger::{Event, GrantStepped, Words};
use registry::{CaseId, State, Taken};

use super::Registry;
use crate::witness::Recorder;

/// Tells the ledger. What it was told is noted when it is on disk: after a crash in between a step is told twice, under
/// the same number, and never not at all.
pub(super) async fn tell(registry: &Registry, recorder: &Recorder, untold: Vec<(CaseId, Taken)>) {
    let Some(last) = untold.iter().map(|(_, step)| step.sequence).max() else {
        return;
    };
    for (id, step) in &untold {
        recorder
            .testify(Event::GrantStepped(Box::new(stepped(*id, step))))
            .await;
    }
    recorder.ledger.flush().await;
    // Where the store is away now they are told again.
    let _ = registry
        .at_desk(move |office| office.at(|desk| Ok(desk.store().told(last)?)))
        .await;
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
