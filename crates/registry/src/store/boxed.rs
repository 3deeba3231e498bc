//! A store whose kind is known only when it is opened.

use std::collections::BTreeMap;

use mail::Timestamp;

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

impl<S: Store + ?Sized> Store for Box<S> {
    fn create(&mut self, scope: &str, form: &Form, case: &Case, actor: &Actor) -> Result<Kept, StoreError> {
        (**self).create(scope, form, case, actor)
    }
    fn begin(&mut self, all: &[Beginning<'_>]) -> Result<Vec<Kept>, StoreError> {
        (**self).begin(all)
    }
    fn get(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        (**self).get(id)
    }
    fn list(&mut self, scope: Option<&str>) -> Result<Vec<Kept>, StoreError> {
        (**self).list(scope)
    }
    fn take(&mut self, from: &Kept, taking: &Taking<'_>) -> Result<Kept, StoreError> {
        (**self).take(from, taking)
    }
    fn used(&mut self, last: &[(CaseId, Timestamp)]) -> Result<(), StoreError> {
        (**self).used(last)
    }
    fn history(&mut self, id: CaseId) -> Result<Vec<Taken>, StoreError> {
        (**self).history(id)
    }
    fn waiting(&mut self, now: Timestamp) -> Result<Vec<Letter>, StoreError> {
        (**self).waiting(now)
    }
    fn claim(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        (**self).claim(claim)
    }
    fn give_back(&mut self, message: &str) -> Result<(), StoreError> {
        (**self).give_back(message)
    }
    fn letters_in(&mut self, message: &str) -> Result<Vec<CaseId>, StoreError> {
        (**self).letters_in(message)
    }
    fn note(&mut self, id: CaseId, event: &str, said: &str, actor: &Actor, now: Timestamp) -> Result<(), StoreError> {
        (**self).note(id, event, said, actor, now)
    }
    fn written_to(&mut self, now: Timestamp) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        (**self).written_to(now)
    }
    fn sent(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError> {
        (**self).sent(letters, message, now)
    }
    fn revision(&mut self) -> Result<u64, StoreError> {
        (**self).revision()
    }
    fn changed(&mut self, after: u64) -> Result<Vec<Kept>, StoreError> {
        (**self).changed(after)
    }
    fn ring(&mut self, bell: Bell) {
        (**self).ring(bell);
    }
    fn change_credentials(
        &mut self,
        id: CaseId,
        change: CredentialChange<'_>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Credential>, StoreError> {
        (**self).change_credentials(id, change, actor, now)
    }
    fn credentials(&mut self, id: CaseId) -> Result<Vec<Credential>, StoreError> {
        (**self).credentials(id)
    }
    fn live_credentials(&mut self, now: Timestamp) -> Result<Vec<(CaseId, Credential)>, StoreError> {
        (**self).live_credentials(now)
    }
    fn credentials_used(&mut self, last: &[(CaseId, u32, Timestamp)]) -> Result<(), StoreError> {
        (**self).credentials_used(last)
    }
    fn keep_link(&mut self, hash: &TokenHash, link: &Link) -> Result<(), StoreError> {
        (**self).keep_link(hash, link)
    }
    fn look_at_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
        (**self).look_at_link(hash, now)
    }
    fn redeem_link(&mut self, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
        (**self).redeem_link(hash, now)
    }
    fn observe(&mut self, seen: &[(CaseId, Observation, Timestamp)]) -> Result<(), StoreError> {
        (**self).observe(seen)
    }
    fn observed(&mut self, id: CaseId, since: Timestamp) -> Result<Vec<Observation>, StoreError> {
        (**self).observed(id, since)
    }
    fn seen(&mut self, since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        (**self).seen(since, now)
    }
    fn gaps(&mut self, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
        (**self).gaps(now)
    }
    fn steps(&mut self, after: u64, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError> {
        (**self).steps(after, limit)
    }
    fn untold(&mut self, limit: u32) -> Result<Vec<(CaseId, Taken)>, StoreError> {
        (**self).untold(limit)
    }
    fn told(&mut self, sequence: u64) -> Result<(), StoreError> {
        (**self).told(sequence)
    }
    fn bounced(&mut self, address: &str, now: Timestamp) -> Result<(), StoreError> {
        (**self).bounced(address, now)
    }
    fn reached(&mut self, address: &str) -> Result<(), StoreError> {
        (**self).reached(address)
    }
    fn unreachable(&mut self) -> Result<Vec<(Box<str>, Timestamp)>, StoreError> {
        (**self).unreachable()
    }
    fn make_list(
        &mut self,
        new: &NewList,
        actor: &Actor,
        letters: &[ListLetter],
    ) -> Result<Option<Attestation>, StoreError> {
        (**self).make_list(new, actor, letters)
    }
    fn lists(&mut self, which: Lists) -> Result<Vec<Attestation>, StoreError> {
        (**self).lists(which)
    }
    fn take_list(&mut self, from: &Attestation, taking: &ListTaking<'_>) -> Result<Attestation, StoreError> {
        (**self).take_list(from, taking)
    }
    fn history_of_list(&mut self, id: ListId) -> Result<Vec<ListStep>, StoreError> {
        (**self).history_of_list(id)
    }
    fn untold_of_lists(&mut self) -> Result<Vec<ListStep>, StoreError> {
        (**self).untold_of_lists()
    }
    fn pin(&mut self, said: &Pinned) -> Result<(), StoreError> {
        (**self).pin(said)
    }
    fn pinned(&mut self) -> Result<Vec<Pinned>, StoreError> {
        (**self).pinned()
    }
    fn said_of(&mut self, name: &str) -> Result<Vec<Pinned>, StoreError> {
        (**self).said_of(name)
    }
    fn trouble_of_pinned(
        &mut self,
        name: &str,
        trouble: Trouble,
        said: &str,
        times: (Timestamp, Timestamp),
    ) -> Result<bool, StoreError> {
        (**self).trouble_of_pinned(name, trouble, said, times)
    }
    fn waiting_of_pinned(&mut self, now: Timestamp) -> Result<Vec<PinnedLetter>, StoreError> {
        (**self).waiting_of_pinned(now)
    }
    fn claim_of_pinned(&mut self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        (**self).claim_of_pinned(claim)
    }
    fn sent_of_pinned(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError> {
        (**self).sent_of_pinned(letters, message, now)
    }
    fn untold_of_pinned(&mut self) -> Result<Vec<(u64, Pinned)>, StoreError> {
        (**self).untold_of_pinned()
    }
}
