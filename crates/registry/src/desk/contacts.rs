//! Others are to operate a grant, or to answer for it. Those who go and those who come are asked; for who has left and
//! cannot be asked an administrator stands in, and that is recorded with how it is known.

use mail::Timestamp;
use serde_json::json;

use super::{Beside, Desk, DeskError, hex};
use crate::actor::{Actor, Person, Role};
use crate::form::Form;
use crate::handover::Handover;
use crate::life::{Event, NoStep};
use crate::store::{CaseId, Kept, Store};

impl<S: Store> Desk<S> {
    /// Proposes the contacts of this form for a grant that was set up. `gone` is why none of those who go can be asked, where
    /// an administrator knows; who is not in the directory, or not reached by mail, an administrator need not explain.
    pub fn hand_over(
        &mut self,
        id: CaseId,
        form: &Form,
        gone: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Kept, DeskError> {
        self.retried(|desk| {
            let kept = desk.get(id)?;
            let Some(mut to) = Handover::between(&kept.form, form) else {
                return Ok(kept);
            };
            let form = to.applied(&kept.form);
            desk.can_be_read(&kept, &form, now)?;
            let absent = desk.absent(id, &to, gone, actor)?;
            for (who, _) in &absent {
                to.lets_go(who);
            }
            let event = Event::Contacts {
                said: said(&to, &absent).into(),
                stands_in: !absent.is_empty(),
                to: Box::new(to),
            };
            let evidence = json!({ "form_sha256": hex(&form.hash()), "before": hex(&kept.case.request) });
            desk.keep(&kept, &event, actor, now, Beside::evidence(evidence))
        })
    }

    /// One of those who were asked agrees, and says so without a link.
    pub fn confirm(&mut self, id: CaseId, actor: &Actor, now: Timestamp) -> Result<Kept, DeskError> {
        let request = self.proposed(id)?.request;
        self.act(id, &Event::Confirm { request }, actor, now)
    }

    /// An administrator stands in for those who go and have left: for all of them where there is a reason, else for those
    /// who are not in the directory, or not reached by mail.
    pub fn stand_in(
        &mut self,
        id: CaseId,
        why: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Kept, DeskError> {
        let proposed = self.proposed(id)?;
        if proposed.former().is_empty() {
            let why = NoStep::NotAsked;
            return Err(DeskError::NoStep { id, why });
        }
        let absent = self.absent(id, &proposed, why, actor)?;
        let event = Event::StandIn {
            why: reasons(&absent).into(),
            gone: absent.into_iter().map(|(who, _)| who).collect(),
        };
        self.act(id, &event, actor, now)
    }

    /// Somebody who was asked does not agree, or it was proposed by mistake.
    pub fn dissent(&mut self, id: CaseId, why: &str, actor: &Actor, now: Timestamp) -> Result<Kept, DeskError> {
        let event = Event::Dissent {
            request: self.proposed(id)?.request,
            reason: why.into(),
        };
        self.act(id, &event, actor, now)
    }

    fn proposed(&mut self, id: CaseId) -> Result<Handover, DeskError> {
        let proposed = self.get(id)?.case.handover;
        proposed.ok_or(DeskError::NoStep {
            id,
            why: NoStep::NotAsked,
        })
    }

    /// The end that was asked for once may be past by now, and is decided elsewhere.
    fn can_be_read(&self, kept: &Kept, form: &Form, now: Timestamp) -> Result<(), DeskError> {
        let proposed = Kept {
            form: form.clone(),
            ..kept.clone()
        };
        match self.understood(&proposed, now) {
            (Some(_), _) => Ok(()),
            (None, remarks) => Err(DeskError::Form(remarks)),
        }
    }

    /// Those who go and cannot be asked, each with how that is known.
    fn absent(
        &mut self,
        id: CaseId,
        to: &Handover,
        gone: Option<&str>,
        actor: &Actor,
    ) -> Result<Vec<(Person, String)>, DeskError> {
        let former = to.former();
        if let Some(why) = gone {
            let why = why.trim();
            if why.is_empty() {
                let why = NoStep::NoReason("to stand in for who has left");
                return Err(DeskError::NoStep { id, why });
            }
            return Ok(former.into_iter().map(|who| (who, why.to_owned())).collect());
        }
        // Nobody else stands in for them, so nobody else has to know.
        if !matches!(actor, Actor::Human { role: Role::Admin, .. }) {
            return Ok(Vec::new());
        }
        let unreachable = self.store.unreachable()?;
        let people = self.rules.network.people.known();
        let absent = former.into_iter().filter_map(|who| {
            let bounces = unreachable.iter().any(|(address, _)| Person::new(address) == who);
            let known = people.is_none_or(|people| people.has(who.address()));
            let why = match (known, bounces) {
                (false, _) => "is not in the directory",
                (true, true) => "is not reached by mail",
                (true, false) => return None,
            };
            Some((who, why.to_owned()))
        });
        Ok(absent.collect())
    }
}

/// What is proposed, and why somebody is not asked.
fn said(to: &Handover, absent: &[(Person, String)]) -> String {
    match absent.is_empty() {
        true => to.words(),
        false => format!("{}; {}", to.words(), reasons(absent)),
    }
}

fn reasons(absent: &[(Person, String)]) -> String {
    let one = |(who, why): &(Person, String)| format!("{who} cannot be asked: {why}");
    let all: Vec<String> = absent.iter().map(one).collect();
    all.join("; ")
}
