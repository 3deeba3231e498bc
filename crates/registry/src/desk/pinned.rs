//! Grants of the configuration file: they change with the file alone, but may be stopped from here, and let go on.

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::{Actor, Role};
use crate::life::{NoStep, State, Suspension};
use crate::store::{Pinned, Store};

/// Who may.
const PEOPLE: &[Role] = &[Role::Admin, Role::Security];

impl<S: Store> Desk<S> {
    /// Lets a grant of the file not serve for now. Whether the file has one of this name is known elsewhere.
    pub fn suspend_pinned(
        &mut self,
        name: &str,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        self.say_of_pinned(name, true, why, actor, now)
    }

    /// Lets it serve again, as the file declares it.
    pub fn reinstate_pinned(
        &mut self,
        name: &str,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        self.say_of_pinned(name, false, why, actor, now)
    }

    fn say_of_pinned(
        &mut self,
        name: &str,
        suspended: bool,
        why: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Pinned, DeskError> {
        let event = if suspended { "suspend" } else { "reinstate" };
        let all = self.store.pinned()?;
        let is_suspended = all.iter().any(|said| &*said.name == name && said.suspended);
        let refused = match actor {
            Actor::Human { role, .. } if !PEOPLE.contains(role) => Some(NoStep::NotYours {
                event,
                actor: actor.clone(),
                needs: PEOPLE,
            }),
            _ if why.trim().is_empty() => Some(NoStep::NoReason(event)),
            _ if suspended == is_suspended => Some(NoStep::NotHere {
                state: if suspended {
                    State::Suspended(Suspension::Operator)
                } else {
                    State::Active
                },
                event,
            }),
            _ => None,
        };
        if let Some(why) = refused {
            let name = name.into();
            return Err(DeskError::Pinned { name, why });
        }
        let said = Pinned {
            name: name.into(),
            suspended,
            at: now,
            actor: actor.to_string(),
            why: why.trim().to_owned(),
        };
        self.store.pin(&said)?;
        Ok(said)
    }
}
