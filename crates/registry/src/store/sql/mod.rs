//! The registry in statements that every database understands. A file for each thing that is kept.

mod attestations;
mod cases;
mod credentials;
mod fields;
mod gate;
mod letters;
mod links;
mod observed;
mod pinned;
mod row;
mod steps;

use std::collections::BTreeMap;

use mail::Timestamp;

use super::database::{Database, Row, Value, atomically};
use super::{
    Beginning, Bell, CaseId, Claim, CredentialChange, Kept, Letter, Pinned, PinnedLetter, Store, StoreError, Taken,
    Taking,
};
use crate::actor::Actor;
use crate::attestation::{Attestation, ListId, ListLetter, ListStep, ListTaking, Lists, NewList};
use crate::case::Case;
use crate::credential::Credential;
use crate::form::Form;
use crate::life::Trouble;
use crate::link::{Link, TokenHash};
use crate::network::Observation;

/// A registry over a database.
#[derive(Debug)]
pub struct Sql<D> {
    pub(super) database: D,
}

/// `$1, $2, ...`, so many.
fn places(count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|number| format!("${number}")).collect();
    places.join(", ")
}

/// Counts a change, and holds every other writer off until this transaction ends: numbers that follow each other are
/// given in the order in which they become visible.
fn change(database: &mut impl Database) -> Result<u64, StoreError> {
    database.execute("UPDATE revision SET value = value + 1 WHERE one = 1", &[])?;
    database.announce()?;
    revision(database)
}

fn revision(database: &mut impl Database) -> Result<u64, StoreError> {
    let row = one(database, "SELECT value FROM revision WHERE one = 1", &[])?;
    fields::Fields::of(row).int("the revision")
}

/// The row that was asked for, where there is one.
fn one(database: &mut impl Database, statement: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
    Ok(database.query(statement, values)?.pop())
}

impl<D: Database> Store for Sql<D> {
    fn create(&mut self, scope: &str, form: &Form, case: &Case, actor: &Actor) -> Result<Kept, StoreError> {
        atomically(&mut self.database, |database| {
            cases::create(database, scope, form, case, actor)
        })
    }

    fn begin(&mut self, all: &[Beginning<'_>]) -> Result<Vec<Kept>, StoreError> {
        atomically(&mut self.database, |database| {
            all.iter().map(|one| cases::begin(database, one)).collect()
        })
    }

    fn get(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        cases::get(&mut self.database, id)
    }

    fn list(&mut self, scope: Option<&str>) -> Result<Vec<Kept>, StoreError> {
        cases::list(&mut self.database, scope)
    }

    fn take(&mut self, from: &Kept, taking: &Taking<'_>) -> Result<Kept, StoreError> {
        atomically(&mut self.database, |database| cases::take(database, from, taking))
    }

    fn used(&mut self, last: &[(CaseId, Timestamp)]) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| cases::used(database, last))
    }

    fn history(&mut self, id: CaseId) -> Result<Vec<Taken>, StoreError> {
        steps::history(&mut self.database, id)
    }

    fn waiting(&mut self, now: Timestamp) -> Result<Vec<Letter>, StoreError> {
        letters::waiting(&mut self.database, now)
    }

    fn claim(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        letters::claim(&mut self.database, letters::OF_CASES, claim)
    }

    fn give_back(&mut self, message: &str) -> Result<(), StoreError> {
        letters::give_back(&mut self.database, message)
    }

    fn letters_in(&mut self, message: &str) -> Result<Vec<CaseId>, StoreError> {
        letters::cases(&mut self.database, message)
    }

    fn note(&mut self, id: CaseId, event: &str, said: &str, actor: &Actor, now: Timestamp) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| {
            let sequence = change(database)?;
            let state = cases::get(database, id)?.ok_or(StoreError::Missing(id))?.case.state;
            let note = steps::Note {
                event,
                actor,
                from: Some(state),
                to: state,
                at: now,
                said: Some(said),
                evidence: None,
            };
            note.write(database, sequence, id)
        })
    }

    fn written_to(&mut self, now: Timestamp) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        letters::written_to(&mut self.database, now)
    }

    fn sent(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| {
            letters::sent(database, letters::OF_CASES, letters, message, now)
        })
    }

    fn revision(&mut self) -> Result<u64, StoreError> {
        revision(&mut self.database)
    }

    fn changed(&mut self, after: u64) -> Result<Vec<Kept>, StoreError> {
        cases::changed(&mut self.database, after)
    }

    fn ring(&mut self, bell: Bell) {
        self.database.ring(bell);
    }

    fn change_credentials(
        &mut self,
        id: CaseId,
        change: CredentialChange<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError> {
        atomically(&mut self.database, |database| {
            credentials::change(database, id, change, actor, now)
        })
    }

    fn credentials(&mut self, id: CaseId) -> Result<Vec<Credential>, StoreError> {
        credentials::of(&mut self.database, id)
    }

    fn live_credentials(&mut self, now: Timestamp) -> Result<Vec<(CaseId, Credential)>, StoreError> {
        credentials::live(&mut self.database, now)
    }

    fn credentials_used(&mut self, last: &[(CaseId, u32, Timestamp)]) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| credentials::used(database, last))
    }

    fn keep_link(&mut self, hash: &TokenHash, link: &Link) -> Result<(), StoreError> {
        links::keep(&mut self.database, hash, link)
    }

    fn look_at_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
        links::look(&mut self.database, hash, now)
    }

    fn redeem_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
        atomically(&mut self.database, |database| links::redeem(database, hash, now))
    }

    fn observe(&mut self, seen: &[(CaseId, Observation, Timestamp)]) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| observed::observe(database, seen))
    }

    fn observed(&mut self, id: CaseId, since: Timestamp) -> Result<Vec<Observation>, StoreError> {
        observed::since(&mut self.database, id, since)
    }

    fn seen(&mut self, since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| gate::seen(database, since, now))
    }

    fn gaps(&mut self, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        gate::gaps(&mut self.database, now)
    }

    fn steps(&mut self, after: u64, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError> {
        steps::after(&mut self.database, after, limit)
    }

    fn untold(&mut self, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError> {
        let told = gate::told_until(&mut self.database)?;
        steps::after(&mut self.database, told, limit)
    }

    fn told(&mut self, sequence: u64) -> Result<(), StoreError> {
        gate::told(&mut self.database, sequence)
    }

    fn bounced(&mut self, address: &str, now: Timestamp) -> Result<(), StoreError> {
        gate::bounced(&mut self.database, address, now)
    }

    fn reached(&mut self, address: &str) -> Result<(), StoreError> {
        gate::reached(&mut self.database, address)
    }

    fn unreachable(&mut self) -> Result<Vec<(Box<str>, Timestamp)>, StoreError> {
        gate::unreachable(&mut self.database)
    }

    fn make_list(
        &mut self,
        new: &NewList,
        actor: &Actor,
        letters: &[ListLetter],
    ) -> Result<Option<Attestation>, StoreError> {
        atomically(&mut self.database, |database| {
            attestations::make(database, new, actor, letters)
        })
    }

    fn lists(&mut self, which: Lists) -> Result<Vec<Attestation>, StoreError> {
        attestations::read(&mut self.database, which)
    }

    fn take_list(&mut self, from: &Attestation, taking: &ListTaking<'_>) -> Result<Attestation, StoreError> {
        atomically(&mut self.database, |database| {
            attestations::take(database, from, taking)
        })
    }

    fn history_of_list(&mut self, id: ListId) -> Result<Vec<ListStep>, StoreError> {
        attestations::history(&mut self.database, id)
    }

    fn untold_of_lists(&mut self) -> Result<Vec<ListStep>, StoreError> {
        let told = gate::told_until(&mut self.database)?;
        attestations::after(&mut self.database, told)
    }

    fn pin(&mut self, said: &Pinned) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| pinned::say(database, said))
    }

    fn pinned(&mut self) -> Result<Vec<Pinned>, StoreError> {
        pinned::all(&mut self.database)
    }

    fn said_of(&mut self, name: &str) -> Result<Vec<Pinned>, StoreError> {
        pinned::of(&mut self.database, name)
    }

    fn trouble_of_pinned(
        &mut self,
        name: &str,
        trouble: Trouble,
        said: &str,
        (now, since): (Timestamp, Timestamp),
    ) -> Result<bool, StoreError> {
        atomically(&mut self.database, |database| {
            pinned::trouble(database, (name, trouble), said, (now, since))
        })
    }

    fn waiting_of_pinned(&mut self, now: Timestamp) -> Result<Vec<PinnedLetter>, StoreError> {
        pinned::waiting(&mut self.database, now)
    }

    fn claim_of_pinned(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        letters::claim(&mut self.database, letters::OF_PINNED, claim)
    }

    fn sent_of_pinned(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError> {
        atomically(&mut self.database, |database| {
            letters::sent(database, letters::OF_PINNED, letters, message, now)
        })
    }

    fn untold_of_pinned(&mut self) -> Result<Vec<(u64, Pinned)>, StoreError> {
        let told = gate::told_until(&mut self.database)?;
        pinned::after(&mut self.database, told)
    }
}
