//! Properties of declarations beside each other: exceptions inside exceptions, routes inside routes, domains without.

use std::collections::BTreeMap;

use ipnet::IpNet;
use mail::{DomainPattern, Host};

use super::declared::{blocking, clients_of, finding};
use super::property::{Breach, Judged};
use super::ranges::{Ranges, ends};
use super::region::{Atom, atom_of};
use super::subject::{Subject, from_clients};
use crate::model::{By, Route};
use crate::snapshot::unmapped;

pub(crate) fn judge(subject: &Subject<'_>) -> Vec<Judged> {
    let mut all = nested_exceptions(subject);
    all.extend(routes(subject));
    all
}

/// One exception inside another. The narrowest is selected, so judgement is never in doubt; but the outer grant's owner
/// does not get what was granted. Nested on purpose is what one owner nests, and is only told.
fn nested_exceptions(subject: &Subject<'_>) -> Vec<Judged> {
    let mut others = blocking("exceptions-apart", "no two owners have exceptions for the same address");
    let mut own = finding(
        "exceptions-nested",
        "no exception lies inside another of the same owner",
    );
    let grants = &subject.snapshot.rulebook().grants;
    for (network, inner, outer) in inside_each_other(subject) {
        let (Some(inside), Some(around)) = (grants.get(inner as usize), grants.get(outer as usize)) else {
            continue;
        };
        let judged = if inside.owner == around.owner {
            &mut own
        } else {
            &mut others
        };
        judged.breach(|| Breach {
            story: subject.let_in(&from_clients(Ranges::of(&[network])), inner),
            because: format!(
                "grant {} has {network}, inside {} of grant {}",
                inside.name,
                clients_of(around),
                around.name
            ),
            place: inside.place,
            others: vec![around.place],
            remedy: format!(
                "take the addresses of grant {} out of grant {}",
                inside.name, around.name
            ),
        });
    }
    vec![others, own]
}

/// Networks of one grant inside a network of another, each with the narrowest that surrounds it.
fn inside_each_other(subject: &Subject<'_>) -> Vec<(IpNet, u32, u32)> {
    let mut entries = Vec::new();
    for (index, grant) in (0u32..).zip(&subject.snapshot.rulebook().grants) {
        if let By::Address(networks) = &grant.by {
            let net = |network: &IpNet| unmapped(*network).trunc();
            entries.extend(networks.iter().map(net).map(|network| (ends(network), network, index)));
        }
    }
    // A v6 network may surround the v4 block and holds nothing of it: the families stay apart.
    entries.sort_by_key(|((first, last), network, _)| (network.addr().is_ipv4(), *first, std::cmp::Reverse(*last)));
    let mut pairs = Vec::new();
    let mut open: Vec<((u128, u128), bool, u32)> = Vec::new();
    for ((first, last), network, grant) in entries {
        let v4 = network.addr().is_ipv4();
        while open
            .last()
            .is_some_and(|((_, end), family, _)| *end < first || *family != v4)
        {
            open.pop();
        }
        if let Some((_, _, outer)) = open.last().filter(|(_, _, outer)| *outer != grant) {
            pairs.push((network, grant, *outer));
        }
        open.push(((first, last), v4, grant));
    }
    pairs
}

fn routes(subject: &Subject<'_>) -> Vec<Judged> {
    vec![
        nested_routes(subject),
        without_route(subject),
        swapped(subject),
        elsewhere(subject),
    ]
}

fn nested_routes(subject: &Subject<'_>) -> Judged {
    let mut judged = finding("routes-apart", "no route takes domains inside those of another");
    for entry in &subject.tables.routes {
        for hole in entry.holes.atoms() {
            let taken = |other: &&super::tables::RouteEntry| other.takes.atoms().contains(hole);
            let inner = subject
                .tables
                .routes
                .iter()
                .find(taken)
                .filter(|other| other.route != entry.route);
            let inner = inner.and_then(|other| subject.snapshot.route(other.route));
            if let (Some(inner), Some(outer)) = (inner, subject.snapshot.route(entry.route)) {
                judged.breach(|| Breach {
                    story: None,
                    because: format!(
                        "route {} takes domains inside those of route {}",
                        inner.name, outer.name
                    ),
                    place: inner.place,
                    others: vec![outer.place],
                    remedy: "see that this is meant: the more exact one takes the mail".to_owned(),
                });
            }
        }
    }
    judged
}

fn without_route(subject: &Subject<'_>) -> Judged {
    let mut judged = finding("own-domains-have-routes", "every domain of ours has a route");
    let book = subject.snapshot.rulebook();
    for domain in &book.organisation.domains {
        let own = atom_of(domain);
        let routed = &subject.tables.routed;
        if !routed.covers(&own) && !routed.atoms().iter().any(|atom| own.covers(atom)) {
            judged.breach(|| Breach {
                story: None,
                because: format!("no route takes {domain}: mail to it is refused"),
                place: book.organisation.place,
                others: Vec::new(),
                remedy: "declare a route for it, or take it out of organisation.domains if it gets no mail".to_owned(),
            });
        }
    }
    judged
}

/// The route whose own domain the destination's name is in, if that is another route with nothing in common.
fn led_to(subject: &Subject<'_>, route: &Route, host: &Host) -> Option<u32> {
    let mut name = host.domain()?.clone();
    loop {
        let exactly = DomainPattern::Exactly(name.clone());
        let found = subject
            .snapshot
            .rulebook()
            .routes
            .iter()
            .position(|other| other.domains.contains(&exactly));
        if let Some(index) = found {
            let around = Atom::Below(name.clone());
            let related = |domain: &DomainPattern| *domain == exactly || around.covers(&atom_of(domain));
            return (!route.domains.iter().any(related))
                .then(|| u32::try_from(index).ok())
                .flatten();
        }
        name = name.parent()?;
    }
}

/// By route: the routes whose domains its destinations are in.
fn leads(subject: &Subject<'_>) -> BTreeMap<u32, Vec<u32>> {
    let book = subject.snapshot.rulebook();
    let mut leads: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (name, host) in &book.intent.destinations {
        let route = (0u32..).zip(&book.routes).find(|(_, route)| route.name == *name);
        if let Some((index, to)) = route.and_then(|(index, route)| Some((index, led_to(subject, route, host)?))) {
            leads.entry(index).or_default().push(to);
        }
    }
    leads
}

fn swapped(subject: &Subject<'_>) -> Judged {
    let mut judged = blocking("routes-not-swapped", "no two routes lead to each other's servers");
    let leads = leads(subject);
    for (route, others) in &leads {
        let back = |other: &&u32| **other > *route && leads.get(other).is_some_and(|back| back.contains(route));
        for other in others.iter().filter(back) {
            judged.breach(|| crossing(subject, *route, *other, "and the other way round"));
        }
    }
    judged
}

fn elsewhere(subject: &Subject<'_>) -> Judged {
    let mut judged = finding("routes-lead-home", "every route leads to a server of its own domain");
    for (route, others) in &leads(subject) {
        for other in others {
            judged.breach(|| crossing(subject, *route, *other, "see that this is meant"));
        }
    }
    judged
}

fn crossing(subject: &Subject<'_>, route: u32, other: u32, tail: &str) -> Breach {
    let (from, to) = (subject.snapshot.route(route), subject.snapshot.route(other));
    let name = |route: Option<&Route>| route.map_or_else(|| "?".to_owned(), |route| route.name.to_string());
    Breach {
        story: None,
        because: format!(
            "route {} leads to a server in the domain of route {}, {tail}",
            name(from),
            name(to)
        ),
        place: from.map(|route| route.place).unwrap_or_default(),
        others: to.map(|route| route.place).into_iter().collect(),
        remedy: "correct `to` of the routes".to_owned(),
    }
}
