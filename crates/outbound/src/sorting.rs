//! Sorting the recipients of a letter by next hop.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use mail::{Host, Timestamp};
use spool::Lease;

use crate::config::Config;
use crate::delivery::Group;
use crate::destination::{Admittance, Lesson};
use crate::gate::Gate;
use crate::outcome::{Pressure, Verdict};
use crate::route::{self, NextHop, Route};
use crate::settle::{Attempt, Finding, conclude};
use crate::worker::{AFTER_TROUBLE, earliest};

/// Domains of one message that are looked up at a time.
const LOOKUPS_AT_A_TIME: usize = 16;
/// How soon messages for a suspended route are looked at again.
const SUSPENDED: Duration = Duration::from_secs(60);

/// Parts the recipients by next hop. Those without one are concluded here.
pub(crate) async fn group(gate: &Gate, config: &Config, lease: &Lease, later: &mut Option<Timestamp>) -> Vec<Group> {
    let (sites, homeless) = by_site(config, lease);
    let begun = (gate.now(), gate.monotonic());
    let mut lost = Vec::new();
    if !homeless.is_empty() {
        lost.push((Host::Domain(config.hostname.clone()), Arc::from(""), homeless));
    }
    let mut groups: BTreeMap<Arc<str>, Group> = BTreeMap::new();
    for (site, places, route, found) in look_up_all(gate, config, sites, later).await {
        match found {
            Ok(next) if gate.is_suspended(&next.route.name) => {
                *later = earliest(*later, Some(gate.now().plus(SUSPENDED)));
            }
            Ok(next) => match groups.entry(next.key.clone()) {
                Entry::Occupied(known) => known.into_mut().places.extend(places),
                Entry::Vacant(new) => {
                    new.insert(Group { next, site, places });
                }
            },
            Err(verdict) => {
                let verdicts = std::iter::repeat(verdict);
                let findings = places.into_iter().zip(verdicts);
                let findings = findings.map(|(place, verdict)| Finding { place, verdict }).collect();
                lost.push((site, route, findings));
            }
        }
    }
    for (site, route, findings) in lost {
        let attempt = attempt_without_host(gate, &site, route, begun);
        if Box::pin(conclude(gate, config, lease, Some(&attempt), findings))
            .await
            .is_err()
        {
            *later = earliest(*later, Some(gate.now().plus(AFTER_TROUBLE)));
        }
    }
    groups.into_values().collect()
}

type Sites = BTreeMap<Host, Vec<usize>>;

/// Whose mail the recipients are, by their places; and those that are nobody's.
fn by_site(config: &Config, lease: &Lease) -> (Sites, Vec<Finding>) {
    let mut sites = Sites::new();
    let mut homeless = Vec::new();
    let due = lease.recipients.iter().enumerate();
    for (place, recipient) in due.filter(|(_, recipient)| !recipient.bounce) {
        match config.routes.site_of(&recipient.path) {
            Some(site) => sites.entry(site).or_default().push(place),
            None => homeless.push(Finding {
                place,
                verdict: Verdict::no_postmaster(),
            }),
        }
    }
    (sites, homeless)
}

type Found = (Host, Vec<usize>, Arc<str>, Result<NextHop, Verdict>);

/// The next hop of each site. Routes that name their hosts answer at once; DNS is asked for the others.
async fn look_up_all(gate: &Gate, config: &Config, sites: Sites, later: &mut Option<Timestamp>) -> Vec<Found> {
    let mut all = Vec::with_capacity(sites.len());
    let mut unknown = Vec::new();
    for (site, places) in sites {
        let way = config.routes.route_for(&site);
        match route::without_dns(way, &site, config.routes.mx_port()) {
            Some(next) => all.push((site, places, next.route.name.clone(), Ok(next))),
            None => unknown.push(look_up(gate, config, site, places, way.route.clone())),
        }
    }
    if !unknown.is_empty() {
        match Box::pin(ask_dns(gate, config, unknown)).await {
            Ok(found) => all.extend(found),
            Err(until) => *later = earliest(*later, Some(gate.wall_at(until))),
        }
    }
    all
}

/// Asks DNS, if it is not overrun. DNS that does not answer is treated as a destination that does not: it must not keep
/// letters that need none from the worker. Says when to ask again where there is no room.
async fn ask_dns(
    gate: &Gate,
    config: &Config,
    questions: Vec<impl Future<Output = Found>>,
) -> Result<Vec<Found>, Duration> {
    let most = (config.in_flight / 4).max(1);
    match gate
        .destinations
        .admit(&gate.dns, None, Some(most), &|| gate.monotonic())
        .await
    {
        Admittance::Go(mut slot) => {
            let found = stream::iter(questions).buffered(LOOKUPS_AT_A_TIME).collect().await;
            slot.learn(&Lesson {
                pressure: Pressure::None,
                why: "",
                now: gate.monotonic(),
            });
            Ok(found)
        }
        Admittance::Busy(until) => Err(until),
        // Nothing ever teaches that DNS is down, for there are many servers behind it.
        Admittance::Down(_) => Err(gate.monotonic() + SUSPENDED),
    }
}

/// The next hop of a site according to DNS.
async fn look_up(gate: &Gate, config: &Config, site: Host, places: Vec<usize>, route: Arc<Route>) -> Found {
    let found = match site.domain() {
        Some(domain) => {
            let answer = gate.ports.resolver.mx(domain).await;
            let (port, rng) = (config.routes.mx_port(), &*gate.ports.world.rng);
            route::by_mx(&route, domain, answer, &config.ourselves, port, rng)
        }
        None => Err(Verdict::loops_back(&site)),
    };
    (site, places, route.name.clone(), found)
}

fn attempt_without_host(gate: &Gate, site: &Host, route: Arc<str>, begun: (Timestamp, Duration)) -> Attempt {
    Attempt {
        id: gate.attempt_id(),
        at: begun.0,
        begun: begun.1,
        route,
        host: site.to_string().into(),
        ip: None,
        tls: Box::default(),
        dsn: false,
    }
}
