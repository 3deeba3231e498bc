//! Who answers for grants, held against the organisation's directory.

use std::collections::BTreeSet;

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::Actor;
use crate::form::{Form, Remark, Weight};
use crate::life::Event;
use crate::store::{Store, StoreError};

impl<S: Store> Desk<S> {
    /// Remarks on people of a form whom the directory does not know: whoever takes a risk has to be a head there. Nothing is
    /// said while it cannot be read.
    pub(super) fn strangers(&self, form: &Form) -> Vec<Remark> {
        let Some(people) = self.rules.network.people.known() else {
            return Vec::new();
        };
        let remark = |field: &str, weight, said: &str| Remark {
            field: format!("{field}.email"),
            weight,
            said: said.to_owned(),
        };
        let contacts = [
            ("requestor", &form.requestor),
            ("technical", &form.technical),
            ("owner", &form.owner),
        ];
        let mut remarks: Vec<Remark> = contacts
            .into_iter()
            .filter(|(_, contact)| !contact.email.trim().is_empty() && !people.has(&contact.email))
            .map(|(field, _)| remark(field, Weight::Doubt, "is not in the directory"))
            .collect();
        let head = form.exception.as_ref().map(|addendum| &addendum.head);
        if head.is_some_and(|head| !people.is_head(&head.email)) {
            let said = "is no dean, head or director in the directory; name one, or have the directory corrected";
            remarks.push(remark("exception.head", Weight::Blocks, said));
        }
        remarks
    }

    /// Looks for grants that nobody answers for any more: who operates one or answers for it has left the directory. Those
    /// whose people are there again are no longer without anybody. Nothing follows while the directory cannot be read, and
    /// what was imported waits for its review.
    pub fn sweep(&mut self, now: Timestamp) -> Result<(), DeskError> {
        if self.rules.network.people.known().is_none() {
            return Ok(());
        }
        let unreachable: BTreeSet<String> = self
            .store
            .unreachable()?
            .into_iter()
            .map(|(who, _)| who.into())
            .collect();
        for kept in self.store.list(None)? {
            if !kept.case.state.is_live() || kept.case.unreviewed {
                continue;
            }
            let Some(people) = self.rules.network.people.known() else {
                break;
            };
            let mut answer = [&kept.form.technical, &kept.form.owner]
                .map(|contact| contact.email.trim().to_ascii_lowercase())
                .into_iter()
                .filter(|email| !email.is_empty());
            let all_there = answer.all(|email| people.has(&email) && !unreachable.contains(&email));
            let event = match (all_there, kept.case.orphan) {
                (false, None) if kept.case.state.admits_mail() => Event::Abandoned,
                (true, Some(_)) => Event::Found,
                _ => continue,
            };
            match self.act(kept.id, &event, &Actor::rule("directory"), now) {
                // Another step came first: it is looked at again with the next sweep.
                Ok(_) | Err(DeskError::NoStep { .. } | DeskError::Store(StoreError::Changed(_))) => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }
}
