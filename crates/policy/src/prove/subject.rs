//! A snapshot under proof, and the questions that proofs ask of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use ipnet::IpNet;
use mail::Timestamp;

use super::brancher::{Brancher, Detail};
use super::cell::{Cell, Seen};
use super::names::Names;
use super::property::Story;
use super::ranges::Ranges;
use super::tables::{Offer, Others, Tables};
use crate::decide::{Decision, Ground};
use crate::model::By;
use crate::snapshot::Snapshot;

/// A snapshot, laid out for forking.
pub(crate) struct Subject<'s> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) tables: Tables,
}

impl<'s> Subject<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            tables: Tables::of(snapshot),
        }
    }

    /// Entries of this grant alone, and of nobody else.
    pub(crate) fn only(&self, grant: u32) -> Offer {
        let mut offer = Offer {
            logins: Arc::default(),
            certificates: Arc::default(),
            exceptions: Arc::default(),
            others: Others::default(),
        };
        match self.snapshot.grant(grant).map(|grant| &grant.by) {
            Some(By::Login(name)) => offer.logins = Arc::new(vec![(name.clone(), grant)]),
            Some(By::Certificate(ids)) => {
                offer.others.no_login = true;
                offer.certificates = Arc::new(ids.iter().map(|id| (id.clone(), grant)).collect());
            }
            Some(By::Address(_)) => {
                offer.others.no_login = true;
                offer.others.no_certificate = true;
                offer.exceptions = Arc::new(vec![grant]);
            }
            None => {}
        }
        offer
    }

    /// Walks what is possible at best from `start` on.
    pub(crate) fn possible(
        &self,
        start: &Cell,
        offer: Offer,
        visit: &mut dyn FnMut(&Cell, &Decision) -> ControlFlow<()>,
    ) {
        Brancher::new(self.snapshot, &self.tables, Detail::Possible)
            .offering(offer)
            .walk(start, None, visit);
    }

    /// A message of `start` that the grant lets in.
    pub(crate) fn let_in(&self, start: &Cell, grant: u32) -> Option<Story> {
        let mut found = None;
        self.possible(start, self.only(grant), &mut |cell, decision| {
            if decision.verdict.accepts() && decision.ground == Some(Ground::Grant(grant)) {
                found = self.story(cell);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// A message of the cell and what live judgement says of it.
    pub(crate) fn story(&self, cell: &Cell) -> Option<Story> {
        Some(Story::of(cell.witness(self.snapshot)?, self.snapshot))
    }

    /// Recipients that are not ours.
    pub(crate) fn external(&self, recipients: &Seen<Names>) -> Option<Names> {
        let all = Names::all();
        let recipients = recipients.known().unwrap_or(&all);
        let external = recipients.without(&self.tables.own_recipients);
        (!external.is_empty()).then_some(external)
    }

    /// Where machines of ours are: in our networks, and no place where clients hide.
    pub(crate) fn our_clients(&self) -> Ranges {
        let organisation = &self.snapshot.rulebook().organisation;
        Ranges::of(&organisation.networks).without(&Ranges::of(&organisation.never_a_client))
    }
}

/// Every message from these addresses.
pub(crate) fn from_clients(clients: Ranges) -> Cell {
    Cell {
        client: Seen::Known(Arc::new(clients)),
        ..Cell::everything()
    }
}

/// Every message at this instant.
pub(crate) fn at(instant: Timestamp) -> Cell {
    Cell {
        from_time: instant,
        until: instant,
        ..Cell::everything()
    }
}

/// Networks as people write them in a list.
pub(crate) fn written(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
