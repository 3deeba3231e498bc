//! What differs between two snapshots, and whose mail it touches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::ranges::Ranges;
use super::subject::Subject;
use super::tables::{Offer, Others};
use crate::basis::Name;
use crate::model::{By, Grant, Place, Rulebook};
use crate::snapshot::Snapshot;

/// More changed grants than this are proven as a whole.
const SMALL: usize = 200;

/// What differs between two snapshots whose rulebooks are the same but for grants: the grants as they were and as they
/// are. Where a declaration stands in the file makes no difference.
pub(crate) struct Changed<'f> {
    /// By index in the new snapshot.
    pub(crate) new: BTreeSet<u32>,
    old: Vec<&'f Grant>,
}

impl<'f> Changed<'f> {
    /// `None` where anything that judgement reads differs, but grants.
    pub(crate) fn between(former: &'f Snapshot, snapshot: &Snapshot) -> Option<Self> {
        let (before, after) = (former.rulebook(), snapshot.rulebook());
        if without_places(before) != without_places(after) {
            return None;
        }
        let mut old: HashMap<&Name, &Grant> = before.grants.iter().map(|grant| (&grant.name, grant)).collect();
        let mut changed = Self {
            new: BTreeSet::new(),
            old: Vec::new(),
        };
        for (index, grant) in (0u32..).zip(&after.grants) {
            match old.remove(&grant.name) {
                Some(former) if former.says_the_same(grant) => {}
                former => {
                    changed.new.insert(index);
                    changed.old.extend(former);
                }
            }
        }
        // In the order of the rulebook, not of the table.
        changed
            .old
            .extend(before.grants.iter().filter(|grant| old.contains_key(&grant.name)));
        Some(changed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }

    /// Whether certificates are among it. A client that shows one is not judged by its address, so they touch every
    /// exception.
    pub(crate) fn has_certificates(&self, snapshot: &Snapshot) -> bool {
        let new = self.new.iter().filter_map(|index| snapshot.grant(*index));
        new.chain(self.old.iter().copied())
            .any(|grant| matches!(grant.by, By::Certificate(_)))
    }

    pub(crate) fn is_small(&self) -> bool {
        self.new.len() + self.old.len() <= SMALL
    }

    /// The entries of the changed grants and of those whose clients they take or leave.
    pub(crate) fn offer(&self, subject: &Subject<'_>, former: &Snapshot) -> Offer {
        let grants = &subject.snapshot.rulebook().grants;
        let new = self.new.iter().filter_map(|index| grants.get(*index as usize));
        let mut focus = self.new.clone();
        let mut surrounding = BTreeSet::new();
        for grant in new.chain(self.old.iter().copied()) {
            if let By::Address(networks) = &grant.by {
                focus.extend(subject.tables.excepted(&Ranges::of(networks)));
                // Who had these addresses before, where somebody has.
                let had = |network: &ipnet::IpNet| former.grant(former.addresses.find(network.addr())?);
                surrounding.extend(networks.iter().filter_map(had).map(|grant| &grant.name));
            }
        }
        if !surrounding.is_empty() {
            let all = (0u32..).zip(grants);
            focus.extend(
                all.filter(|(_, grant)| surrounding.contains(&grant.name))
                    .map(|(index, _)| index),
            );
        }
        let all = &subject.tables.offer;
        Offer {
            logins: Arc::new(
                all.logins
                    .iter()
                    .filter(|(_, grant)| focus.contains(grant))
                    .cloned()
                    .collect(),
            ),
            certificates: Arc::new(
                all.certificates
                    .iter()
                    .filter(|(_, grant)| focus.contains(grant))
                    .cloned()
                    .collect(),
            ),
            exceptions: Arc::new(
                all.exceptions
                    .iter()
                    .filter(|grant| focus.contains(grant))
                    .copied()
                    .collect(),
            ),
            others: Others::ALL,
        }
    }
}

/// All that judgement reads but the grants, wherever it stands in a file.
fn without_places(book: &Rulebook) -> Rulebook {
    let mut bare = Rulebook {
        organisation: book.organisation.clone(),
        zones: book.zones.clone(),
        listeners: book.listeners.clone(),
        routes: book.routes.clone(),
        forwards: book.forwards.clone(),
        ..Rulebook::default()
    };
    let nowhere = Place::default();
    bare.organisation.place = nowhere;
    bare.zones.iter_mut().for_each(|zone| zone.place = nowhere);
    bare.listeners.iter_mut().for_each(|listener| listener.place = nowhere);
    bare.routes.iter_mut().for_each(|route| route.place = nowhere);
    bare.forwards.iter_mut().for_each(|forward| forward.place = nowhere);
    bare
}
