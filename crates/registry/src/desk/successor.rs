//! A grant takes the place of another: what it may do has changed, so people have decided about it anew.

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::{Actor, Person};
use crate::form::{Form, Remark, Request, Weight};
use crate::life::{Event, State, Suspension};
use crate::store::{CaseId, Kept, Store, StoreError};

impl<S: Store> Desk<S> {
    /// Why this request cannot take the place of the grant it names: only its own people ask for that.
    pub(super) fn cannot_replace(
        &mut self,
        kept: &Kept,
        request: Option<&Request>,
    ) -> Result<Option<Remark>, DeskError> {
        let Some(former) = request.and_then(|request| request.replaces) else {
            return Ok(None);
        };
        let said = match self.store.get(former)? {
            None => format!("there is no {former}"),
            Some(other) if !is_of(&kept.form, &other.form) => {
                format!("{former} is nothing of yours; its own people ask for what takes its place")
            }
            Some(other) if other.case.state == State::Suspended(Suspension::Abuse) => {
                format!("{former} is suspended for abuse; security decides about it first")
            }
            Some(other) if !other.case.state.is_live() || other.id == kept.id => {
                format!("{former} is {}, and nothing takes its place", other.case.state)
            }
            Some(_) => return Ok(None),
        };
        Ok(Some(Remark {
            field: "replaces".to_owned(),
            weight: Weight::Blocks,
            said,
        }))
    }

    /// Ends the grant whose place this one has taken, where it has.
    pub(super) fn take_place(&mut self, id: CaseId, now: Timestamp) -> Result<(), DeskError> {
        let Some(former) = self.known.takes_place_of(id) else {
            return Ok(());
        };
        let event = Event::Supersede {
            by: id.to_string().into(),
        };
        match self.act(former, &event, &Actor::rule("successor"), now) {
            // What has ended meanwhile has no place to be taken.
            Ok(_) | Err(DeskError::NoStep { .. } | DeskError::Store(StoreError::Changed(_))) => Ok(()),
            Err(why) => Err(why),
        }
    }
}

/// Whether who asks is one of its people.
fn is_of(form: &Form, other: &Form) -> bool {
    let who = Person::new(form.requestor.email.trim());
    let people = [&other.requestor, &other.technical, &other.owner];
    people
        .into_iter()
        .any(|contact| Person::new(contact.email.trim()) == who)
}
