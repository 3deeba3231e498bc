//! What many queued messages have in common, kept once: senders, hosts, grounds, states, what a host said.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use mail::{AttemptId, Domain, ForwardPath, Host, LocalPart, Mailbox, ReversePath, Timestamp};
use policy::{Basis, Generation, Name};

use crate::record::Grounds;
use crate::{AttemptRecord, Outcome, State, StateKind};

/// Distinct things of one sort that are shared at most; beyond, entries have their own.
const SHARED_MAX: usize = 100_000;
/// Of what hosts said, and of holds, the last few are shared: a host that is down says the same again and again.
const RECENT_MAX: usize = 8;

/// To whom: a local part, and a host that many share.
#[derive(Clone, Debug)]
pub(crate) enum To {
    Postmaster,
    Mailbox(LocalPart, Arc<Host>),
}

impl To {
    pub(crate) fn path(&self) -> ForwardPath {
        match self {
            Self::Postmaster => ForwardPath::Postmaster,
            Self::Mailbox(local, host) => ForwardPath::Mailbox(Mailbox::new(local.clone(), Host::clone(host))),
        }
    }

    pub(crate) fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(_, host) => host.domain(),
        }
    }
}

/// On what, and by which generation of the rulebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ground {
    pub(crate) basis: Basis,
    pub(crate) generation: Generation,
}

/// A [`State`] in little room.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Ready,
    Deferred(Timestamp),
    Bouncing,
    Done(Outcome, Timestamp),
    /// Held or quarantined.
    Back(Arc<State>),
}

impl Kept {
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Ready => State::Ready,
            Self::Deferred(until) => State::Deferred { until: *until },
            Self::Bouncing => State::Bouncing,
            Self::Done(outcome, at) => State::Done {
                outcome: *outcome,
                at: *at,
            },
            Self::Back(state) => State::clone(state),
        }
    }

    pub(crate) fn kind(&self) -> StateKind {
        match self {
            Self::Ready => StateKind::Ready,
            Self::Deferred(_) => StateKind::Deferred,
            Self::Bouncing => StateKind::Bouncing,
            Self::Done(..) => StateKind::Done,
            Self::Back(state) => StateKind::of(state),
        }
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Back(state) => state.due(),
            Self::Done(..) => None,
            Self::Deferred(until) => Some(*until),
            Self::Ready | Self::Bouncing => State::Ready.due(),
        }
    }
}

/// An [`AttemptRecord`] in little room.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    id: AttemptId,
    at: Timestamp,
    took_ms: u32,
    said: Arc<Said>,
}

/// What does not differ between attempts at a host that does the same each time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    host: Box<str>,
    ip: Option<IpAddr>,
    tls: Box<str>,
    reply: Box<str>,
}

impl Try {
    pub(crate) fn record(&self) -> AttemptRecord {
        AttemptRecord {
            id: self.id,
            at: self.at,
            took_ms: self.took_ms,
            host: self.said.host.clone(),
            ip: self.said.ip,
            tls: self.said.tls.clone(),
            reply: self.said.reply.clone(),
        }
    }
}

/// Gives out what is shared.
#[derive(Default)]
pub(crate) struct Interner {
    hosts: BTreeSet<Arc<Host>>,
    /// Senders: programs send many messages.
    senders: BTreeSet<Arc<ReversePath>>,
    contacts: BTreeSet<Arc<Mailbox>>,
    grounds: BTreeMap<(u8, Name, u64), Arc<Ground>>,
    notices: VecDeque<Arc<Ground>>,
    said: VecDeque<Arc<Said>>,
    back: VecDeque<Arc<State>>,
}

fn shared<T: Ord + Clone>(known: &mut BTreeSet<Arc<T>>, value: &T) -> Arc<T> {
    if let Some(found) = known.get(value) {
        return found.clone();
    }
    let new = Arc::new(value.clone());
    if known.len() < SHARED_MAX {
        known.insert(new.clone());
    }
    new
}

fn recent<T: PartialEq>(known: &mut VecDeque<Arc<T>>, value: T) -> Arc<T> {
    if let Some(found) = known.iter().rev().find(|found| ***found == value) {
        return found.clone();
    }
    if known.len() >= RECENT_MAX {
        known.pop_front();
    }
    let new = Arc::new(value);
    known.push_back(new.clone());
    new
}

impl Interner {
    pub(crate) fn to(&mut self, path: &ForwardPath) -> To {
        match path {
            ForwardPath::Postmaster => To::Postmaster,
            ForwardPath::Mailbox(mailbox) => {
                To::Mailbox(mailbox.local().clone(), shared(&mut self.hosts, mailbox.host()))
            }
        }
    }

    pub(crate) fn reverse(&mut self, path: &ReversePath) -> Arc<ReversePath> {
        shared(&mut self.senders, path)
    }

    pub(crate) fn contact(&mut self, contact: &Mailbox) -> Arc<Mailbox> {
        shared(&mut self.contacts, contact)
    }

    pub(crate) fn ground(&mut self, grounds: &Grounds) -> Arc<Ground> {
        let (sort, name) = match &grounds.basis {
            Basis::Grant(name) => (0, name),
            Basis::Route(name) => (1, name),
            Basis::Forward(name) => (2, name),
            // Each message has notices of its own.
            Basis::Notice { .. } => return recent(&mut self.notices, Ground::of(grounds)),
        };
        let key = (sort, name.clone(), grounds.generation.0);
        if let Some(known) = self.grounds.get(&key) {
            return known.clone();
        }
        let new = Arc::new(Ground::of(grounds));
        if self.grounds.len() < SHARED_MAX {
            self.grounds.insert(key, new.clone());
        }
        new
    }

    pub(crate) fn state(&mut self, state: &State) -> Kept {
        match state {
            State::Ready => Kept::Ready,
            State::Deferred { until } => Kept::Deferred(*until),
            State::Bouncing => Kept::Bouncing,
            State::Done { outcome, at } => Kept::Done(*outcome, *at),
            State::Held { .. } | State::Quarantined { .. } => Kept::Back(recent(&mut self.back, state.clone())),
        }
    }

    pub(crate) fn attempt(&mut self, attempt: &AttemptRecord) -> Try {
        let said = Said {
            host: attempt.host.clone(),
            ip: attempt.ip,
            tls: attempt.tls.clone(),
            reply: attempt.reply.clone(),
        };
        Try {
            id: attempt.id,
            at: attempt.at,
            took_ms: attempt.took_ms,
            said: recent(&mut self.said, said),
        }
    }
}

impl Ground {
    fn of(grounds: &Grounds) -> Self {
        Self {
            basis: grounds.basis.clone(),
            generation: grounds.generation,
        }
    }
}
