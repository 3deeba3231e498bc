//! A grant in use: the first message, the year without one, the end that comes near.

use mail::Timestamp;

use super::due::letters_before_end;
use super::{Deadline, Event, Evidence, NoStep, State, Step, Suspension, within};
use crate::case::{Case, Track};
use crate::check::Check;
use crate::notice::{Audience, Notice};
use crate::terms::Terms;

pub(super) fn step(case: &Case, event: &Event, now: Timestamp, terms: &Terms) -> Result<Option<Step>, NoStep> {
    Ok(match event {
        Event::Accepted { counts, .. } => accepted(case, *counts, now),
        Event::Troubled { trouble, .. } if case.state.admits_mail() => {
            Some(Step::stay(case).tells(trouble.notice()).keeps(Evidence::Words))
        }
        Event::Keep { .. } => keep(case, now),
        Event::Renew { until } => renew(case, *until, now, terms)?,
        _ => None,
    })
}

/// A message came. What does not count as use still shows that the device was set up.
fn accepted(case: &Case, counts: bool, now: Timestamp) -> Option<Step> {
    let step = match case.state {
        State::Provisioned => Step::to(case, State::Active, now)
            .tells(Notice::Works)
            .keeps(Evidence::Message),
        State::IdleWarned if counts => Step::to(case, State::Active, now)
            .tells(Notice::InUseAgain)
            .keeps(Evidence::Message),
        State::Active | State::ReviewDue | State::IdleWarned => Step::stay(case),
        _ => return None,
    };
    Some(step.with(|case| {
        if counts {
            case.last_accepted = case.last_accepted.max(Some(now));
        }
    }))
}

/// It is still needed, and rests for a reason.
fn keep(case: &Case, now: Timestamp) -> Option<Step> {
    let step = match case.state {
        State::IdleWarned => Step::to(case, State::Active, now),
        State::Active | State::ReviewDue => Step::stay(case),
        _ => return None,
    };
    Some(
        step.with(|case| case.kept = Some(now))
            .tells(Notice::Kept)
            .keeps(Evidence::Words),
    )
}

/// Its people want it to go on. An exception needs more than that: whoever takes the risk, and security.
fn renew(case: &Case, until: Timestamp, now: Timestamp, terms: &Terms) -> Result<Option<Step>, NoStep> {
    let in_grace = case.state == State::Expired && now <= case.entered.plus(super::due::DAY * terms.grace);
    if case.state != State::ReviewDue && !in_grace {
        return Ok(None);
    }
    if case.unreviewed {
        return Err(NoStep::Unreviewed);
    }
    match case.track {
        Track::Exception => Err(NoStep::Undecided),
        Track::Consultation { security: true } if in_grace => Ok(Some(
            Step::to(case, State::SecurityReview, now).tells(Notice::SecurityAsked),
        )),
        Track::Consultation { security: true } => Ok(Some(Step::stay(case).tells(Notice::SecurityAsked))),
        Track::Authenticated | Track::Consultation { security: false } => {
            within(until, now, terms.longest)?;
            Ok(Some(
                Step::to(case, State::Active, now)
                    .with(|case| {
                        case.until = Some(until);
                        // Its owner has just answered for it.
                        case.orphan = None;
                    })
                    .tells(Notice::Renewed)
                    .keeps(Evidence::Words)
                    .checks(Check::BEFORE_SERVING),
            ))
        }
    }
}

pub(super) fn elapsed(case: &Case, deadline: Deadline, now: Timestamp, terms: &Terms) -> Result<Option<Step>, NoStep> {
    let suspended = |why| Step::to(case, State::Suspended(why), now);
    Ok(Some(match (case.state, deadline) {
        (State::Provisioned, Deadline::UnusedReminder) => Step::reminded(case, now).tells(Notice::Unused),
        (State::Provisioned, Deadline::Unused) => suspended(Suspension::Unused).tells(Notice::SuspendedUnused),
        (State::Active, Deadline::Idle) => Step::to(case, State::IdleWarned, now)
            .tells(Notice::StillNeeded)
            .keeps(Evidence::LastMessage),
        (State::IdleWarned, Deadline::IdleReminder) => Step::reminded(case, now).tells(Notice::StillNeeded),
        (State::IdleWarned, Deadline::IdleHeadTold) => {
            Step::reminded(case, now).tells_also(Notice::StillNeeded, &[Audience::Head])
        }
        (State::IdleWarned, Deadline::IdleUnanswered) => suspended(Suspension::Idle).tells(Notice::SuspendedIdle),
        (State::Active | State::ReviewDue, Deadline::EndNears) => {
            let Some(until) = case.until else { return Ok(None) };
            let sent = letters_before_end(until, now, terms);
            let already = if case.state == State::ReviewDue {
                case.reminded.0
            } else {
                0
            };
            if sent <= already {
                return Err(NoStep::NotDue(deadline.rule()));
            }
            let step = if case.state == State::Active {
                Step::to(case, State::ReviewDue, now)
            } else {
                Step::stay(case)
            };
            step.with(|case| case.reminded = (sent, now)).tells(Notice::EndNears)
        }
        _ => return Ok(None),
    }))
}
