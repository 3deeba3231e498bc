//! Others operate a grant, or answer for it: proposed by its people or an administrator, and so when those who go and those
//! who come have agreed. Until then the former ones stay in force.

use mail::Timestamp;

use super::due::DAY;
use super::{Event, Evidence, NoStep, Step};
use crate::actor::{Actor, Role};
use crate::case::Case;
use crate::handover::Handover;
use crate::notice::{Audience, Notice};
use crate::terms::Terms;

pub(super) fn step(
    case: &Case,
    event: &Event,
    actor: &Actor,
    now: Timestamp,
    terms: &Terms,
) -> Result<Option<Step>, NoStep> {
    if !case.state.is_live() || case.unreviewed {
        return Ok(None);
    }
    Ok(Some(match event {
        Event::Contacts { to, stands_in, .. } => {
            if *stands_in {
                only_administrators(event, actor)?;
            }
            propose(case, to, actor, now.plus(DAY * terms.information.1))
        }
        Event::Confirm { request } => {
            let mut handover = pending(case, Some(request))?;
            let who = actor.person().ok_or(NoStep::NotAsked)?;
            // Who does both has said both.
            let (goes, comes) = (handover.lets_go(who), handover.takes_over(who));
            if !goes && !comes {
                return Err(NoStep::NotAsked);
            }
            settled(case, handover)
        }
        Event::StandIn { gone, .. } => {
            let mut handover = pending(case, None)?;
            let mut heard = false;
            for who in gone {
                heard |= handover.lets_go(who);
            }
            if !heard {
                return Err(NoStep::NotAsked);
            }
            settled(case, handover).keeps(Evidence::Words)
        }
        Event::Dissent { request, .. } => {
            pending(case, Some(request))?;
            stays(case).keeps(Evidence::Words)
        }
        _ => return Ok(None),
    }))
}

/// Nobody agreed in time, or not everybody.
pub(super) fn lapsed(case: &Case) -> Option<Step> {
    case.handover.is_some().then(|| stays(case))
}

/// Who proposes it agrees to go; that mail reaches who comes is shown by an answer alone.
fn propose(case: &Case, to: &Handover, actor: &Actor, until: Timestamp) -> Step {
    let mut handover = to.clone();
    handover.ends(until);
    let is_asked = !handover.waits_for().is_empty();
    if let Some(who) = actor.person() {
        handover.lets_go(who);
    }
    let asked = asked(&handover);
    let step = settled(case, handover).keeps(Evidence::FormChange);
    match is_asked {
        // Who goes is told even where somebody stands in for them, and may say no.
        true => step.tells_also(Notice::ContactsAsked, asked),
        false => step,
    }
}

/// Those whose contact changes, before and after.
const fn asked(handover: &Handover) -> &'static [Audience] {
    use Audience::{NextOwner, NextTechnical, Owner, Technical};
    match (&handover.technical, &handover.owner) {
        (Some(_), Some(_)) => &[Technical, NextTechnical, Owner, NextOwner],
        (Some(_), None) => &[Technical, NextTechnical],
        (None, _) => &[Owner, NextOwner],
    }
}

fn settled(case: &Case, handover: Handover) -> Step {
    if !handover.waits_for().is_empty() {
        return Step::stay(case).with(|case| case.handover = Some(handover));
    }
    Step::stay(case)
        .with(|case| {
            // The risk that was taken is the same, whoever answers.
            if let Some(acknowledged) = case.acknowledged.as_mut().filter(|one| one.request == case.request) {
                acknowledged.request = handover.request;
            }
            case.request = handover.request;
            case.handover = None;
            case.orphan = None;
        })
        .tells(Notice::ContactsChanged)
        .keeps(Evidence::FormChange)
}

fn stays(case: &Case) -> Step {
    Step::stay(case)
        .with(|case| case.handover = None)
        .tells(Notice::ContactsStay)
}

/// What is proposed, where it is what somebody was asked about.
fn pending(case: &Case, request: Option<&[u8; 32]>) -> Result<Handover, NoStep> {
    let handover = case.handover.clone().ok_or(NoStep::NotAsked)?;
    match request.is_none_or(|request| *request == handover.request) {
        true => Ok(handover),
        false => Err(NoStep::OtherRequest),
    }
}

fn only_administrators(event: &Event, actor: &Actor) -> Result<(), NoStep> {
    match actor {
        Actor::Human { role: Role::Admin, .. } => Ok(()),
        _ => Err(NoStep::NotYours {
            event: event.code(),
            actor: actor.clone(),
            needs: &[Role::Admin],
        }),
    }
}
