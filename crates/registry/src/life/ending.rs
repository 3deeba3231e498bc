//! What interrupts or ends a grant: people, abuse, the network, time.

use mail::Timestamp;

use super::{Deadline, Event, Evidence, NoStep, Revocation, State, Step, Suspension};
use crate::case::Case;
use crate::check::Check;
use crate::notice::{Audience, Notice};

pub(super) fn step(case: &Case, event: &Event, now: Timestamp) -> Result<Option<Step>, NoStep> {
    let serves = case.state.admits_mail();
    let abused = case.state == State::Suspended(Suspension::Abuse);
    let suspended = |why| Step::to(case, State::Suspended(why), now);
    let revoked = |why| Step::to(case, State::Revoked(why), now);
    Ok(Some(match event {
        // What is suspended for abuse is security's to end: its people would be rid of the block that follows.
        Event::Remove { .. } if case.state.is_live() && !abused => {
            revoked(Revocation::Owner).tells(Notice::Removed).keeps(Evidence::Words)
        }
        Event::NotAttested { .. } if case.state.is_live() && !abused => revoked(Revocation::Owner)
            .tells(Notice::NotAttested)
            .keeps(Evidence::List),
        // It widens nothing: neither its end nor its state is another, nor what counts as use of it.
        Event::Attest { .. } if case.state.is_live() => Step::stay(case).keeps(Evidence::List),
        Event::Abuse { .. } if case.state.is_live() && !abused => suspended(Suspension::Abuse)
            .tells(Notice::SuspendedAbuse)
            .keeps(Evidence::Alert),
        Event::Suspend { .. } if serves => suspended(Suspension::Operator)
            .tells(Notice::SuspendedByOperator)
            .keeps(Evidence::Words),
        Event::Drifted { dynamic: true, .. } if serves => suspended(Suspension::Drift)
            .tells_also(Notice::SuspendedDrift, &[Audience::Requestor, Audience::Owner])
            .keeps(Evidence::Difference),
        // Said once; the time runs from there.
        Event::Drifted { .. } if serves && case.drift.is_some() => Step::stay(case),
        Event::Drifted { .. } if serves => Step::stay(case)
            .with(|case| case.drift = Some(now))
            .tells(Notice::Drifted)
            .keeps(Evidence::Difference),
        Event::Matches if case.state.is_live() => Step::stay(case).with(|case| case.drift = None),
        Event::Abandoned if serves && case.orphan.is_some() => Step::stay(case),
        Event::Abandoned if serves => Step::stay(case)
            .with(|case| case.orphan = Some(now))
            .tells(Notice::Orphaned),
        Event::Found if case.state.is_live() && case.orphan.is_some() => {
            Step::stay(case).with(|case| case.orphan = None)
        }
        Event::Reinstate { .. } => return reinstate(case, now),
        Event::Revoke { .. } if abused => revoked(Revocation::Abuse)
            .tells(Notice::EndedAbuse)
            .keeps(Evidence::Words),
        Event::Revoke { .. } if case.state.is_live() || is_approved(case.state) => revoked(Revocation::Operator)
            .tells(Notice::EndedByOperator)
            .keeps(Evidence::Words),
        Event::Supersede { .. } if case.state.is_live() && !abused => Step::to(case, State::Superseded, now)
            .tells(Notice::Superseded)
            .keeps(Evidence::Successor),
        _ => return Ok(None),
    }))
}

const fn is_approved(state: State) -> bool {
    matches!(state, State::Approved | State::WaitingNetwork)
}

/// It serves again: within its time, with everything said that has to be, and with a clean sheet.
fn reinstate(case: &Case, now: Timestamp) -> Result<Option<Step>, NoStep> {
    if !matches!(case.state, State::Suspended(_)) {
        return Ok(None);
    }
    if !case.is_decided() {
        return Err(NoStep::Undecided);
    }
    if let Some(until) = case.until.filter(|until| *until < now) {
        return Err(NoStep::Past(until));
    }
    Ok(Some(
        Step::to(case, State::Active, now)
            .with(|case| {
                case.kept = Some(now);
                case.drift = None;
                case.orphan = None;
            })
            .tells(Notice::Reinstated)
            .keeps(Evidence::Words)
            .checks(Check::BEFORE_SERVING),
    ))
}

pub(super) fn elapsed(case: &Case, deadline: Deadline, now: Timestamp) -> Result<Option<Step>, NoStep> {
    let suspended = |why| Step::to(case, State::Suspended(why), now);
    let revoked = |why| Step::to(case, State::Revoked(why), now);
    let serves = case.state.admits_mail();
    Ok(Some(match deadline {
        Deadline::Ended if case.until.is_none_or(|until| now <= until) => {
            return Err(NoStep::NotDue(deadline.rule()));
        }
        Deadline::Ended if serves => Step::to(case, State::Expired, now).tells(Notice::Ended),
        // An end is no way around a suspension: nobody renews what was suspended.
        Deadline::Ended if case.state == State::Suspended(Suspension::Abuse) => {
            revoked(Revocation::Abuse).tells(Notice::EndedAbuse)
        }
        Deadline::Ended if case.state.is_live() => revoked(Revocation::Ended).tells(Notice::Ended),
        Deadline::IdleOver if case.state == State::Suspended(Suspension::Idle) => {
            revoked(Revocation::Idle).tells(Notice::EndedIdle)
        }
        Deadline::OrphanUnanswered if serves && case.orphan.is_some() => {
            suspended(Suspension::Orphan).tells(Notice::Orphaned)
        }
        Deadline::DriftUnanswered if serves && case.drift.is_some() => suspended(Suspension::Drift)
            .tells(Notice::SuspendedDrift)
            .keeps(Evidence::Difference),
        _ => return Ok(None),
    }))
}
