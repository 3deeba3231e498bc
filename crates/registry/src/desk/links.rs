//! Answers by a link, without a login: whoever has it reads mail at the address it was sent to.

use mail::Timestamp;
use serde_json::json;
use world::Rng;

use super::{Beside, Desk, DeskError, hex};
use crate::actor::{Actor, Person, Role};
use crate::form::Form;
use crate::life::{Event, NoStep};
use crate::link::{DeadLink, Link, Purpose, Token, TokenHash, Whence};
use crate::store::{CaseId, Kept, Store, StoreError};

impl<S: Store> Desk<S> {
    /// A link that is about to be sent to somebody. It stands in what is returned, and nowhere else.
    pub fn link(
        &mut self,
        id: CaseId,
        purpose: Purpose,
        address: &str,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<(Token, Link), DeskError> {
        let kept = self.get(id)?;
        let token = Token::fresh(rng);
        let proposed = kept.case.handover.as_ref().filter(|_| purpose == Purpose::Contacts);
        let link = Link {
            case: id,
            list: None,
            purpose,
            address: address.trim().into(),
            request: proposed.map_or(kept.case.request, |proposed| proposed.request),
            made: now,
            ends: purpose.ends(now, &self.rules.calendar),
            used: None,
        };
        self.store.keep_link(&token.hash(), &link)?;
        Ok((token, link))
    }

    /// What a link is about, where it works. To look at it uses nothing up: programs that read mail follow links too.
    pub fn followed(&mut self, token: &Token, now: Timestamp) -> Result<(Link, Kept), DeskError> {
        let link = self.store.look_at_link(&token.hash(), now)?;
        let kept = self.get(link.case)?;
        Ok((link, kept))
    }

    /// Takes the step that is answered by a link. The link is used up with it, or not at all.
    pub fn answer(&mut self, token: &Token, event: &Event, whence: &Whence, now: Timestamp) -> Result<Kept, DeskError> {
        let hash = token.hash();
        let link = self.look_at(&hash, purposes(event), now)?;
        let kept = self.retried(|desk| {
            let kept = desk.get(link.case)?;
            let actor = somebody(&kept, &link.address, event).map_err(|why| DeskError::NoStep { id: kept.id, why })?;
            let mut beside = Beside::of(event);
            let evidence = beside.evidence.get_or_insert_with(|| json!({}));
            if let Some(evidence) = evidence.as_object_mut() {
                // Its people, its volume and what it is for were shown, and said to be so still.
                if matches!(event, Event::Renew { .. }) {
                    evidence.insert("form_sha256".to_owned(), json!(hex(&kept.case.request)));
                }
                evidence.insert("by_link_to".to_owned(), json!(link.address));
                evidence.insert("from".to_owned(), json!(whence.address));
                evidence.insert("agent".to_owned(), json!(whence.agent));
            }
            beside.link = Some(&hash);
            desk.keep(&kept, event, &actor, now, beside)
        })?;
        if link.purpose == Purpose::Contacts {
            // Whatever came back before: mail reaches them now.
            self.store.reached(&link.address)?;
        }
        Ok(kept)
    }

    /// Uses a link up by which nothing but an address is shown to be somebody's.
    pub fn verify_mail(&mut self, token: &Token, now: Timestamp) -> Result<Link, DeskError> {
        let hash = token.hash();
        self.look_at(&hash, &[Purpose::VerifyMail], now)?;
        let link = self.store.redeem_link(&hash, now)?;
        self.store.reached(&link.address)?;
        Ok(link)
    }

    pub(super) fn look_at(
        &mut self,
        hash: &TokenHash,
        purposes: &[Purpose],
        now: Timestamp,
    ) -> Result<Link, DeskError> {
        let link = self.store.look_at_link(hash, now)?;
        match purposes.contains(&link.purpose) {
            true => Ok(link),
            false => Err(StoreError::from(DeadLink::Unknown).into()),
        }
    }
}

/// The links by which an event can be caused.
fn purposes(event: &Event) -> &'static [Purpose] {
    match event {
        Event::Acknowledge(_) | Event::Decline { .. } => &[Purpose::Acknowledge],
        Event::Keep { .. } | Event::Remove { .. } => &[Purpose::KeepOrRemove],
        Event::Renew { .. } => &[Purpose::Renew],
        Event::Confirm { .. } | Event::Dissent { .. } => &[Purpose::Contacts],
        _ => &[],
    }
}

/// Who answers: the person of this address, in the first of their roles that may.
fn somebody(kept: &Kept, address: &str, event: &Event) -> Result<Actor, NoStep> {
    let who = Person::new(address);
    if let (Event::Confirm { .. } | Event::Dissent { .. }, Some(proposed)) = (event, &kept.case.handover)
        && let Some(role) = proposed.role_of(&who)
    {
        // Who comes has no other part in it before all have agreed.
        return Ok(Actor::Human { who, role });
    }
    let roles = roles(&kept.form).into_iter();
    let mut theirs = roles.filter(|(_, of)| Person::new(of) == who).map(|(role, _)| role);
    let actor = |role| Actor::Human { who: who.clone(), role };
    match theirs.find(|role| event.people().contains(role)) {
        Some(role) => Ok(actor(role)),
        None => Err(NoStep::NotYours {
            event: event.code(),
            // Whoever they are: at least they were asked.
            actor: actor(Role::Requestor),
            needs: event.people(),
        }),
    }
}

fn roles(form: &Form) -> [(Role, &str); 4] {
    let head = form.exception.as_ref().map_or("", |addendum| &addendum.head.email);
    let owner = match form.owner.email.trim() {
        "" => &form.requestor.email,
        _ => &form.owner.email,
    };
    [
        (Role::Owner, owner),
        (Role::Requestor, &form.requestor.email),
        (Role::Technical, &form.technical.email),
        (Role::Head, head),
    ]
}
