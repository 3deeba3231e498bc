//! What the desk remembers of every case between two looks, so that a look costs what has changed since, however many
//! cases there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use mail::Timestamp;
use policy::{By, CertificateId, Grant};

use super::{Desk, DeskError};
use crate::case::Case;
use crate::form::Authentication;
use crate::grant::{KnownBy, grant};
use crate::life::{State, Suspension};
use crate::store::{CaseId, Kept, Store};

/// Every case, as of a revision of the store. Use alone is no revision: what is remembered of it may be old, so that a
/// case may look idle that is not, and never the other way round.
#[derive(Debug, Default)]
pub(super) struct Known {
    revision: Option<u64>,
    cases: BTreeMap<CaseId, Remembered>,
    places: Places,
}

#[derive(Debug)]
struct Remembered {
    case: Case,
    /// What the gates are told of it; by which certificates or which account, where it is by one, is not known here.
    grant: Option<Grant>,
    /// How it is shown, where that is so.
    elsewhere: Option<Authentication>,
    /// Where it is, while it is set up.
    at: Option<IpNet>,
    /// Whose place it takes.
    replaces: Option<CaseId>,
}

impl Known {
    /// As of which revision.
    pub(super) const fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// Every case with its number.
    pub(super) fn cases(&self) -> impl Iterator<Item = (CaseId, &Case)> {
        self.cases.iter().map(|(id, remembered)| (*id, &remembered.case))
    }

    /// Whether a case is set up and has not ended.
    pub(super) fn is_live(&self, id: CaseId) -> bool {
        let remembered = self.cases.get(&id);
        remembered.is_some_and(|remembered| remembered.case.state.is_live())
    }

    /// Grants that take the place of others.
    pub(super) fn successors(&self) -> Vec<CaseId> {
        let taking = self
            .cases
            .iter()
            .filter(|(_, remembered)| remembered.replaces.is_some());
        taking.map(|(id, _)| *id).collect()
    }

    /// Whose place it takes, once it does: with its first message, and where it comes by its address alone as soon as it is
    /// set up, for no address can be two grants.
    pub(super) fn takes_place_of(&self, id: CaseId) -> Option<CaseId> {
        let remembered = self.cases.get(&id)?;
        let by_address = |grant: &Grant| matches!(grant.by, By::Address(_));
        let serves = match remembered.case.state {
            State::Provisioned => remembered.grant.as_ref().is_some_and(by_address),
            state => state.admits_mail(),
        };
        let former = remembered.replaces.filter(|_| serves)?;
        let state = self.cases.get(&former)?.case.state;
        let ends = state.is_live() && state != State::Suspended(Suspension::Abuse);
        ends.then_some(former)
    }

    /// Whether some grant is shown by a certificate or an account.
    pub(super) fn are_shown_elsewhere(&self) -> bool {
        self.cases.values().any(|remembered| remembered.elsewhere.is_some())
    }

    /// Every grant, shown by these. One of which it is not known yet by what is nobody's.
    pub(super) fn grants(&self, shown: &BTreeMap<CaseId, KnownBy>) -> Vec<Grant> {
        let grants = self.cases.iter().filter_map(|(id, remembered)| {
            let mut grant = remembered.grant.clone()?;
            if let Some(authentication) = remembered.elsewhere {
                grant.by = shown.get(id)?.by(authentication)?;
            }
            Some(grant)
        });
        grants.collect()
    }

    /// What other grants that are set up have of these addresses.
    pub(super) fn others(&self, at: &IpNet, but: CaseId) -> Vec<(Box<str>, IpNet)> {
        let others = self.places.overlapping(at).filter(|(_, id)| *id != but);
        others.map(|(place, id)| (id.to_string().into(), place)).collect()
    }

    fn forget(&mut self, id: CaseId) {
        if let Some(at) = self.cases.remove(&id).and_then(|old| old.at) {
            self.places.0.remove(&(at, id));
        }
    }

    fn remember(&mut self, id: CaseId, remembered: Remembered) {
        self.forget(id);
        self.places.0.extend(remembered.at.map(|at| (at, id)));
        self.cases.insert(id, remembered);
    }
}

impl<S: Store> Desk<S> {
    /// Reads what has changed since the last look.
    pub(super) fn look(&mut self, now: Timestamp) -> Result<&Known, DeskError> {
        // Asked first: what changes meanwhile is read once more, and never missed.
        let revision = self.store.revision()?;
        if self.known.revision.is_some_and(|known| known > revision) {
            // Another registry stands there now, as from a backup.
            self.known = Known::default();
        }
        let changed = match self.known.revision {
            Some(known) if known == revision => Vec::new(),
            Some(known) => self.store.changed(known)?,
            None => self.store.list(None)?,
        };
        for kept in changed {
            self.remember(&kept, now);
        }
        self.known.revision = Some(revision);
        Ok(&self.known)
    }

    /// Remembers a case as it was just read.
    pub(super) fn remember(&mut self, kept: &Kept, now: Timestamp) {
        let is_live = kept.case.state.is_live();
        // What is not set up means nothing to the gates, and its form need not be read.
        let request = is_live.then(|| self.understood(kept, now).0).flatten();
        let replaces = request.as_ref().and_then(|request| request.replaces);
        let grant = request
            .as_ref()
            .and_then(|request| grant(kept, request, &not_known(request.authentication)));
        let authentication = request.as_ref().map(|request| request.authentication);
        let is_elsewhere =
            |way: &Authentication| matches!(way, Authentication::Certificate | Authentication::Directory);
        let remembered = Remembered {
            case: kept.case.clone(),
            replaces,
            elsewhere: authentication.filter(|way| grant.is_some() && is_elsewhere(way)),
            grant,
            // A login from anywhere claims no address.
            at: request
                .map(|request| request.at.trunc())
                .filter(|at| at.prefix_len() > 0),
        };
        self.known.remember(kept.id, remembered);
    }
}

/// In place of what shows a grant, until somebody asks.
fn not_known(authentication: Authentication) -> KnownBy {
    match authentication {
        Authentication::Certificate => KnownBy {
            certificates: vec![CertificateId::Key([0; 32])],
            account: None,
        },
        _ => KnownBy {
            certificates: Vec::new(),
            account: Some("".into()),
        },
    }
}

/// Networks with whose they are. Two overlap where one holds the other, so those that overlap with one are found beneath
/// it, and at each of the shorter prefixes above it.
#[derive(Debug, Default)]
struct Places(BTreeSet<(IpNet, CaseId)>);

impl Places {
    fn overlapping(&self, at: &IpNet) -> impl Iterator<Item = (IpNet, CaseId)> {
        let at = at.trunc();
        let host = |address: IpAddr| IpNet::from(address);
        let above = (0..at.prefix_len()).filter_map(move |length| IpNet::new(at.addr(), length).ok());
        let above = above.flat_map(|net| self.with(net.trunc()));
        // In this order a network comes before all that lie in it, and the last address of it behind them.
        let last = (host(at.broadcast()), CaseId(u32::MAX));
        let beneath = self.0.range((at, CaseId(0))..=last.max((at, CaseId(u32::MAX))));
        above.chain(beneath.filter(move |(net, _)| at.contains(net)).copied())
    }

    fn with(&self, net: IpNet) -> impl Iterator<Item = (IpNet, CaseId)> {
        self.0.range((net, CaseId(0))..=(net, CaseId(u32::MAX))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<u8>(), 24..=32_u8).prop_map(|(last, length)| format!("10.0.0.{last}/{length}"));
        let wide = (any::<u8>(), 0..=32_u8).prop_map(|(last, length)| format!("10.0.{last}.7/{length}"));
        let v6 = (any::<u8>(), 96..=128_u8).prop_map(|(last, length)| format!("2001:db8::{last:x}/{length}"));
        prop_oneof![v4, wide, v6].prop_map(|text| text.parse::<IpNet>().unwrap().trunc())
    }

    proptest! {
        #[test]
        fn those_that_overlap_are_those_of_which_one_holds_the_other(
            all in proptest::collection::vec(net(), 0..40),
            at in net(),
        ) {
            let places = Places(all.iter().copied().zip((0..).map(CaseId)).collect());
            let found: BTreeSet<_> = places.overlapping(&at).collect();
            let wanted = places.0.iter().filter(|(net, _)| net.contains(&at) || at.contains(net));
            prop_assert_eq!(found, wanted.copied().collect::<BTreeSet<_>>());
        }
    }
}
