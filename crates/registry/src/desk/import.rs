//! Grants from before there was a registry.

use mail::Timestamp;
use serde_json::json;

use super::{Desk, DeskError, hex, understand};
use crate::actor::{Actor, Person};
use crate::case::Case;
use crate::form::{Form, Remark, Request};
use crate::life::{Event, Step, step};
use crate::store::{Beginning, Kept, Store, StoreError, Taking};

/// Why several were not imported. Nothing is kept of any of them.
#[derive(Debug)]
pub struct NotImported {
    /// Which of them it is for, where it is for one.
    pub number: Option<usize>,
    /// Why.
    pub why: DeskError,
}

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
        let (_, remarks) = self.read_imported(form, now);
        let mut kept = self
            .import_all(&[(scope, form, false)], until, actor, now)
            .map_err(|not| not.why)?;
        kept.pop().map(|kept| (kept, remarks)).ok_or_else(|| {
            StoreError::Unreadable {
                what: "what was just kept",
            }
            .into()
        })
    }

    /// Keeps many of them in one transaction: all or none. Each with whose it is, and whether its people are told where its
    /// new secret is.
    pub fn import_all(
        &mut self,
        all: &[(&str, &Form, bool)],
        until: Timestamp,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<Kept>, NotImported> {
        let event = |recipe| Event::Import { until, recipe };
        let events: Vec<Event> = all.iter().map(|(.., recipe)| event(*recipe)).collect();
        let mut begun = Vec::with_capacity(all.len());
        for (number, ((_, form, _), event)) in all.iter().zip(&events).enumerate() {
            let case = self.begins(form, actor, event, now);
            begun.push(case.map_err(|why| NotImported {
                number: Some(number),
                why,
            })?);
        }
        let evidence =
            |form: &Form| json!({ "form_sha256": hex(&form.hash()), "until": until.to_rfc3339() }).to_string();
        let evidence: Vec<String> = all.iter().map(|(_, form, _)| evidence(form)).collect();
        let rows = all.iter().zip(&begun).zip(evidence.iter().zip(&events));
        let beginnings: Vec<Beginning<'_>> = rows
            .map(|(((scope, form, _), (case, step)), (evidence, event))| Beginning {
                scope,
                form,
                case,
                taking: Taking {
                    step,
                    event,
                    actor,
                    now,
                    form: None,
                    evidence: Some(evidence),
                    link: None,
                    seen: None,
                },
            })
            .collect();
        self.store.begin(&beginnings).map_err(|why| NotImported {
            number: None,
            why: why.into(),
        })
    }

    /// A case as it is before it is imported, and the step by which it is.
    fn begins(&self, form: &Form, actor: &Actor, event: &Event, now: Timestamp) -> Result<(Case, Step), DeskError> {
        let (request, remarks) = self.read_imported(form, now);
        let request = request.ok_or(DeskError::Form(remarks))?;
        let mut case = Case::draft(request.track, Person::new(&form.requestor.email), form.hash(), now);
        case.unreviewed = true;
        understand(&mut case, form, Some(&request));
        let step = step(&case, event, actor, now, &self.rules.terms).map_err(|why| DeskError::NoImport { why })?;
        Ok((case, step))
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
