//! Grants from before there was a registry.

use mail::Timestamp;
use serde_json::json;

use super::{Beside, Desk, DeskError, hex, understand};
use crate::actor::{Actor, Person};
use crate::case::Case;
use crate::form::{Form, Remark, Request};
use crate::life::{Event, step};
use crate::store::{Kept, Store};

impl<S: Store> Desk<S> {
    /// Keeps a grant from before there was a registry: it serves at once and until this end, and is marked as unreviewed.
    pub fn import(
        &mut self,
        scope: &str,
        form: &Form,
        until: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Kept, Vec<Remark>), DeskError> {
        let (request, remarks) = self.read_imported(form, now);
        let Some(request) = request else {
            return Err(DeskError::Form(remarks));
        };
        let mut case = Case::draft(request.track, Person::new(&form.requestor.email), form.hash(), now);
        case.unreviewed = true;
        understand(&mut case, form, Some(&request));
        let event = Event::Import { until };
        // Nothing is kept of what cannot be imported.
        step(&case, &event, actor, now, &self.rules.terms).map_err(|why| DeskError::NoImport { why })?;
        let kept = self.store.create(scope, form, &case, actor)?;
        let evidence = json!({ "form_sha256": hex(&form.hash()), "until": until.to_rfc3339() });
        let kept = self.keep(&kept, &event, actor, now, Beside::evidence(evidence))?;
        Ok((kept, remarks))
    }

    /// What a form would mean that is imported, and what is to be said about it. Nothing is kept.
    #[must_use]
    pub fn read_imported(&self, form: &Form, now: Timestamp) -> (Option<Request>, Vec<Remark>) {
        self.read(form, true, now)
    }

    /// Refuses a review of what its people could not ask for as it is: what the import did not know comes first.
    pub(super) fn is_whole(&self, kept: &Kept, event: &Event, now: Timestamp) -> Result<(), DeskError> {
        if !kept.case.unreviewed || !matches!(event, Event::Review { .. } | Event::Decide { .. }) {
            return Ok(());
        }
        let form = Form {
            until: String::new(),
            ..kept.form.clone()
        };
        match self.read_form(&form, now) {
            (Some(_), _) => Ok(()),
            (None, remarks) => Err(DeskError::Form(remarks)),
        }
    }
}
