//! What of a grant's mail is not as it was approved is told to its people, and not again and again.

use std::time::Duration;

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::Actor;
use crate::life::{Event, NoStep, Trouble};
use crate::store::{CaseId, Store, StoreError};

/// A device that is set up wrongly tries for weeks: its people hear of the same thing once in such a time.
pub(super) const TOLD_AGAIN: Duration = Duration::from_secs(30 * 86_400);

impl<S: Store> Desk<S> {
    /// Tells the people of a grant, unless they were told; whether they are told now.
    pub fn trouble(&mut self, id: CaseId, trouble: Trouble, said: &str, now: Timestamp) -> Result<bool, DeskError> {
        let history = self.store.history(id)?;
        let told = history.iter().rev().find(|step| step.event == trouble.code());
        if told.is_some_and(|step| now < step.at.plus(TOLD_AGAIN)) {
            return Ok(false);
        }
        let event = Event::Troubled {
            trouble,
            said: said.into(),
        };
        match self.act(id, &event, &Actor::rule("gate"), now) {
            Ok(_) => Ok(true),
            // It no longer serves, or is no longer there: nobody has to set anything right.
            Err(
                DeskError::NoStep {
                    why: NoStep::NotHere { .. },
                    ..
                }
                | DeskError::Store(StoreError::Missing(_)),
            ) => Ok(false),
            Err(why) => Err(why),
        }
    }
}
