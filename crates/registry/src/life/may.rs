//! Who may cause an event: the right role, a reason where one is due, and never somebody who decides about their own.

use super::{Event, NoStep, State, Suspension};
use crate::actor::{Actor, Person, Role};
use crate::case::Case;

pub(super) fn cause(case: &Case, event: &Event, actor: &Actor) -> Result<(), NoStep> {
    let needs = needed(case, event);
    let allowed = match actor {
        Actor::Rule(_) => event.by_rule(),
        Actor::Human { role, .. } => needs.contains(role),
    };
    if !allowed {
        return Err(NoStep::NotYours {
            event: event.code(),
            actor: actor.clone(),
            needs,
        });
    }
    if event.said().is_some_and(|said| said.trim().is_empty()) {
        return Err(NoStep::NoReason(event.code()));
    }
    match actor.person() {
        Some(who) => not_their_own(case, event, who),
        None => Ok(()),
    }
}

/// Who may, here: what was suspended for abuse is security's.
fn needed(case: &Case, event: &Event) -> &'static [Role] {
    match (event, case.state) {
        (Event::Reinstate { .. } | Event::Revoke { .. }, State::Suspended(Suspension::Abuse)) => &[Role::Security],
        (Event::Ask { .. } | Event::Reject { .. }, State::SecurityReview) => &[Role::Security],
        (Event::Ask { .. } | Event::Reject { .. }, _) => &[Role::Admin],
        // It serves without anybody's approval: its people do not change by themselves what it may.
        (Event::Amend { .. }, _) if case.unreviewed => &[Role::Admin],
        _ => event.people(),
    }
}

/// Whoever asks for it does not take its risk, and neither of them approves it.
fn not_their_own(case: &Case, event: &Event, who: &Person) -> Result<(), NoStep> {
    let barred: &[Role] = match event {
        // Nobody attests what they asked for; to give it up is anybody's.
        Event::Acknowledge(_) | Event::Attest { .. } => &[Role::Requestor],
        Event::Complete { .. } | Event::Review { .. } | Event::Decide { .. } | Event::Reinstate { .. } => {
            &[Role::Requestor, Role::Head]
        }
        _ => &[],
    };
    for role in barred {
        let taken = match role {
            Role::Requestor => *who == case.requestor,
            _ => {
                case.head.as_ref() == Some(who)
                    || case
                        .acknowledged
                        .as_ref()
                        .is_some_and(|acknowledged| acknowledged.by == *who)
            }
        };
        if taken {
            return Err(NoStep::OwnRequest {
                who: who.clone(),
                as_what: *role,
            });
        }
    }
    // The head who acknowledges is the one who was named.
    if matches!(event, Event::Acknowledge(_) | Event::Decline { .. }) && case.head.as_ref() != Some(who) {
        return Err(NoStep::NotYours {
            event: event.code(),
            actor: Actor::Human {
                who: who.clone(),
                role: Role::Head,
            },
            needs: event.people(),
        });
    }
    Ok(())
}
