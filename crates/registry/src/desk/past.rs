//! What was granted when, for whoever decides again what was decided then.

use std::collections::BTreeMap;

use mail::Timestamp;
use policy::Grant;

use super::{Desk, DeskError};
use crate::credential::Credential;
use crate::form::{Authentication, Request};
use crate::grant::{KnownBy, grant};
use crate::life::State;
use crate::store::{CaseId, Kept, Store};

/// Steps that are read at once.
const PAGE: u32 = 10_000;

/// Since when the gates were told something else of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Since when.
    pub at: Timestamp,
    /// Whose.
    pub id: CaseId,
    /// What they were told; `None` where there was none any more.
    pub grant: Option<Grant>,
}

impl<S: Store> Desk<S> {
    /// Everything that the gates were ever told of grants, oldest first, as the steps of each case tell it. What is asked
    /// for in it does not change while a grant lives, but for what was imported and is not reviewed: that, and its end,
    /// are taken as they are now.
    pub fn past(&mut self, now: Timestamp) -> Result<Vec<Granted>, DeskError> {
        let mut steps = self.all_steps()?;
        let mut past = Vec::new();
        for kept in self.store.list(None)? {
            let Some(request) = self.understood(&kept, now).0 else {
                continue;
            };
            let credentials = match request.authentication {
                Authentication::Certificate | Authentication::Directory => self.store.credentials(kept.id)?,
                _ => Vec::new(),
            };
            past.extend(of(
                &kept,
                &request,
                &steps.remove(&kept.id).unwrap_or_default(),
                &credentials,
            ));
        }
        past.sort_by_key(|one| one.at);
        Ok(past)
    }

    /// Where each case stood since when.
    fn all_steps(&mut self) -> Result<BTreeMap<CaseId, Vec<(Timestamp, State)>>, DeskError> {
        let mut all: BTreeMap<CaseId, Vec<(Timestamp, State)>> = BTreeMap::new();
        let mut after = 0;
        loop {
            let steps = self.store.steps(after, PAGE)?;
            let Some((_, last)) = steps.last() else { return Ok(all) };
            after = last.sequence;
            for (id, step) in steps {
                all.entry(id).or_default().push((step.at, step.to));
            }
        }
    }
}

/// The past of one.
fn of(kept: &Kept, request: &Request, steps: &[(Timestamp, State)], credentials: &[Credential]) -> Vec<Granted> {
    let behind = |at: Timestamp| Timestamp(at.0.saturating_add(1));
    let made = credentials.iter().map(|one| one.made);
    let ended = credentials.iter().filter_map(|one| one.ends.map(behind));
    let mut moments: Vec<Timestamp> = steps.iter().map(|(at, _)| *at).chain(made).chain(ended).collect();
    moments.sort();
    moments.dedup();
    let mut past: Vec<Granted> = Vec::new();
    for at in moments {
        let state = steps
            .iter()
            .rev()
            .find(|(since, _)| *since <= at)
            .map(|(_, state)| *state);
        let mut then = kept.clone();
        then.case.state = state.unwrap_or(State::Draft);
        let grant = grant(&then, request, &shown(credentials, at));
        if past.last().and_then(|last| last.grant.as_ref()) != grant.as_ref() {
            past.push(Granted { at, id: kept.id, grant });
        }
    }
    past
}

/// By what it was known: by what held.
fn shown(credentials: &[Credential], at: Timestamp) -> KnownBy {
    let mut shown = KnownBy::default();
    for one in credentials.iter().filter(|one| one.made <= at && one.is_live(at)) {
        shown.learn(&one.proof);
    }
    shown
}
