//! A grant from before there was a registry: it serves as it did, marked as unreviewed, and ends soon. A review makes it
//! an ordinary one: an administrator's word where it can log in, head and security where it cannot.

use mail::Timestamp;

use super::{Event, Evidence, NoStep, State, Step, within};
use crate::actor::Actor;
use crate::case::{Case, Track};
use crate::check::Check;
use crate::notice::Notice;
use crate::terms::Terms;

pub(super) fn step(
    case: &Case,
    event: &Event,
    actor: &Actor,
    now: Timestamp,
    terms: &Terms,
) -> Result<Option<Step>, NoStep> {
    if !case.unreviewed {
        return Ok(None);
    }
    Ok(match (case.state, event) {
        (State::Draft, Event::Import { until, recipe }) => {
            within(*until, now, terms.longest)?;
            let step = Step::to(case, State::Active, now).with(|case| {
                case.until = Some(*until);
                case.provisioned = Some(now);
            });
            let step = if *recipe { step.tells(Notice::Recipe) } else { step };
            Some(step.keeps(Evidence::Form))
        }
        (state, Event::Review { until }) if state.admits_mail() => Some(review(case, *until, actor, now, terms)?),
        // Who completes what the import could not know says nothing about whether it may go on.
        (state, Event::Amend { request }) if state.admits_mail() => {
            let step = Step::stay(case).with(|case| {
                case.request = *request;
                case.acknowledged = None;
            });
            Some(step.keeps(Evidence::FormChange))
        }
        _ => None,
    })
}

fn review(case: &Case, until: Timestamp, actor: &Actor, now: Timestamp, terms: &Terms) -> Result<Step, NoStep> {
    if matches!(case.track, Track::Exception | Track::Consultation { security: true }) {
        return Err(NoStep::Undecided);
    }
    within(until, now, terms.longest)?;
    let step = Step::to(case, State::Active, now).with(|case| {
        case.unreviewed = false;
        case.until = Some(until);
        case.kept = Some(now);
        case.decided_by = actor.person().cloned();
    });
    Ok(step
        .tells(Notice::Renewed)
        .keeps(Evidence::Decision)
        .checks(Check::BEFORE_SERVING))
}
