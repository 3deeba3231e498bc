//! The loop of the back gate: leases what is due, delivers it, a bounded number at a time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use mail::{Host, Timestamp};
use spool::Lease;
use tokio::task::JoinSet;
use wire::{Phase, Shutdown};

use crate::config::{Config, Ports};
use crate::control::Control;
use crate::delivery::{Group, deliver};
use crate::gate::{Gate, part};
use crate::outcome::Verdict;
use crate::report::Event;
use crate::route::{self, NextHop, Route};
use crate::settle::{Attempt, Finding, conclude};

/// Next hops of one message that are spoken to at a time.
const HOPS_AT_A_TIME: usize = 8;
/// Domains of one message that are looked up at a time.
const LOOKUPS_AT_A_TIME: usize = 16;
/// How soon messages for a suspended route are looked at again.
const SUSPENDED: Duration = Duration::from_secs(60);
/// When a lease comes back after something of ours failed.
const AFTER_TROUBLE: Duration = Duration::from_secs(300);

/// The back gate.
#[derive(Clone)]
pub struct Outbound {
    gate: Arc<Gate>,
}

impl Outbound {
    /// A gate that does nothing until it [runs](Self::run).
    #[must_use]
    pub fn new(config: Config, ports: Ports) -> Self {
        Self {
            gate: Arc::new(Gate::new(config, ports)),
        }
    }

    /// What an operator does with the queue.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.gate.clone())
    }

    /// Takes a new configuration; deliveries under way finish on the old one.
    pub fn reconfigure(&self, config: Config) {
        self.gate.reconfigure(config);
    }

    /// Delivers until it is told to end, then finishes what is under way, for as long as the configuration grants.
    pub async fn run(&self, mut shutdown: Shutdown) {
        let mut letters = JoinSet::new();
        while shutdown.phase() == Phase::Running {
            let room = self.lease(&mut letters);
            let stale_at = self.gate.pool.lock().next_expiry();
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => {}
                Some(done) = letters.join_next() => self.look_after(done),
                () = self.gate.ports.dispatch.work(), if room => {}
                () = self.wait_until(stale_at) => self.close_stale(),
            }
        }
        self.finish(letters, shutdown).await;
    }

    /// Begins what is due, as far as there is room; says whether there is room for more.
    fn lease(&self, letters: &mut JoinSet<()>) -> bool {
        let most = self.gate.config.load().in_flight.max(1);
        let room = most.saturating_sub(letters.len());
        // A queue that is asked for one message after the other costs more than one asked for a handful.
        if room < most.div_ceil(16) {
            return false;
        }
        let leases = self.gate.ports.dispatch.lease(self.gate.now(), room);
        let room_left = leases.len() < room;
        for lease in leases {
            letters.spawn(deliver_letter(self.gate.clone(), lease));
        }
        room_left
    }

    /// A delivery that ended by a mistake of ours gives its lease back by itself.
    fn look_after(&self, done: Result<(), tokio::task::JoinError>) {
        if let Err(error) = done
            && error.is_panic()
        {
            self.gate.note(&Event::Trouble {
                message: None,
                what: "a delivery broke off by a mistake of ours",
            });
        }
    }

    async fn wait_until(&self, at: Option<Duration>) {
        match at {
            Some(at) => self.gate.ports.world.clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn close_stale(&self) {
        let stale = self.gate.pool.lock().expired(self.gate.monotonic());
        stale.into_iter().for_each(part);
    }

    async fn finish(&self, mut letters: JoinSet<()>, mut shutdown: Shutdown) {
        let until = self.gate.monotonic().saturating_add(self.gate.config.load().grace);
        let deadline = self.gate.ports.world.clock.sleep_until(until);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                done = letters.join_next() => match done {
                    Some(done) => self.look_after(done),
                    None => break,
                },
                _ = shutdown.beyond(Phase::Draining) => break,
                () = &mut deadline => break,
            }
        }
        letters.shutdown().await;
        let waiting = self.gate.pool.lock().drain();
        waiting.into_iter().for_each(part);
    }
}

/// One letter: all its recipients that were due.
///
/// What few letters need lies behind pointers: this future is moved for each letter, and is as large as its largest part.
async fn deliver_letter(gate: Arc<Gate>, lease: Lease) {
    let config = gate.config.load_full();
    let mut later = None;
    if lease.recipients.iter().any(|recipient| recipient.bounce) {
        later = Box::pin(give_back(&gate, &config, &lease)).await;
    }
    let mut groups = group(&gate, &config, &lease, &mut later).await;
    let ended = match groups.pop() {
        Some(only) if groups.is_empty() => deliver(&gate, &config, &lease, only).await,
        Some(last) => Box::pin(deliver_all(&gate, &config, &lease, groups, last)).await,
        None => None,
    };
    if let Some(until) = earliest(later, ended) {
        gate.ports.dispatch.put_back(lease, until);
    }
}

/// Several next hops, some at a time.
async fn deliver_all(
    gate: &Gate,
    config: &Config,
    lease: &Lease,
    groups: Vec<Group>,
    last: Group,
) -> Option<Timestamp> {
    let mut later = None;
    let mut groups = groups.into_iter().chain([last]);
    loop {
        let some: Vec<_> = groups
            .by_ref()
            .take(8 * HOPS_AT_A_TIME)
            .map(|group| deliver(gate, config, lease, group))
            .collect();
        if some.is_empty() {
            return later;
        }
        let mut running = stream::iter(some).buffer_unordered(HOPS_AT_A_TIME);
        while let Some(ended) = running.next().await {
            later = earliest(later, ended);
        }
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

/// Recipients that an operator wants given back fail without an attempt.
async fn give_back(gate: &Gate, config: &Config, lease: &Lease) -> Option<Timestamp> {
    let bounced = lease
        .recipients
        .iter()
        .enumerate()
        .filter(|(_, recipient)| recipient.bounce);
    let findings = bounced
        .map(|(place, _)| Finding {
            place,
            verdict: Verdict::given_back(),
        })
        .collect();
    let recorded = conclude(gate, config, lease, None, findings).await;
    recorded.is_err().then(|| gate.now().plus(AFTER_TROUBLE))
}

/// Parts the recipients by next hop. Those without one are concluded here.
async fn group(gate: &Gate, config: &Config, lease: &Lease, later: &mut Option<Timestamp>) -> Vec<Group> {
    let (sites, homeless) = by_site(config, lease);
    let begun = (gate.now(), gate.monotonic());
    let mut lost = Vec::new();
    if !homeless.is_empty() {
        lost.push((Host::Domain(config.hostname.clone()), Arc::from(""), homeless));
    }
    let mut groups: BTreeMap<Arc<str>, Group> = BTreeMap::new();
    for (site, places, route, found) in look_up_all(gate, config, sites).await {
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
async fn look_up_all(gate: &Gate, config: &Config, sites: Sites) -> Vec<Found> {
    let mut all = Vec::with_capacity(sites.len());
    let mut unknown = Vec::new();
    for (site, places) in sites {
        let route = config.routes.route_for(&site);
        match route::without_dns(route, &site, config.routes.mx_port()) {
            Some(next) => all.push((site, places, next.route.name.clone(), Ok(next))),
            None => unknown.push(look_up(gate, config, site, places, route.route.clone())),
        }
    }
    if !unknown.is_empty() {
        let lookups = stream::iter(unknown).buffered(LOOKUPS_AT_A_TIME);
        all.extend(Box::pin(lookups.collect::<Vec<Found>>()).await);
    }
    all
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
