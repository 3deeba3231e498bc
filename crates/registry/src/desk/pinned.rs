//! Grants of the configuration file: they change with the file alone, but may be stopped from here, and let go on.

use mail::Timestamp;

use super::troubles::TOLD_AGAIN;
use super::{Desk, DeskError};
use crate::actor::{Actor, Role};
use crate::life::{NoStep, State, Suspension, Trouble};
use crate::store::{Pinned, Store};

/// Who may.
const PEOPLE: &[Role] = &[Role::Admin, Role::Security];

/// What is said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Suspend,
    Abuse,
    Reinstate,
}

impl Saying {
    const fn event(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Abuse => "abuse",
            Self::Reinstate => "reinstate",
        }
    }
}

impl Pinned {
    /// What was said, as its history tells it.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        match (self.suspended, self.abuse) {
            (true, true) => Saying::Abuse.event(),
            (true, false) => Saying::Suspend.event(),
            (false, _) => Saying::Reinstate.event(),
        }
    }

    /// Where it stands since, as far as the file lets it.
    #[must_use]
    pub const fn state(&self) -> State {
        match (self.suspended, self.abuse) {
            (true, true) => State::Suspended(Suspension::Abuse),
            (true, false) => State::Suspended(Suspension::Operator),
            (false, _) => State::Active,
        }
    }
}

impl<S: Store> Desk<S> {
    /// Lets a grant of the file not serve for now. Whether the file has one of this name is known elsewhere.
    pub fn suspend_pinned(
        &mut self,
        name: &str,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        self.say_of_pinned(name, Saying::Suspend, why, actor, now)
    }

    /// The same for spam, phish or malware, by somebody or by a rule: then security alone lets it serve again.
    pub fn abuse_of_pinned(
        &mut self,
        name: &str,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        self.say_of_pinned(name, Saying::Abuse, why, actor, now)
    }

    /// Lets it serve again, as the file declares it.
    pub fn reinstate_pinned(
        &mut self,
        name: &str,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        self.say_of_pinned(name, Saying::Reinstate, why, actor, now)
    }

    /// Tells the people of one what of its mail is not as it was granted, unless they were told; whether they are told now.
    pub fn trouble_of_pinned(
        &mut self,
        name: &str,
        trouble: Trouble,
        said: &str,
        now: Timestamp,
    ) -> Result<bool, DeskError> {
        let times = (now, now.minus(TOLD_AGAIN));
        Ok(self.store.trouble_of_pinned(name, trouble, said, times)?)
    }

    fn say_of_pinned(
        &mut self,
        name: &str,
        saying: Saying,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        let all = self.store.pinned()?;
        let stands = all.iter().find(|said| &*said.name == name);
        let stands = stands.map_or(State::Active, Pinned::state);
        let was_abused = stands == State::Suspended(Suspension::Abuse);
        may_say(saying, stands, why, actor).map_err(|why| DeskError::Pinned { name: name.into(), why })?;
        let said = Pinned {
            name: name.into(),
            suspended: saying != Saying::Reinstate,
            abuse: saying == Saying::Abuse || was_abused,
            at: now,
            actor: actor.to_string(),
            why: why.trim().to_owned(),
        };
        self.store.pin(&said)?;
        Ok(said)
    }
}

fn may_say(saying: Saying, state: State, why: &str, actor: &Actor) -> Result<(), NoStep> {
    let event = saying.event();
    let abused = state == State::Suspended(Suspension::Abuse);
    let needs = match saying {
        Saying::Reinstate if abused => &[Role::Security],
        _ => PEOPLE,
    };
    let is_theirs = match actor {
        Actor::Human { role, .. } => needs.contains(role),
        Actor::Rule(_) => saying == Saying::Abuse,
    };
    if !is_theirs {
        let actor = actor.clone();
        return Err(NoStep::NotYours { event, actor, needs });
    }
    if why.trim().is_empty() {
        return Err(NoStep::NoReason(event));
    }
    let leads_on = match saying {
        Saying::Suspend => state == State::Active,
        Saying::Abuse => !abused,
        Saying::Reinstate => state != State::Active,
    };
    match leads_on {
        true => Ok(()),
        false => Err(NoStep::NotHere { state, event }),
    }
}
