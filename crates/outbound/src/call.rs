//! Getting a host of a next hop on the line: addresses, connection, the TLS that the policy asks for.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dns::Answer;
use mail::{Host, Timestamp};
use smtp::client::{ClientConfig, TlsDemand};
use smtp::server::Transport;
use wire::{Connection, ConnectionError, Dial, Trust};

use crate::config::Config;
use crate::gate::Gate;
use crate::outcome::{self, FoundBy, Setback};
use crate::route::{Hop, NextHop, Target, TlsPolicy, order_addresses};

/// Addresses of one next hop that are tried at most for one message.
const TRIES_MAX: usize = 10;

/// A connection that is ready, and whom it leads to.
pub(crate) struct Line {
    /// Behind a pointer, for it is handed from hand to hand.
    pub(crate) connection: Box<Connection>,
    pub(crate) host: Host,
    /// The host in words, as each attempt names it.
    pub(crate) host_words: Box<str>,
    /// How the channel is protected, in words; empty where it is not.
    pub(crate) tls_words: Box<str>,
    /// Messages it has carried.
    pub(crate) messages: u32,
}

/// Calls the hosts of a next hop, one after the other.
pub(crate) struct Calls<'a> {
    gate: &'a Gate,
    config: &'a Config,
    next: &'a NextHop,
    site: &'a Host,
    hops: std::slice::Iter<'a, Hop>,
    addresses: VecDeque<(Host, SocketAddr)>,
    tries: usize,
    setback: Option<Setback>,
    /// Whom the last try was for; what an attempt record names when nobody was reached.
    pub(crate) last: Option<(Host, SocketAddr)>,
    /// When calling began, by the calendar and by the stopwatch.
    pub(crate) at: Timestamp,
    pub(crate) begun: Duration,
}

impl<'a> Calls<'a> {
    pub(crate) fn new(gate: &'a Gate, config: &'a Config, next: &'a NextHop, site: &'a Host) -> Self {
        Self {
            gate,
            config,
            next,
            site,
            hops: next.hops.iter(),
            addresses: VecDeque::new(),
            tries: 0,
            setback: None,
            last: None,
            at: gate.now(),
            begun: gate.monotonic(),
        }
    }

    /// The next line; where no host is left, what all of them came to.
    pub(crate) async fn next_line(&mut self) -> Result<Line, Setback> {
        while let Some((host, address)) = self.next_address().await {
            self.last = Some((host.clone(), address));
            match self.open(&host, address).await {
                Ok(connection) => {
                    return Ok(Line::new(connection, host));
                }
                Err(setback) => self.note(setback),
            }
        }
        let exhausted = || outcome::of_no_host(self.site);
        Err(self.setback.take().unwrap_or_else(exhausted))
    }

    /// Remembers why a host did not do.
    pub(crate) fn note(&mut self, setback: Setback) {
        self.setback = Some(outcome::weigh(self.setback.take(), setback));
    }

    async fn next_address(&mut self) -> Option<(Host, SocketAddr)> {
        loop {
            if self.tries >= TRIES_MAX {
                return None;
            }
            if let Some((host, address)) = self.addresses.pop_front() {
                if self.config.ourselves.listens_at(address) {
                    self.meet_ourselves();
                    continue;
                }
                self.tries += 1;
                return Some((host, address));
            }
            let hop = self.hops.next()?;
            self.look_up(hop).await;
        }
    }

    /// An address is ours. Hosts found in DNS that are not before us must not be tried either (RFC 5321 §5.1).
    fn meet_ourselves(&mut self) {
        self.note(outcome::of_loop(self.site));
        if self.next.route.to == Target::Mx {
            self.addresses.clear();
            self.hops = [].iter();
        }
    }

    async fn look_up(&mut self, hop: &Hop) {
        let host = &hop.at.host;
        let domain = match host {
            Host::Literal(ip) => return self.add(host, &[*ip], hop.at.port),
            Host::Domain(domain) => domain,
        };
        let found_by = if self.next.route.to == Target::Mx {
            FoundBy::Dns
        } else {
            FoundBy::Declaration
        };
        let trouble = match self.gate.ports.resolver.addresses(domain).await {
            Answer::Found { records, .. } if !records.is_empty() => return self.add(host, &records, hop.at.port),
            Answer::Found { .. } => None,
            Answer::NoRecords | Answer::NoDomain => None,
            Answer::Temporary(trouble) => Some(trouble),
        };
        self.note(outcome::of_address_lookup(domain, trouble, found_by));
    }

    /// Queues the addresses that our source address can reach. That there are none is no fault of the host's.
    fn add(&mut self, host: &Host, addresses: &[IpAddr], port: u16) {
        let source = self.next.route.source;
        let order = order_addresses(addresses, source, &*self.gate.ports.world.rng);
        if let Some(source) = source.filter(|_| order.is_empty()) {
            self.note(outcome::of_source_address(host, source));
        }
        self.addresses
            .extend(order.into_iter().map(|ip| (host.clone(), SocketAddr::new(ip, port))));
    }

    /// Opens a connection as the policy asks. Only an opportunistic route tries again in the clear when a handshake
    /// failed, and on a new connection.
    async fn open(&self, host: &Host, address: SocketAddr) -> Result<Connection, Setback> {
        let demand = match self.next.route.tls {
            TlsPolicy::Opportunistic => TlsDemand::Opportunistic,
            TlsPolicy::Require | TlsPolicy::Verify => TlsDemand::Required,
        };
        let dial = self.dial(host, address, demand);
        let failure = match self.connect(&dial).await {
            Ok(connection) => return Ok(connection),
            Err(failure) => failure,
        };
        let may_go_in_the_clear = demand == TlsDemand::Opportunistic && dial.transport == Transport::Clear;
        if may_go_in_the_clear && matches!(failure, ConnectionError::Tls(_)) {
            let dial = self.dial(host, address, TlsDemand::Never);
            return self
                .connect(&dial)
                .await
                .map_err(|error| setback_of(&error, host, address));
        }
        Err(setback_of(&failure, host, address))
    }

    async fn connect(&self, dial: &Dial) -> Result<Connection, ConnectionError> {
        let world = &self.gate.ports.world;
        Connection::open(&*world.net, world.clock.clone(), dial).await
    }

    fn dial(&self, host: &Host, address: SocketAddr, demand: TlsDemand) -> Dial {
        let (route, config) = (&self.next.route, self.config);
        let tls = route.tls_client.clone().or_else(|| config.tls.clone());
        // Without a TLS side of ours there is nothing to be opportunistic with; a demand stays a demand.
        let demand = if tls.is_none() && demand == TlsDemand::Opportunistic {
            TlsDemand::Never
        } else {
            demand
        };
        let mut client = ClientConfig::new(Host::Domain(config.hostname.clone()));
        client.tls = demand;
        client.login.clone_from(&route.login);
        client.timeouts = config.timeouts;
        Dial {
            to: address,
            from: route.source,
            host: host.clone(),
            transport: if route.implicit_tls {
                Transport::ImplicitTls
            } else {
                Transport::Clear
            },
            client,
            tls,
            trust: match route.tls {
                TlsPolicy::Verify => Trust::Verify { names: Vec::new() },
                TlsPolicy::Opportunistic | TlsPolicy::Require => Trust::Opportunistic,
            },
            connect_timeout: config.connect_timeout,
        }
    }
}

/// What a connection that failed means, should no other host do better.
pub(crate) fn setback_of(error: &ConnectionError, host: &Host, address: SocketAddr) -> Setback {
    match error {
        ConnectionError::Connect(_) | ConnectionError::ConnectTimeout => {
            outcome::of_connecting(address, &error.to_string())
        }
        ConnectionError::Tls(failure) => outcome::of_tls(&host.to_string(), &failure.to_string()),
        ConnectionError::Smtp(failure) => outcome::of_failure(failure),
        ConnectionError::Body(_) => outcome::of_reading(),
    }
}

impl Line {
    fn new(connection: Connection, host: Host) -> Self {
        let tls_words = connection.tls().map_or_else(String::new, |tls| {
            format!("{} {}, {}", tls.version, tls.cipher, tls.verified)
        });
        Self {
            host_words: host.to_string().into(),
            tls_words: tls_words.into(),
            connection: Box::new(connection),
            host,
            messages: 0,
        }
    }
}
