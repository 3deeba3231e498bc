//! What of a snapshot is forked by entry: logins, certificates, exceptions, routes, forwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use mail::Mailbox;

use super::ranges::{Ranges, ends};
use super::region::{Atom, Region, atom_of};
use crate::basis::Name;
use crate::certificate::CertificateId;
use crate::model::{By, Recipients};
use crate::snapshot::{Snapshot, unmapped};

/// The entries that paths may choose from.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Logins and their grants.
    pub(crate) logins: Arc<Vec<(Name, u32)>>,
    /// Certificates and their grants.
    pub(crate) certificates: Arc<Vec<(CertificateId, u32)>>,
    /// Grants with address exceptions.
    pub(crate) exceptions: Arc<Vec<u32>>,
    /// Whether clients without a grant of that kind are looked at too.
    pub(crate) others: Others,
}

/// What is looked at beside the entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Others {
    /// Clients that did not log in.
    pub(crate) no_login: bool,
    /// Clients whose login has no grant.
    pub(crate) ungranted_login: bool,
    /// Clients without a certificate that has a grant.
    pub(crate) no_certificate: bool,
    /// Clients without an exception.
    pub(crate) no_exception: bool,
}

impl Others {
    pub(crate) const ALL: Self = Self {
        no_login: true,
        ungranted_login: true,
        no_certificate: true,
        no_exception: true,
    };
}

/// What a route does about recipients that may not exist, as far as a grant's path tells routes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Existence {
    /// Everybody exists, or no route takes the domain.
    Taken,
    /// Somebody is asked.
    Asked,
    /// There is a list.
    Listed,
}

/// One domain pattern of one route: what it takes, more exact patterns apart.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) route: u32,
    pub(crate) takes: Arc<Region>,
    pub(crate) holes: Arc<Region>,
}

/// A snapshot's tables, laid out for forking. Building it is linear in what is declared, sorting apart.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) offer: Offer,
    /// By grant: the addresses for which its exception is the narrowest.
    pub(crate) areas: BTreeMap<u32, Arc<Ranges>>,
    /// The same as a sorted list, to find who is near.
    segments: Vec<(u128, u128, u32)>,
    /// Addresses without any exception.
    pub(crate) unexcepted: Arc<Ranges>,
    /// Recipients of our own domains, the bare postmaster among them.
    pub(crate) own_recipients: Arc<Region>,
    /// Mailboxes of our own domains.
    pub(crate) own: Arc<Region>,
    pub(crate) routes: Vec<RouteEntry>,
    /// All domains that have a route.
    pub(crate) routed: Arc<Region>,
    /// By kind: one route of it and all domains, where no route of another kind lies inside; else `None`.
    pub(crate) kinds: Option<BTreeMap<Existence, (u32, Arc<Region>)>>,
    /// By route: its list.
    pub(crate) lists: BTreeMap<u32, Arc<Region>>,
    /// All lists together.
    pub(crate) listed: Arc<Region>,
    pub(crate) forwards: Vec<(u32, Arc<Region>)>,
    pub(crate) forwarded: Arc<Region>,
}

impl Tables {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let book = snapshot.rulebook();
        let own = Region::of_domains(&book.organisation.domains);
        let segments = narrowest(exceptions(snapshot));
        let (areas, unexcepted) = areas(&segments);
        let mut offer = offer(snapshot);
        offer.exceptions = Arc::new(areas.keys().copied().collect());
        let routes = routes(snapshot);
        let lists = lists(snapshot);
        let forwards = forwards(snapshot);
        let one = |mailbox: &Mailbox| Atom::One(mailbox.clone());
        let forwarded = book.forwards.iter().map(|forward| one(&forward.from)).collect();
        Self {
            offer,
            areas,
            segments,
            unexcepted: Arc::new(unexcepted),
            own_recipients: Arc::new(own.clone().and_bare()),
            own: Arc::new(own),
            routed: Arc::new(Region::of_domains(book.routes.iter().flat_map(|route| &route.domains))),
            kinds: kinds(snapshot, &routes),
            routes,
            listed: Arc::new(Region::new(
                lists.values().flat_map(|list| list.atoms()).cloned().collect(),
            )),
            lists,
            forwards,
            forwarded: Arc::new(Region::new(forwarded)),
        }
    }

    /// Grants whose exceptions are the narrowest somewhere in these addresses.
    pub(crate) fn excepted(&self, among: &Ranges) -> Vec<u32> {
        let mut found = Vec::new();
        for (first, last) in among.parts() {
            let from = self.segments.partition_point(|(_, end, _)| end < first);
            let near = self
                .segments
                .iter()
                .skip(from)
                .take_while(|(start, _, _)| start <= last);
            found.extend(near.map(|(_, _, grant)| *grant));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn offer(snapshot: &Snapshot) -> Offer {
    let (mut logins, mut certificates) = (Vec::new(), Vec::new());
    for (index, grant) in (0u32..).zip(&snapshot.rulebook().grants) {
        match &grant.by {
            By::Login(name) => logins.push((name.clone(), index)),
            By::Certificate(ids) => certificates.extend(ids.iter().map(|id| (id.clone(), index))),
            By::Address(_) => {}
        }
    }
    Offer {
        logins: Arc::new(logins),
        certificates: Arc::new(certificates),
        exceptions: Arc::default(),
        others: Others::ALL,
    }
}

fn exceptions(snapshot: &Snapshot) -> Vec<(IpNet, u32)> {
    let mut entries = Vec::new();
    for (index, grant) in (0u32..).zip(&snapshot.rulebook().grants) {
        if let By::Address(networks) = &grant.by {
            entries.extend(networks.iter().map(|network| (unmapped(*network).trunc(), index)));
        }
    }
    entries
}

/// Cuts the line of addresses so that each piece has the one grant whose network is the narrowest around it.
fn narrowest(entries: Vec<(IpNet, u32)>) -> Vec<(u128, u128, u32)> {
    let (v4, v6): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(network, _)| network.addr().is_ipv4());
    let mut pieces = Vec::with_capacity(v4.len() + v6.len());
    let (block_first, block_last) = ends(IpNet::V4(ipnet::Ipv4Net::default()));
    for (first, last, grant) in nested(v6) {
        // A v6 network that surrounds the v4 block does not hold it.
        if first <= block_first && block_last <= last {
            pieces.extend((first < block_first).then(|| (first, block_first - 1, grant)));
            pieces.extend((block_last < last).then(|| (block_last + 1, last, grant)));
        } else {
            pieces.push((first, last, grant));
        }
    }
    pieces.extend(nested(v4));
    pieces.sort_unstable();
    pieces
}

/// The same for networks of one family: one pass over them, with those that are open on a stack.
fn nested(entries: Vec<(IpNet, u32)>) -> Vec<(u128, u128, u32)> {
    let mut sorted: Vec<_> = entries
        .into_iter()
        .map(|(network, grant)| (ends(network), grant))
        .collect();
    sorted.sort_by_key(|((first, last), _)| (*first, std::cmp::Reverse(*last)));
    let mut pieces = Vec::with_capacity(sorted.len());
    let mut open: Vec<(u128, u32)> = Vec::new();
    // The first address that no piece holds yet; none behind the very last.
    let mut next = Some(0u128);
    let close = |open: &mut Vec<(u128, u32)>, next: &mut Option<u128>, before: Option<u128>, pieces: &mut Vec<_>| {
        while let Some((last, grant)) = open.last().copied() {
            if before.is_some_and(|before| last >= before) {
                break;
            }
            open.pop();
            if let Some(first) = next.filter(|first| *first <= last) {
                pieces.push((first, last, grant));
                *next = last.checked_add(1);
            }
        }
    };
    for ((first, last), grant) in sorted {
        close(&mut open, &mut next, Some(first), &mut pieces);
        if let (Some((_, outer)), Some(from)) = (open.last().copied(), next.filter(|from| *from < first)) {
            pieces.push((from, first - 1, outer));
        }
        next = Some(first);
        open.push((last, grant));
    }
    close(&mut open, &mut next, None, &mut pieces);
    pieces
}

fn areas(segments: &[(u128, u128, u32)]) -> (BTreeMap<u32, Arc<Ranges>>, Ranges) {
    let mut by_grant: BTreeMap<u32, Vec<(u128, u128)>> = BTreeMap::new();
    for (first, last, grant) in segments {
        by_grant.entry(*grant).or_default().push((*first, *last));
    }
    let covered = Ranges::joined(segments.iter().map(|(first, last, _)| (*first, *last)).collect());
    let areas = by_grant
        .into_iter()
        .map(|(grant, parts)| (grant, Arc::new(Ranges::joined(parts))))
        .collect();
    (areas, Ranges::all().without(&covered))
}

fn routes(snapshot: &Snapshot) -> Vec<RouteEntry> {
    let book = snapshot.rulebook();
    let entries: Vec<(u32, Atom)> = (0u32..)
        .zip(&book.routes)
        .flat_map(|(index, route)| route.domains.iter().map(move |domain| (index, atom_of(domain))))
        .collect();
    // Sorted by the name read backwards, what lies below a name follows it at once.
    let mut sorted: Vec<(String, usize)> = entries
        .iter()
        .enumerate()
        .map(|(at, (_, atom))| (backwards(atom), at))
        .collect();
    sorted.sort();
    let holes = |atom: &Atom| -> Region {
        let Atom::Below(_) = atom else { return Region::default() };
        let prefix = backwards(atom);
        let from = sorted.partition_point(|(name, _)| *name <= prefix);
        let below = sorted
            .iter()
            .skip(from)
            .take_while(|(name, _)| name.starts_with(&prefix));
        Region::new(below.filter_map(|(_, at)| Some(entries.get(*at)?.1.clone())).collect())
    };
    entries
        .iter()
        .map(|(route, atom)| RouteEntry {
            route: *route,
            takes: Arc::new(Region::new(vec![atom.clone()])),
            holes: Arc::new(holes(atom)),
        })
        .collect()
}

/// `*.example.edu` as `.ude.elpmaxe.` and `example.edu` as `.ude.elpmaxe`: what lies inside begins alike.
fn backwards(atom: &Atom) -> String {
    let (domain, tail) = match atom {
        Atom::Below(domain) => (domain.as_str(), "."),
        Atom::At(domain) => (domain.as_str(), ""),
        _ => ("", ""),
    };
    let mut name: String = std::iter::once('.').chain(domain.chars().rev()).collect();
    name.push_str(tail);
    name
}

fn existence(recipients: &Recipients) -> Existence {
    match recipients {
        Recipients::Any => Existence::Taken,
        Recipients::Asked => Existence::Asked,
        Recipients::Listed(_) => Existence::Listed,
    }
}

fn kinds(snapshot: &Snapshot, entries: &[RouteEntry]) -> Option<BTreeMap<Existence, (u32, Arc<Region>)>> {
    let kind_of = |route: u32| snapshot.route(route).map(|route| existence(&route.recipients));
    let mut atoms: BTreeMap<Existence, (u32, Vec<Atom>)> = BTreeMap::new();
    for entry in entries {
        let kind = kind_of(entry.route)?;
        if !entry.holes.atoms().is_empty() {
            return None;
        }
        let of_kind = atoms.entry(kind).or_insert_with(|| (entry.route, Vec::new()));
        of_kind.1.extend(entry.takes.atoms().iter().cloned());
    }
    Some(
        atoms
            .into_iter()
            .map(|(kind, (route, atoms))| (kind, (route, Arc::new(Region::new(atoms)))))
            .collect(),
    )
}

/// Lists of recipients, without those whose domain another route takes.
fn lists(snapshot: &Snapshot) -> BTreeMap<u32, Arc<Region>> {
    let mut lists = BTreeMap::new();
    for (index, route) in (0u32..).zip(&snapshot.rulebook().routes) {
        if let Recipients::Listed(mailboxes) = &route.recipients {
            let taken = |mailbox: &&Mailbox| {
                mailbox
                    .domain()
                    .is_some_and(|domain| snapshot.routes.find(domain) == Some(&index))
            };
            let taken: Vec<Mailbox> = mailboxes.iter().filter(taken).cloned().collect();
            lists.insert(index, Arc::new(Region::of_mailboxes(&taken)));
        }
    }
    lists
}

fn forwards(snapshot: &Snapshot) -> Vec<(u32, Arc<Region>)> {
    (0u32..)
        .zip(&snapshot.rulebook().forwards)
        // Of two for one address the later holds.
        .filter(|(index, forward)| snapshot.forwards.find(&forward.from) == Some(*index))
        .map(|(index, forward)| {
            (
                index,
                Arc::new(Region::of_mailboxes(std::slice::from_ref(&forward.from))),
            )
        })
        .collect()
}
