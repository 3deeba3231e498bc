//! From a draft to a grant that is set up.

use mail::Timestamp;

use super::{Deadline, Event, Evidence, NoStep, Risk, State, Step, within};
use crate::acknowledgement::{Acknowledged, Signature, TextVersion};
use crate::actor::Actor;
use crate::case::{Case, Track};
use crate::check::Check;
use crate::notice::{Audience, Notice};
use crate::terms::Terms;

pub(super) fn step(
    case: &Case,
    event: &Event,
    actor: &Actor,
    now: Timestamp,
    terms: &Terms,
) -> Result<Option<Step>, NoStep> {
    let to = |state| Step::to(case, state, now);
    Ok(Some(match (case.state, event) {
        (State::Draft, Event::Submit) if !case.unreviewed => {
            if case.track == Track::Exception {
                let head = case.head.as_ref().ok_or(NoStep::NoHead)?;
                if *head == case.requestor {
                    return Err(NoStep::OwnRequest {
                        who: head.clone(),
                        as_what: crate::actor::Role::Requestor,
                    });
                }
            }
            to(State::Submitted)
                .tells(Notice::Received)
                .keeps(Evidence::Form)
                .checks(Check::AT_SUBMISSION)
        }
        (State::Submitted | State::SecurityReview, Event::Ask { .. }) => to(State::NeedsInformation)
            .tells(Notice::MoreNeeded)
            .keeps(Evidence::Words),
        (State::NeedsInformation, Event::Answer { request }) => to(State::Submitted)
            .with(|case| case.request = *request)
            .tells(Notice::AnswerReceived)
            .keeps(Evidence::FormChange)
            .checks(Check::AT_SUBMISSION),
        (State::Submitted, Event::Complete { until }) => complete(case, *until, actor, now, terms)?,
        (State::Submitted | State::SecurityReview, Event::Reject { .. }) => {
            to(State::Rejected).tells(Notice::Rejected).keeps(Evidence::Words)
        }
        (State::AwaitingHeadAck, Event::Decline { .. }) => {
            to(State::Rejected).tells(Notice::Rejected).keeps(Evidence::Words)
        }
        (_, Event::Withdraw) if is_open(case.state) => to(State::Withdrawn).keeps(Evidence::Words),
        (_, Event::Amend { request }) if is_open(case.state) => amend(case, *request, now),
        (State::Approved, Event::Checked { red }) if !red.is_empty() => to(State::WaitingNetwork)
            .tells(Notice::NetworkAsked)
            .keeps(Evidence::Checks),
        (State::WaitingNetwork, Event::Checked { red }) if !red.is_empty() => Step::stay(case).keeps(Evidence::Checks),
        (State::Approved | State::WaitingNetwork, Event::Checked { .. }) => {
            if !case.is_decided() {
                return Err(NoStep::Undecided);
            }
            to(State::Provisioned)
                .with(|case| {
                    case.provisioned = Some(now);
                    // What had expired begins anew.
                    case.drift = None;
                    case.orphan = None;
                })
                .tells(Notice::Recipe)
                .keeps(Evidence::Rules)
        }
        _ => return Ok(None),
    }))
}

/// Whether it is a request still, which may be edited and given up.
const fn is_open(state: State) -> bool {
    matches!(
        state,
        State::Draft
            | State::Submitted
            | State::NeedsInformation
            | State::AwaitingHeadAck
            | State::SecurityReview
            | State::Approved
            | State::WaitingNetwork
    )
}

/// Nothing is missing: on to whoever decides.
fn complete(case: &Case, until: Timestamp, actor: &Actor, now: Timestamp, terms: &Terms) -> Result<Step, NoStep> {
    let to = |state| Step::to(case, state, now);
    Ok(match case.track {
        // The answer to a question changed nothing that was acknowledged.
        Track::Exception if case.is_acknowledged() => to(State::SecurityReview).tells(Notice::SecurityAsked),
        Track::Exception => {
            if case.head.is_none() {
                return Err(NoStep::NoHead);
            }
            to(State::AwaitingHeadAck)
                .tells(Notice::HeadAsked)
                .tells(Notice::HeadWasAsked)
                .keeps(Evidence::Link)
        }
        Track::Consultation { security: true } => to(State::SecurityReview).tells(Notice::SecurityAsked),
        Track::Authenticated | Track::Consultation { security: false } => {
            within(until, now, terms.longest)?;
            approved(case, until, actor, now)
        }
    })
}

fn approved(case: &Case, until: Timestamp, actor: &Actor, now: Timestamp) -> Step {
    Step::to(case, State::Approved, now)
        .with(|case| {
            case.until = Some(until);
            case.decided_by = actor.person().cloned();
        })
        .tells(Notice::Approved)
        .keeps(Evidence::Decision)
        .checks(Check::BEFORE_SERVING)
}

/// What is asked for was changed: whatever was said about it was said about something else.
fn amend(case: &Case, request: [u8; 32], now: Timestamp) -> Step {
    let state = match (case.state, case.track) {
        (State::Draft | State::Submitted | State::NeedsInformation, _) => case.state,
        (_, Track::Exception) => State::AwaitingHeadAck,
        (_, Track::Authenticated | Track::Consultation { .. }) => State::Submitted,
    };
    let step = if state == case.state && state != State::AwaitingHeadAck {
        Step::stay(case)
    } else {
        Step::to(case, state, now)
    };
    let step = step
        .with(|case| {
            case.request = request;
            case.acknowledged = None;
            case.decided_by = None;
            case.until = None;
        })
        .keeps(Evidence::FormChange);
    match state {
        State::AwaitingHeadAck => step.tells(Notice::HeadAsked).tells(Notice::HeadWasAsked),
        State::Draft => step,
        _ => step.checks(Check::AT_SUBMISSION),
    }
}

/// The risk is taken: all three sentences, under these words, of this request.
pub(super) fn acknowledge(
    case: &Case,
    signature: &Signature,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<Step>, NoStep> {
    let step = match case.state {
        State::AwaitingHeadAck | State::Expired => Step::to(case, State::SecurityReview, now),
        // It serves until its end; what is said now is for the time after.
        State::ReviewDue => Step::stay(case),
        state if case.unreviewed && state.admits_mail() => Step::stay(case),
        _ => return Ok(None),
    };
    let (Track::Exception, Some(by)) = (case.track, actor.person()) else {
        return Ok(None);
    };
    let missing = signature.missing();
    if !missing.is_empty() {
        return Err(NoStep::Unticked(missing));
    }
    if signature.words != TextVersion::current() {
        return Err(NoStep::OtherWords);
    }
    if signature.request != case.request {
        return Err(NoStep::OtherRequest);
    }
    if signature.name.trim().is_empty() {
        return Err(NoStep::NoName);
    }
    let acknowledged = Acknowledged {
        by: by.clone(),
        name: signature.name.clone(),
        words: signature.words,
        request: signature.request,
        at: now,
    };
    Ok(Some(
        step.with(|case| {
            case.acknowledged = Some(acknowledged);
            // What had expired begins anew, as every other request.
            case.unreviewed &= case.state.admits_mail();
        })
        .tells(Notice::SecurityAsked)
        .keeps(Evidence::Acknowledgement),
    ))
}

/// Security approves: a request, or that a grant goes on.
pub(super) fn decide(
    case: &Case,
    risk: Risk,
    until: Timestamp,
    actor: &Actor,
    now: Timestamp,
    terms: &Terms,
) -> Result<Option<Step>, NoStep> {
    let exception = case.track == Track::Exception;
    let theirs = exception || case.track == (Track::Consultation { security: true });
    let renews = match case.state {
        State::SecurityReview => false,
        State::ReviewDue if theirs => true,
        state if theirs && case.unreviewed && state.admits_mail() => true,
        _ => return Ok(None),
    };
    // That of the first time does not count for the second.
    let fresh = case
        .acknowledged
        .as_ref()
        .is_some_and(|acknowledged| acknowledged.at >= case.entered);
    if exception && !(case.is_acknowledged() && (fresh || !renews)) {
        return Err(NoStep::Undecided);
    }
    let (low, medium, high) = terms.longest_by_risk;
    let most = match risk {
        Risk::Low => low,
        Risk::Medium => medium,
        Risk::High => high,
    };
    within(until, now, most)?;
    if !renews {
        return Ok(Some(approved(case, until, actor, now)));
    }
    let decided_by = actor.person().cloned();
    Ok(Some(
        Step::to(case, State::Active, now)
            .with(|case| {
                case.until = Some(until);
                case.decided_by = decided_by;
                case.unreviewed = false;
            })
            .tells(Notice::Renewed)
            .keeps(Evidence::Decision)
            .checks(Check::BEFORE_SERVING),
    ))
}

pub(super) fn elapsed(case: &Case, deadline: Deadline, now: Timestamp) -> Option<Step> {
    let withdrawn = Step::to(case, State::Withdrawn, now);
    Some(match (case.state, deadline) {
        (State::Draft, Deadline::DraftForgotten) => withdrawn.tells(Notice::DraftForgotten),
        (State::NeedsInformation, Deadline::InformationReminder) | (State::AwaitingHeadAck, Deadline::HeadReminder) => {
            let step = Step::reminded(case, now);
            match deadline {
                Deadline::HeadReminder => step.tells(Notice::HeadAsked),
                _ => step.tells(Notice::MoreNeeded),
            }
        }
        (State::AwaitingHeadAck, Deadline::HeadReminderBoth) => {
            Step::reminded(case, now).tells_also(Notice::HeadAsked, &[Audience::Requestor])
        }
        (State::NeedsInformation, Deadline::InformationMissing)
        | (State::AwaitingHeadAck, Deadline::HeadSilent)
        | (State::WaitingNetwork, Deadline::NetworkNotReady) => withdrawn.tells(Notice::NoAnswer),
        _ => return None,
    })
}
