//! Where a recipient's mail goes: the route that is declared for its domain, and the hosts that route names.
//!
//! Everything here is a pure function of what was declared, what DNS said and chance.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns::{Mx, MxAnswer};
use mail::{Domain, DomainPattern, ForwardPath, Host};
use policy::Name;
use smtp::client::Login;
use wire::TlsClient;
use world::Rng;

use crate::outcome::Verdict;

/// Hosts of one domain that are tried at most; a domain that lists more means to keep us busy.
const HOSTS_MAX: usize = 20;

/// All routes, and what holds where none is declared.
#[derive(Clone, Debug)]
pub struct Routes {
    declared: Vec<Way>,
    fallback: Way,
    /// Where `<postmaster>` without a domain lives: the organisation's first domain.
    postmaster: Option<Domain>,
    /// The port of hosts found through MX records: 25, except where a network moves it.
    mx_port: u16,
}

/// A route, and where it leads as far as that is known beforehand.
#[derive(Clone, Debug)]
pub struct Way {
    /// The route.
    pub route: Arc<Route>,
    /// The one next hop of a route that names its hosts.
    declared: Option<NextHop>,
}

impl Way {
    fn new(route: Route) -> Self {
        let route = Arc::new(route);
        let declared = match &route.to {
            Target::Hosts(hosts) => Some(NextHop {
                route: route.clone(),
                hops: in_order(hosts),
                key: format!("route:{}", route.name).into(),
            }),
            Target::Mx => None,
        };
        Self { route, declared }
    }
}

fn in_order(hosts: &[Endpoint]) -> Arc<[Hop]> {
    let hop = |(place, at): (usize, &Endpoint)| Hop {
        at: at.clone(),
        preference: u16::try_from(place).unwrap_or(u16::MAX),
    };
    hosts.iter().enumerate().map(hop).collect()
}

/// One declared route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// Whose mail takes it; empty for the route of everything else.
    pub domains: Vec<DomainPattern>,
    /// Where it leads.
    pub to: Target,
    /// What is asked of the channel.
    pub tls: TlsPolicy,
    /// TLS begins with the connection, not by STARTTLS.
    pub implicit_tls: bool,
    /// Our side of TLS, where it is not the gate's: other authorities, a certificate of ours.
    pub tls_client: Option<TlsClient>,
    /// Who we are to the next hop, where it wants to know.
    pub login: Option<Login>,
    /// The address to connect from.
    pub source: Option<IpAddr>,
    /// Connections at a time at most, where not the gate's default.
    pub connections: Option<usize>,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the hosts that the recipient's domain names in DNS.
    Mx,
    /// To these, in this order.
    Hosts(Vec<Endpoint>),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// What is asked of the channel to a next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsPolicy {
    /// TLS where the peer can; mail goes in the clear where it cannot.
    #[default]
    Opportunistic,
    /// TLS or nothing; whose certificate does not matter.
    Require,
    /// TLS or nothing, and the certificate must be valid for the host's name.
    Verify,
}

impl TlsPolicy {
    /// As the configuration and the log write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opportunistic => "opportunistic",
            Self::Require => "require",
            Self::Verify => "verify",
        }
    }
}

impl Route {
    /// A route of this name for these domains, opportunistic and without particulars.
    #[must_use]
    pub fn new(name: impl Into<Name>, domains: Vec<DomainPattern>, to: Target) -> Self {
        Self {
            name: name.into(),
            domains,
            to,
            tls: TlsPolicy::Opportunistic,
            implicit_tls: false,
            tls_client: None,
            login: None,
            source: None,
            connections: None,
        }
    }

    /// How closely the route's domains fit: an exact name before any pattern, a long pattern before a short one.
    fn fit(&self, domain: &Domain) -> Option<usize> {
        let fit = |pattern: &DomainPattern| match pattern {
            _ if !pattern.matches(domain) => None,
            DomainPattern::Exactly(_) => Some(usize::MAX),
            DomainPattern::Below(parent) => Some(parent.as_str().len()),
        };
        self.domains.iter().filter_map(fit).max()
    }
}

impl Routes {
    /// The routes as declared. A route without domains takes everything else; without one, MX records do.
    #[must_use]
    pub fn new(routes: Vec<Route>, postmaster: Option<Domain>) -> Self {
        let mut declared = Vec::new();
        let mut fallback = None;
        for route in routes {
            if route.domains.is_empty() {
                fallback.get_or_insert(Way::new(route));
            } else {
                declared.push(Way::new(route));
            }
        }
        let fallback = fallback.unwrap_or_else(|| Way::new(Route::new("mx", Vec::new(), Target::Mx)));
        Self {
            declared,
            fallback,
            postmaster,
            mx_port: 25,
        }
    }

    /// Another port for hosts found through MX records.
    #[must_use]
    pub fn with_mx_port(mut self, port: u16) -> Self {
        self.mx_port = port;
        self
    }

    /// The port of hosts found through MX records.
    #[must_use]
    pub fn mx_port(&self) -> u16 {
        self.mx_port
    }

    /// Whose mail this is: the domain or the address literal that is looked for.
    #[must_use]
    pub fn site_of(&self, path: &ForwardPath) -> Option<Host> {
        match path {
            ForwardPath::Postmaster => self.postmaster.clone().map(Host::Domain),
            ForwardPath::Mailbox(mailbox) => Some(mailbox.host().clone()),
        }
    }

    /// The route for a site: the closest declared one (of equals the first), else the one of everything else. Address
    /// literals have no domain, so only the latter can take them.
    #[must_use]
    pub fn route_for(&self, site: &Host) -> &Way {
        let closest = site.domain().and_then(|domain| {
            let fits = self
                .declared
                .iter()
                .filter_map(|way| Some((way.route.fit(domain)?, way)));
            fits.reduce(|best, next| if next.0 > best.0 { next } else { best })
        });
        closest.map_or(&self.fallback, |(_, way)| way)
    }
}

/// What is us, so that mail does not go round.
#[derive(Clone, Debug, Default)]
pub struct Ourselves {
    /// The names we say in our greeting.
    pub names: BTreeSet<Domain>,
    /// Where we listen. An unspecified address stands for all of [`Ourselves::interfaces`].
    pub listeners: Vec<SocketAddr>,
    /// The addresses of this machine.
    pub interfaces: BTreeSet<IpAddr>,
}

impl Ourselves {
    /// Whether the host is one of our names.
    #[must_use]
    pub fn is_name(&self, host: &Domain) -> bool {
        self.names.contains(host)
    }

    /// Whether one of our listeners would answer there.
    #[must_use]
    pub fn listens_at(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.listeners.iter().any(|listener| {
            let listens = listener.ip().to_canonical() == ip
                || listener.ip().is_unspecified() && (ip.is_loopback() || self.interfaces.contains(&ip));
            listens && listener.port() == address.port()
        })
    }
}

/// One host to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The host and port.
    pub at: Endpoint,
    /// MX preference; the place in the list for declared hosts.
    pub preference: u16,
}

/// A route applied to a site: whom to call, in which order.
#[derive(Clone, Debug)]
pub struct NextHop {
    /// The route.
    pub route: Arc<Route>,
    /// The hosts, first choice first; never empty.
    pub hops: Arc<[Hop]>,
    /// What is one destination: equal keys share connections and their bound.
    pub key: Arc<str>,
}

/// The next hop of a site along a route that leads to hosts, or of an address literal; `None` where DNS is to be asked.
#[must_use]
pub fn without_dns(way: &Way, site: &Host, mx_port: u16) -> Option<NextHop> {
    match (&way.declared, site) {
        (Some(next), _) => Some(next.clone()),
        (None, Host::Literal(_)) => {
            let at = Endpoint {
                host: site.clone(),
                port: mx_port,
            };
            Some(NextHop {
                route: way.route.clone(),
                hops: [Hop { at, preference: 0 }].into(),
                key: format!("mx:{}:{site}", way.route.name).into(),
            })
        }
        (None, Host::Domain(_)) => None,
    }
}

/// The next hop of a domain according to its MX records (RFC 5321 §5.1).
///
/// Equals in preference are shuffled. Where one of the hosts is us, it and all that are not before it are left out; if
/// nobody remains, the mail would go round.
pub fn by_mx(
    route: &Arc<Route>,
    domain: &Domain,
    answer: MxAnswer,
    ourselves: &Ourselves,
    mx_port: u16,
    rng: &dyn Rng,
) -> Result<NextHop, Verdict> {
    let mut records = match answer {
        MxAnswer::Found { records, .. } => records,
        MxAnswer::NoRecords => vec![Mx {
            preference: 0,
            host: domain.clone(),
        }],
        MxAnswer::Null { .. } => return Err(Verdict::null_mx(domain)),
        MxAnswer::NoDomain => return Err(Verdict::no_such_domain(domain)),
        MxAnswer::Temporary(trouble) => return Err(Verdict::dns_trouble(domain, trouble)),
    };
    records.sort();
    records.dedup();
    if let Some(own) = records
        .iter()
        .filter(|mx| ourselves.is_name(&mx.host))
        .map(|mx| mx.preference)
        .min()
    {
        records.retain(|mx| mx.preference < own);
    }
    if records.is_empty() {
        return Err(Verdict::loops_back(&Host::Domain(domain.clone())));
    }
    records.truncate(HOSTS_MAX);
    let key = key_of(route, &records);
    shuffle_equals(&mut records, rng);
    let hop = |mx: Mx| Hop {
        at: Endpoint {
            host: Host::Domain(mx.host),
            port: mx_port,
        },
        preference: mx.preference,
    };
    Ok(NextHop {
        route: route.clone(),
        hops: records.into_iter().map(hop).collect(),
        key,
    })
}

/// Domains whose mail is taken by the same hosts are one destination, whatever their order.
fn key_of(route: &Route, records: &[Mx]) -> Arc<str> {
    let hosts: Vec<&str> = records
        .iter()
        .map(|mx| mx.host.as_str())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    format!("mx:{}:{}", route.name, hosts.join(",")).into()
}

/// Shuffles hosts of one preference among themselves (RFC 5321 §5.1: to spread the load).
fn shuffle_equals(records: &mut [Mx], rng: &dyn Rng) {
    for equals in records.chunk_by_mut(|a, b| a.preference == b.preference) {
        shuffle(equals, rng);
    }
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], rng: &dyn Rng) {
    for last in (1..items.len()).rev() {
        let other = usize::try_from(rng.below(last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
}

/// The order in which a host's addresses are tried: shuffled, the families in turn, IPv6 first, so that neither a broken
/// family nor a dead address takes all tries. Only addresses that `source` can reach.
#[must_use]
pub fn order_addresses(addresses: &[IpAddr], source: Option<IpAddr>, rng: &dyn Rng) -> Vec<IpAddr> {
    let usable = |ip: &&IpAddr| source.is_none_or(|source| source.is_ipv4() == ip.is_ipv4());
    let (mut v6, mut v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().filter(usable).partition(|ip| ip.is_ipv6());
    shuffle(&mut v6, rng);
    shuffle(&mut v4, rng);
    let mut order = Vec::with_capacity(v6.len() + v4.len());
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    loop {
        let (a, b) = (v6.next(), v4.next());
        if a.is_none() && b.is_none() {
            return order;
        }
        order.extend(a);
        order.extend(b);
    }
}

#[cfg(test)]
mod tests;
