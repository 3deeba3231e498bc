//! What ended for abuse, and is asked for again: for a while security decides about it, whatever else it would need.

use std::time::Duration;

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::case::{Case, Track};
use crate::form::{Contact, Form};
use crate::life::{Revocation, State, Suspension};
use crate::store::{CaseId, Kept, Store};

/// How long a new request for it is security's to decide.
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

impl<S: Store> Desk<S> {
    /// Has security decide about this request where it asks for what was stopped for abuse; says which grant that was.
    pub(super) fn after_abuse(&mut self, kept: &mut Kept, now: Timestamp) -> Result<Option<CaseId>, DeskError> {
        let known = self.look(now)?.cases();
        let stopped: Vec<CaseId> = known
            .filter(|(id, case)| *id != kept.id && is_remembered(case, now))
            .map(|(id, _)| id)
            .collect();
        let mut former = None;
        for id in stopped {
            if self
                .store
                .get(id)?
                .is_some_and(|other| is_the_same(&kept.form, &other.form))
            {
                former = Some(id);
                break;
            }
        }
        if former.is_none() {
            return Ok(None);
        }
        kept.case.track = match kept.case.track {
            Track::Exception => Track::Exception,
            Track::Authenticated | Track::Consultation { .. } => Track::Consultation { security: true },
        };
        Ok(former)
    }
}

/// What is suspended for abuse, and what ended for it not long ago.
fn is_remembered(case: &Case, now: Timestamp) -> bool {
    match case.state {
        State::Suspended(Suspension::Abuse) => true,
        State::Revoked(Revocation::Abuse) => now < case.entered.plus(REMEMBERED),
        _ => false,
    }
}

/// Whether it is the same machine, by its address or its name, or the same people who want to send as the same.
fn is_the_same(form: &Form, former: &Form) -> bool {
    is_one(&form.address, &former.address)
        || is_one(&form.host, &former.host)
        || (have_people_in_common(form, former) && send_as_the_same(form, former))
}

fn is_one(text: &str, other: &str) -> bool {
    !text.trim().is_empty() && text.trim().eq_ignore_ascii_case(other.trim())
}

fn have_people_in_common(form: &Form, former: &Form) -> bool {
    fn people(form: &Form) -> [&Contact; 3] {
        [&form.requestor, &form.technical, &form.owner]
    }
    let is_theirs = |one: &&Contact| people(former).iter().any(|other| is_one(&one.email, &other.email));
    people(form).iter().any(is_theirs)
}

fn send_as_the_same(form: &Form, former: &Form) -> bool {
    let is_theirs = |one: &String| former.senders.iter().any(|other| is_one(one, other));
    form.senders.iter().any(is_theirs)
}
