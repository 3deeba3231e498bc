//! The life of a grant: one function from a case, an event and the time to the next case, with what follows from it.
//!
//! ```text
//! draft -> submitted -> awaiting_head_ack -> security_review -> approved -> provisioned -> active <-> idle_warned
//!              |^             (exceptions)                          |           ^           |^            |
//!        needs_information                                    waiting_network --+       review_due    suspended -> revoked
//!                                                                                           v
//!                                                                                        expired
//! ```
//! `request.rs` has what comes before the first message, `service.rs` what comes behind it, `ending.rs` what ends or
//! interrupts it, `contacts.rs` who answers for it; `imported.rs` what served before there was a registry; `due.rs` says what time alone causes. What is not written there is not possible.

mod contacts;
mod due;
mod ending;
mod event;
mod idle;
mod imported;
mod may;
mod request;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod trouble;

use mail::Timestamp;

use crate::actor::{Actor, Person, Role};
use crate::case::Case;
use crate::check::Check;
use crate::notice::{Audience, Notice};
use crate::terms::Terms;

pub(crate) use due::{DAY, step_of};
pub use due::{due, next_due};
pub use event::{Deadline, Event, Risk};
pub use idle::idle_days;
pub use state::{Revocation, State, Suspension};
pub use trouble::Trouble;

/// What has to be kept of a step, beside who caused it, when, and what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Nothing more.
    Nothing,
    /// The form as it was filled in, with its hash.
    Form,
    /// What changed in the form.
    FormChange,
    /// The words of whoever decided.
    Words,
    /// The link that was sent.
    Link,
    /// The acknowledgement: words and their version, name, address of the client, how identity was shown.
    Acknowledgement,
    /// Risk, controls and end.
    Decision,
    /// The checks, with what was found.
    Checks,
    /// The generation and the rules that came of it.
    Rules,
    /// The message.
    Message,
    /// The last message there was.
    LastMessage,
    /// The alert, with samples.
    Alert,
    /// What is there, and what was registered.
    Difference,
    /// The case that takes its place.
    Successor,
    /// The list on which the head of its department had it, and its hash.
    List,
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The case from now on.
    pub case: Case,
    /// The letters to be written, each to its usual readers and to these.
    pub notices: Vec<(Notice, &'static [Audience])>,
    /// What has to be kept.
    pub evidence: Evidence,
    /// What has to be checked now.
    pub checks: &'static [Check],
}

impl Step {
    /// Into a state, from now on.
    fn to(case: &Case, state: State, now: Timestamp) -> Self {
        let mut next = Self::stay(case);
        next.case.state = state;
        next.case.entered = now;
        next.case.reminded = (0, now);
        if !state.is_live() {
            next.case.handover = None;
        }
        next
    }

    /// In the same state.
    fn stay(case: &Case) -> Self {
        Self {
            case: case.clone(),
            notices: Vec::new(),
            evidence: Evidence::Nothing,
            checks: &[],
        }
    }

    /// In the same state, a step nearer to its last.
    fn reminded(case: &Case, now: Timestamp) -> Self {
        let mut next = Self::stay(case);
        next.case.reminded = (case.reminded.0.saturating_add(1), now);
        next
    }

    fn tells(mut self, notice: Notice) -> Self {
        self.notices.push((notice, &[]));
        self
    }

    fn tells_also(mut self, notice: Notice, also: &'static [Audience]) -> Self {
        self.notices.push((notice, also));
        self
    }

    fn keeps(mut self, evidence: Evidence) -> Self {
        self.evidence = evidence;
        self
    }

    fn checks(mut self, checks: &'static [Check]) -> Self {
        self.checks = checks;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Case)) -> Self {
        change(&mut self.case);
        self
    }
}

/// Why an event leads nowhere, and what leads on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStep {
    /// Nothing of the kind happens in this state.
    #[error("{event} is not possible while the grant is {state}")]
    NotHere {
        /// Where it stands.
        state: State,
        /// What was tried.
        event: &'static str,
    },
    /// Somebody else has to.
    #[error("{event} is for {}, not for {actor}", roles(needs))]
    NotYours {
        /// What was tried.
        event: &'static str,
        /// By whom.
        actor: Actor,
        /// Who may.
        needs: &'static [Role],
    },
    /// Nobody decides about what is their own.
    #[error("{who} is the {as_what} of this request and cannot decide about it as well; somebody else has to")]
    OwnRequest {
        /// Who.
        who: Person,
        /// What they are to it already.
        as_what: Role,
    },
    /// Something has to be said.
    #[error("{0} needs a reason: say why")]
    NoReason(&'static str),
    /// Not all was acknowledged.
    #[error("each of the three sentences has to be ticked; missing: {0:?}")]
    Unticked(Vec<usize>),
    /// Other words were shown.
    #[error("the words have changed since they were shown; read them again and acknowledge them anew")]
    OtherWords,
    /// Another request was shown.
    #[error("the request was edited since it was shown; read it again and acknowledge it anew")]
    OtherRequest,
    /// No name was typed.
    #[error("type your full name")]
    NoName,
    /// Nobody is there to take the risk.
    #[error("an exception needs somebody who takes the risk: name a dean, department head or director")]
    NoHead,
    /// It lies in the past.
    #[error("the end {} lies in the past", .0.to_date())]
    Past(Timestamp),
    /// It is too far away.
    #[error("the end {} is too far away: {most} days at most", .until.to_date())]
    TooLong {
        /// What was asked for.
        until: Timestamp,
        /// Days that are possible.
        most: u32,
    },
    /// Not by now.
    #[error("{0} is not due yet")]
    NotDue(&'static str),
    /// What its track demands was not said.
    #[error("it cannot serve: what people have to say first was not said")]
    Undecided,
    /// Nobody waits for this answer.
    #[error("nobody waits for that answer: no other contacts are proposed, or they have answered")]
    NotAsked,
    /// It was imported.
    #[error("it was imported, and nobody has reviewed it yet: a review decides whether it goes on")]
    Unreviewed,
}

fn roles(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    if names.is_empty() {
        return "the rules alone".to_owned();
    }
    names.join(" or ")
}

/// What follows when this happens to this case, at this time, by this actor.
pub fn step(case: &Case, event: &Event, actor: &Actor, now: Timestamp, terms: &Terms) -> Result<Step, NoStep> {
    may::cause(case, event, actor)?;
    let step = match event {
        Event::Import { .. } | Event::Review { .. } => imported::step(case, event, actor, now, terms)?,
        Event::Amend { .. } if case.unreviewed => imported::step(case, event, actor, now, terms)?,
        Event::Submit
        | Event::Ask { .. }
        | Event::Answer { .. }
        | Event::Withdraw
        | Event::Complete { .. }
        | Event::Decline { .. }
        | Event::Reject { .. }
        | Event::Amend { .. }
        | Event::Checked { .. } => request::step(case, event, actor, now, terms)?,
        Event::Acknowledge(signature) => request::acknowledge(case, signature, actor, now)?,
        Event::Decide { risk, until, .. } => request::decide(case, *risk, *until, actor, now, terms)?,
        Event::Accepted { .. } | Event::Troubled { .. } | Event::Keep { .. } | Event::Renew { .. } => {
            service::step(case, event, now, terms)?
        }
        Event::Remove { .. }
        | Event::Attest { .. }
        | Event::NotAttested { .. }
        | Event::Abuse { .. }
        | Event::Drifted { .. }
        | Event::Matches
        | Event::Abandoned
        | Event::Found
        | Event::Suspend { .. }
        | Event::Reinstate { .. }
        | Event::Revoke { .. }
        | Event::Supersede { .. } => ending::step(case, event, now)?,
        Event::Contacts { .. } | Event::Confirm { .. } | Event::StandIn { .. } | Event::Dissent { .. } => {
            contacts::step(case, event, actor, now, terms)?
        }
        Event::Elapsed(Deadline::ContactsUnconfirmed) => contacts::lapsed(case),
        Event::Elapsed(deadline) => elapsed(case, *deadline, now, terms)?,
    };
    step.ok_or(NoStep::NotHere {
        state: case.state,
        event: event.code(),
    })
}

fn elapsed(case: &Case, deadline: Deadline, now: Timestamp, terms: &Terms) -> Result<Option<Step>, NoStep> {
    Ok(match case.state {
        State::Draft | State::NeedsInformation | State::AwaitingHeadAck | State::WaitingNetwork => {
            request::elapsed(case, deadline, now)
        }
        _ => match service::elapsed(case, deadline, now, terms)? {
            Some(step) => Some(step),
            None => ending::elapsed(case, deadline, now)?,
        },
    })
}

/// Refuses an end that is past, or too far away.
fn within(until: Timestamp, now: Timestamp, most: u32) -> Result<(), NoStep> {
    if until <= now {
        return Err(NoStep::Past(until));
    }
    if until > now.plus(due::DAY * most) {
        return Err(NoStep::TooLong { until, most });
    }
    Ok(())
}
