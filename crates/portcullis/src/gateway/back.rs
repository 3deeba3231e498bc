//! The back gate's settings, from what the configuration resolved to.

use std::sync::Arc;

use anyhow::Context;
use dns::{Cached, DnsConfig, NameServer, RealResolver, Resolver};
use mail::{Domain, DomainPattern, Mailbox};
use outbound::route::{Endpoint, Ourselves, Route, Routes, Target};
use outbound::schedule::Schedule;
use smtp::client::Login;
use wire::{Roots, TlsClient};
use world::{Clock, World};

use super::front::identities;
use crate::config::{Config, DnsSettings, Machine, NextHop, OutboundRoute, RouteLogin};

/// The back gate's configuration.
pub(super) fn config(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<outbound::Config> {
    let first = first_domain(config);
    let postmaster = Mailbox::of("postmaster", first.as_ref().unwrap_or(&config.hostname))
        .context("the postmaster of the first domain")?;
    let system = Roots::system().unwrap_or_else(|why| {
        tracing::warn!(event = "tls.no_roots", %why, "routes with tls = \"verify\" need ca = \"FILE\"");
        Roots::none()
    });
    let tls = TlsClient::new(system.clone(), None, clock.clone());
    let routes = config
        .routes
        .iter()
        .map(|one| route(one, &system, clock))
        .collect::<anyhow::Result<Vec<Route>>>()?;
    let delivery = &config.delivery;
    let mut back = outbound::Config::new(config.hostname.clone(), postmaster, Routes::new(routes, first));
    back.help = config
        .rulebook
        .organisation
        .help
        .as_deref()
        .map(|page| format!("Help: {page}").into());
    back.ourselves = ourselves(config);
    back.schedule = Schedule {
        pauses: delivery.schedule.clone(),
        jitter_percent: u8::try_from(delivery.jitter_percent.min(100)).unwrap_or(100),
        life_time: delivery.life_time,
        notice_life_time: delivery.notice_life_time,
        warnings: delivery.warn_after.clone(),
    };
    back.concurrency.most = delivery.connections_per_destination as usize;
    back.in_flight = delivery.connections as usize;
    back.tls = Some(tls);
    Ok(back)
}

fn first_domain(config: &Config) -> Option<Domain> {
    config
        .rulebook
        .organisation
        .domains
        .iter()
        .find_map(|pattern| match pattern {
            DomainPattern::Exactly(domain) => Some(domain.clone()),
            DomainPattern::Below(_) => None,
        })
}

/// What is us: an MX record that names it would send mail in circles.
fn ourselves(config: &Config) -> Ourselves {
    let machine = Machine::look(mail::Timestamp::default());
    let listeners = config.listeners.iter();
    Ourselves {
        names: listeners
            .clone()
            .map(|listener| listener.hostname.clone())
            .chain([config.hostname.clone()])
            .collect(),
        listeners: listeners
            .flat_map(|listener| listener.addresses.iter().copied())
            .collect(),
        interfaces: machine.addresses.into_iter().collect(),
    }
}

fn route(route: &OutboundRoute, system: &Roots, clock: &Arc<dyn Clock>) -> anyhow::Result<Route> {
    let to = match &route.to {
        NextHop::Mx => Target::Mx,
        NextHop::Hosts(hosts) => Target::Hosts(
            hosts
                .iter()
                .map(|host| Endpoint {
                    host: host.host.clone(),
                    port: host.port,
                })
                .collect(),
        ),
    };
    let mut finished = Route::new(route.name.clone(), route.domains.clone(), to);
    finished.tls = route.tls;
    finished.implicit_tls = route.implicit_tls;
    finished.tls_client = tls_client(route, system, clock)?;
    finished.login = route
        .login
        .as_ref()
        .map(|login| read_login(&route.name, login))
        .transpose()?;
    finished.connections = route.connections.map(|connections| connections as usize);
    Ok(finished)
}

/// The route's own side of TLS, where it has authorities or a certificate of its own.
fn tls_client(route: &OutboundRoute, system: &Roots, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<TlsClient>> {
    if route.ca.is_none() && route.client_certificate.is_none() {
        return Ok(None);
    }
    let roots = match &route.ca {
        Some(file) => Roots::none()
            .load(file)
            .with_context(|| format!("route {}", route.name))?,
        None => system.clone(),
    };
    let identity = match &route.client_certificate {
        Some(files) => identities(std::slice::from_ref(files))?.pop(),
        None => None,
    };
    Ok(Some(TlsClient::new(roots, identity, clock.clone())))
}

fn read_login(route: &str, login: &RouteLogin) -> anyhow::Result<Login> {
    let file = &login.secret_file;
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the secret of route {route} cannot be read from {}", file.display()))?;
    let secret = zeroize::Zeroizing::new(text);
    let first = secret.lines().next().unwrap_or_default();
    // The error of a login says what is wrong with it and repeats nothing of it.
    Login::new(&login.user, first).map_err(|why| anyhow::anyhow!("the login of route {route}: {why}"))
}

/// Whoever knows names.
pub fn resolver(settings: &DnsSettings, world: &World) -> anyhow::Result<Arc<dyn Resolver>> {
    let mut asked = DnsConfig::default();
    if let DnsSettings::Servers(servers) = settings {
        asked.servers = servers
            .iter()
            .map(|address| NameServer {
                address: *address,
                trust_ad: address.ip().is_loopback(),
            })
            .collect();
    }
    let real = RealResolver::new(&asked)?;
    Ok(Arc::new(Cached::new(real, world.clock.clone())))
}
