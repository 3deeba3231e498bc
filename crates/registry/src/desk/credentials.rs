//! Credentials of a grant: issued, rotated, ended. What they are is shown by whoever makes them; here is only what to
//! check them by.

use std::time::Duration;

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::{Actor, Role};
use crate::credential::{Credential, NewCredential, superseded};
use crate::life::NoStep;
use crate::link::{Purpose, Token};
use crate::store::{CaseId, CredentialChange, Kept, Store, StoreError};

/// Who may issue and end credentials.
const PEOPLE: &[Role] = &[Role::Admin, Role::Security, Role::Technical, Role::Owner];

impl<S: Store> Desk<S> {
    /// One more credential, beside those there are.
    pub fn issue(
        &mut self,
        id: CaseId,
        new: &NewCredential,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Credential, DeskError> {
        self.add(id, "credential-issued", new, &[], actor, now)
    }

    /// One that takes the place of those of its kind and label; they hold for this long beside it.
    pub fn rotate(
        &mut self,
        id: CaseId,
        new: &NewCredential,
        overlap: Duration,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Credential, DeskError> {
        let all = self.store.credentials(id)?;
        let ended = superseded(&all, new.kind, &new.label, now, overlap);
        self.add(id, "credential-rotated", new, &ended, actor, now)
    }

    /// Lets a credential end.
    pub fn end_credential(
        &mut self,
        id: CaseId,
        number: u32,
        at: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), DeskError> {
        let change = CredentialChange {
            event: "credential-ended",
            new: None,
            ended: &[(number, at)],
            link: None,
        };
        self.change(id, change, actor, now)?;
        Ok(())
    }

    /// Fetches the first secret by the link that was sent to the technical contact. It is made in that moment, so that
    /// none lies anywhere; the link is used up with it, or not at all.
    pub fn fetch_secret(
        &mut self,
        token: &Token,
        new: &NewCredential,
        now: Timestamp,
    ) -> Result<(CaseId, Credential), DeskError> {
        let hash = token.hash();
        let link = self.look_at(&hash, &[Purpose::Secret], now)?;
        let actor = Actor::human(&link.address, Role::Technical);
        let change = CredentialChange {
            event: "credential-issued",
            new: Some(new),
            ended: &[],
            link: Some(&hash),
        };
        let credential = self.change(link.case, change, &actor, now)?;
        Ok((link.case, credential.ok_or(StoreError::Missing(link.case))?))
    }

    fn add(
        &mut self,
        id: CaseId,
        event: &'static str,
        new: &NewCredential,
        ended: &[(u32, Timestamp)],
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Credential, DeskError> {
        let change = CredentialChange {
            event,
            new: Some(new),
            ended,
            link: None,
        };
        let credential = self.change(id, change, actor, now)?;
        Ok(credential.ok_or(StoreError::Missing(id))?)
    }

    fn change(
        &mut self,
        id: CaseId,
        change: CredentialChange<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Credential>, DeskError> {
        let kept = self.get(id)?;
        may_change(&kept, &change, actor).map_err(|why| DeskError::NoStep { id, why })?;
        Ok(self.store.change_credentials(id, change, actor, now)?)
    }
}

/// A credential is issued for what was set up and has not ended; one may end at any time.
fn may_change(kept: &Kept, change: &CredentialChange<'_>, actor: &Actor) -> Result<(), NoStep> {
    let event = change.event;
    if change.new.is_some() && !kept.case.state.is_live() {
        let state = kept.case.state;
        return Err(NoStep::NotHere { state, event });
    }
    match actor {
        Actor::Human { role, .. } if !PEOPLE.contains(role) => Err(NoStep::NotYours {
            event,
            actor: actor.clone(),
            needs: PEOPLE,
        }),
        _ => Ok(()),
    }
}
