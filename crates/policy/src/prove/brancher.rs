//! The reader that answers every question every way there is.
//!
//! One run of `decide` follows one path. The brancher keeps the choices it made, and the next run takes the next of
//! them, until every path was walked: the cells are judgement's own paths, whatever judgement asks.

mod answers;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use ipnet::IpNet;

use super::cell::{Cell, Seen};
use super::names::Names;
use super::ranges::Ranges;
use super::region::Region;
use super::tables::{Offer, Tables};
use crate::decide::{Decision, decide};
use crate::facts::Fact;
use crate::model::{By, Grant, Route, SenderPattern};
use crate::snapshot::{CertificateTable, Snapshot};

/// How finely paths are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Every answer to every question.
    Full,
    /// The flows: what is the same for all grants of a kind is looked at for the first of them.
    ///
    /// - Where a fact is not known yet, nothing is permitted, whatever follows: the path ends there.
    /// - Facts that nobody knows are looked at for the first grant of each kind.
    /// - What is known late and can only narrow (use, masked sources, hops, content) likewise; elsewhere it is at its
    ///   best.
    /// - On a grant's path, routes that treat unknown recipients alike are one.
    Flows,
    /// As `Flows`, and nothing is unknown or late at all: what can be done, at its best.
    Possible,
}

/// A set of clients and a list of networks, by where they stand.
type Half = (*const Ranges, *const IpNet, usize);

/// What tells grants apart in the way judgement runs, not in what it compares.
type Kind = (Option<u32>, [u8; 10], Question);

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Client,
    Encrypted,
    Sender,
    Recipient,
    Exists,
    From,
    Octets,
    Hops,
}

/// Walks the paths of `decide`.
pub(crate) struct Brancher<'s> {
    snapshot: &'s Snapshot,
    tables: &'s Tables,
    offer: Offer,
    detail: Detail,
    start: Cell,
    /// Where certificates that the starting cell calls unbound were looked up.
    elsewhere: Option<&'s CertificateTable>,
    /// The answer chosen at each fork of this path, and how many there are.
    path: Vec<(u32, u32)>,
    at: usize,
    cell: Cell,
    /// The cell as it was when the first fact was found to be not known yet.
    early: Option<Cell>,
    void: bool,
    grant: Option<u32>,
    /// Whether the routes on this path are told apart by kind only.
    merged: bool,
    tail: Option<bool>,
    owners: BTreeMap<Kind, u32>,
    tails: BTreeMap<[u8; 2], Vec<u32>>,
    networks: HashMap<(*const IpNet, usize), [Arc<Ranges>; 2]>,
    /// Large sets of clients that were split already: the set, by where it stands, and its two sides.
    halves: HashMap<Half, (Arc<Ranges>, [Arc<Ranges>; 2])>,
    excepted: Option<(Arc<Ranges>, Arc<Vec<u32>>)>,
    /// The last clients that were asked about, and those of them without an exception.
    unexcepted: Option<(Arc<Ranges>, Arc<Ranges>)>,
}

impl<'s> Brancher<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot, tables: &'s Tables, detail: Detail) -> Self {
        Self {
            snapshot,
            tables,
            offer: tables.offer.clone(),
            detail,
            start: Cell::everything(),
            elsewhere: None,
            path: Vec::new(),
            at: 0,
            cell: Cell::everything(),
            early: None,
            void: false,
            grant: None,
            merged: false,
            tail: None,
            owners: BTreeMap::new(),
            tails: BTreeMap::new(),
            networks: HashMap::new(),
            halves: HashMap::new(),
            excepted: None,
            unexcepted: None,
        }
    }

    /// Only these entries.
    pub(crate) fn offering(mut self, offer: Offer) -> Self {
        self.offer = offer;
        self
    }

    /// Walks every path from `start` on and shows each cell with its decision, until it is told to stop.
    pub(crate) fn walk(
        &mut self,
        start: &Cell,
        elsewhere: Option<&'s CertificateTable>,
        visit: &mut dyn FnMut(&Cell, &Decision) -> ControlFlow<()>,
    ) {
        self.start = start.clone();
        self.elsewhere = elsewhere;
        self.path.clear();
        loop {
            self.begin();
            let snapshot = self.snapshot;
            let decision = decide(snapshot, self);
            let flow = match self.early.take() {
                _ if self.void => ControlFlow::Continue(()),
                Some(early) => visit(
                    &early,
                    &Decision {
                        complete: false,
                        ..decision
                    },
                ),
                None => visit(&self.cell, &decision),
            };
            if flow.is_break() {
                return;
            }
            if !self.advance() {
                return;
            }
        }
    }

    fn begin(&mut self) {
        self.at = 0;
        self.cell.clone_from(&self.start);
        self.early = None;
        self.void = false;
        self.grant = None;
        self.merged = false;
        self.tail = None;
    }

    /// To the next path; `false` behind the last.
    fn advance(&mut self) -> bool {
        self.path.truncate(self.at);
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }

    /// One of `of` answers: the same as before along a path that was begun, then the first.
    fn choose(&mut self, of: usize) -> usize {
        if of <= 1 || self.early.is_some() || self.void {
            return 0;
        }
        let chosen = match self.path.get(self.at) {
            Some((chosen, _)) => *chosen,
            None => {
                self.path.push((0, u32::try_from(of).unwrap_or(u32::MAX)));
                0
            }
        };
        self.at += 1;
        chosen as usize
    }

    /// A path that no message takes.
    fn dead<T>(&mut self) -> Fact<T> {
        self.void = true;
        Fact::Unknown
    }

    /// Whether facts that nobody knows, or that come later, are looked at here.
    fn doubts(&mut self, question: Question) -> bool {
        match self.detail {
            Detail::Full => true,
            Detail::Possible => false,
            Detail::Flows => match self.grant.and_then(|index| Some((index, self.snapshot.grant(index)?))) {
                None => true,
                Some((index, grant)) => {
                    let kind = (self.cell.listener, kind(grant), question);
                    *self.owners.entry(kind).or_insert(index) == index
                }
            },
        }
    }

    /// Answers one question about a fact: `options` are what can be known, in cells; after them, where nothing was
    /// read before, that nobody knows and that it is not known yet.
    fn answer<A: Copy, T>(&mut self, question: Question, fresh: bool, options: Vec<(A, T)>) -> (Fact<A>, Seen<T>) {
        let doubts = fresh && self.doubts(question);
        if fresh && self.early.is_some() {
            return (Fact::NotYet, Seen::NotYet);
        }
        let known = options.len();
        let chosen = self.choose(known + if doubts { 2 } else { 0 });
        match options.into_iter().nth(chosen) {
            Some((answer, cell)) => (Fact::Known(answer), Seen::Known(cell)),
            None if !doubts => (self.dead(), Seen::Unknown),
            None if chosen == known => (Fact::Unknown, Seen::Unknown),
            None => (Fact::NotYet, Seen::NotYet),
        }
    }

    /// Where a fact is not known yet, the path ends in all but name; what was read before says where.
    fn note<A>(&mut self, fact: &Fact<A>) {
        if matches!(fact, Fact::NotYet) && self.detail != Detail::Full && self.early.is_none() {
            self.early = Some(self.cell.clone());
        }
    }
}

fn kind(grant: &Grant) -> [u8; 10] {
    use crate::model::{GrantState, Scope};
    let by = match grant.by {
        By::Login(_) => 0,
        By::Certificate(_) => 1,
        By::Address(_) => 2,
    };
    let scope = match grant.scope {
        Scope::Any => 0,
        Scope::Internal => 1,
        Scope::Domains(_) => 2,
    };
    [
        by,
        scope,
        u8::from(grant.state == GrantState::Active),
        u8::from(grant.zone.is_some()),
        u8::from(grant.networks.is_empty()),
        u8::from(grant.listeners.is_empty()),
        u8::from(grant.senders.is_empty()),
        u8::from(
            grant
                .from_patterns()
                .iter()
                .any(|pattern| *pattern != SenderPattern::Null),
        ),
        u8::from(grant.tolerances.missing_from),
        u8::from(grant.class.holds_over_limit()),
    ]
}

impl Brancher<'_> {
    /// The addresses inside and outside of these networks.
    fn inside(&mut self, networks: &[IpNet]) -> [Arc<Ranges>; 2] {
        // The slices are the snapshot's own, so where one stands says which it is.
        let sides = self
            .networks
            .entry((networks.as_ptr(), networks.len()))
            .or_insert_with(|| {
                let inside = Ranges::of(networks);
                let outside = Ranges::all().without(&inside);
                [Arc::new(inside), Arc::new(outside)]
            });
        sides.clone()
    }

    /// The clients of `whole` inside and outside of these networks.
    fn halves(&mut self, whole: &Arc<Ranges>, networks: &[IpNet]) -> [Arc<Ranges>; 2] {
        /// From here on it is worth to remember.
        const LARGE: usize = 64;
        let key = (Arc::as_ptr(whole), networks.as_ptr(), networks.len());
        if let Some((_, halves)) = self.halves.get(&key) {
            return halves.clone();
        }
        let sides = self.inside(networks);
        let halves = sides.map(|side| Arc::new(whole.and(&side)));
        if whole.parts().len() > LARGE {
            // The set is kept as well: as long as it is, nothing else can stand where it stands.
            self.halves.insert(key, (Arc::clone(whole), halves.clone()));
        }
        halves
    }

    /// The clients without any exception.
    fn without_exception(&mut self, client: &Seen<Arc<Ranges>>) -> Arc<Ranges> {
        let Seen::Known(known) = client else {
            return Arc::clone(&self.tables.unexcepted);
        };
        if let Some((_, rest)) = self.unexcepted.as_ref().filter(|(of, _)| Arc::ptr_eq(of, known)) {
            return Arc::clone(rest);
        }
        let rest = Arc::new(known.and(&self.tables.unexcepted));
        self.unexcepted = Some((Arc::clone(known), Arc::clone(&rest)));
        rest
    }

    fn grants_around(&mut self, client: &Seen<Arc<Ranges>>) -> Arc<Vec<u32>> {
        let Seen::Known(ranges) = client else {
            return Arc::clone(&self.offer.exceptions);
        };
        if let Some((_, around)) = self.excepted.as_ref().filter(|(of, _)| Arc::ptr_eq(of, ranges)) {
            return Arc::clone(around);
        }
        let offered = &self.offer.exceptions;
        let mut around = self.tables.excepted(ranges);
        around.retain(|grant| offered.binary_search(grant).is_ok());
        let around = Arc::new(around);
        self.excepted = Some((Arc::clone(ranges), Arc::clone(&around)));
        around
    }

    /// Whether this path looks at late facts that only narrow.
    fn looks_at_tail(&mut self) -> bool {
        let Some(grant) = self.grant.and_then(|index| self.snapshot.grant(index)) else {
            return self.detail != Detail::Possible;
        };
        match self.detail {
            Detail::Full => true,
            Detail::Possible => false,
            Detail::Flows => {
                if let Some(known) = self.tail {
                    return known;
                }
                let kind = [
                    u8::from(grant.class.holds_over_limit()),
                    u8::from(matches!(grant.by, By::Address(_))),
                ];
                let here: Vec<u32> = self.path.iter().take(self.at).map(|(chosen, _)| *chosen).collect();
                let looks = *self.tails.entry(kind).or_insert_with(|| here.clone()) == here;
                *self.tail.insert(looks)
            }
        }
    }

    /// A fact with a handful of values that is read where everything else holds; the first value is the best.
    fn late<T: Copy + PartialEq>(&mut self, seen: &Seen<T>, values: &[T]) -> (Fact<T>, Seen<T>) {
        match seen {
            Seen::Unknown => return (Fact::Unknown, Seen::Unknown),
            Seen::NotYet => return (Fact::NotYet, Seen::NotYet),
            Seen::Known(value) => return (Fact::Known(*value), Seen::Known(*value)),
            Seen::Unread => {}
        }
        if self.early.is_some() {
            return (Fact::NotYet, Seen::NotYet);
        }
        if !self.looks_at_tail() {
            // Unread: the cell stands for all values, at its best.
            return (
                values.first().map_or(Fact::Unknown, |best| Fact::Known(*best)),
                Seen::Unread,
            );
        }
        let chosen = self.choose(values.len() + 2);
        let (fact, seen) = match values.get(chosen) {
            Some(value) => (Fact::Known(*value), Seen::Known(*value)),
            None if chosen == values.len() => (Fact::Unknown, Seen::Unknown),
            None => (Fact::NotYet, Seen::NotYet),
        };
        (fact, seen)
    }

    fn listed(&self, route: &Route) -> Arc<Region> {
        if self.merged {
            return Arc::clone(&self.tables.listed);
        }
        let index = self
            .snapshot
            .rulebook()
            .routes
            .iter()
            .position(|one| std::ptr::eq(one, route));
        let list = index.and_then(|index| self.tables.lists.get(&u32::try_from(index).ok()?));
        list.cloned().unwrap_or_default()
    }

    fn recipients(&self) -> Names {
        self.cell.recipient.known().cloned().unwrap_or_else(Names::all)
    }
}
