//! The demo's house: its ports, its files, its configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry::Secret;
use serde_json::json;
use wire::{Asking, Identity, TlsServer};
use world::{Clock, SystemRng};

use super::pki;
use crate::identities::hash_secret;

/// The login of the application.
pub(super) const APPLICATION: &str = "billing";
/// The address of the copier; everything in 127.0.0.0/8 is this machine.
pub(super) const COPIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The address of somebody who has no grant.
pub(super) const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The address of the scanner that is asked for. It comes in through a load balancer: at loopback no machine is registered.
pub(super) const SCANNER: Ipv4Addr = Ipv4Addr::new(10, 20, 3, 14);

/// Where everything listens, counted from one number.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The front gate.
    pub mx: u16,
    /// STARTTLS and login.
    pub submission: u16,
    /// Implicit TLS and login.
    pub submissions: u16,
    /// STARTTLS and login, behind a load balancer.
    pub balanced: u16,
    /// Devices.
    pub relay: u16,
    /// Health and metrics.
    pub health: u16,
    /// Where the portal will be.
    pub https: u16,
    /// The stand-in for the internet.
    pub sink: u16,
    /// The department's own server.
    pub inside: u16,
}

impl Ports {
    /// The ports above `base`.
    pub fn from(base: u16) -> anyhow::Result<Self> {
        let above = |port: u16| {
            base.checked_add(port).ok_or_else(|| {
                anyhow::anyhow!("--base-port {base} leaves no room for {port} above it; use at most 63000")
            })
        };
        Ok(Self {
            mx: above(25)?,
            submission: above(587)?,
            submissions: above(465)?,
            balanced: above(2587)?,
            relay: above(2525)?,
            health: above(80)?,
            https: above(443)?,
            sink: above(1025)?,
            inside: above(1026)?,
        })
    }
}

/// Where the grants are kept that people ask for.
const REGISTRY: &str = "demo-registry.sqlite";

/// Which addresses whoever keeps the network has registered.
const REGISTER: &str = include_str!("register.csv");

/// The form of the scanner.
const FORM: &str = include_str!("scanner.toml");

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The demo's files and secrets.
pub(super) struct House {
    pub ports: Ports,
    pub config: PathBuf,
    pub log: PathBuf,
    pub ca: PathBuf,
    pub form: PathBuf,
    pub outside_dir: PathBuf,
    pub inside_dir: PathBuf,
    pub secret: String,
    dir: PathBuf,
}

impl House {
    /// Writes certificates and configuration into `dir`, and takes away what a former demo announced and granted there.
    pub(super) fn build(dir: &Path, ports: Ports) -> anyhow::Result<Self> {
        let house = Self {
            ports,
            config: dir.join("portcullis.toml"),
            log: dir.join("events.jsonl"),
            ca: dir.join("ca.pem"),
            form: dir.join("scanner.toml"),
            outside_dir: dir.join("outside"),
            inside_dir: dir.join("inside"),
            secret: Secret::fresh(&SystemRng).to_owned(),
            dir: dir.to_owned(),
        };
        let registry = ["", "-wal", "-shm"].map(|part| dir.join(format!("{REGISTRY}{part}")));
        for former in std::iter::once(house.card_file()).chain(registry) {
            match std::fs::remove_file(former) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
                _ => {}
            }
        }
        pki::write(dir)?;
        std::fs::write(dir.join("register.csv"), REGISTER)?;
        std::fs::write(&house.form, FORM)?;
        let hash = hash_secret(&house.secret, &SystemRng)?;
        pki::write_secret(&house.config, house.configuration(hash.as_str()).as_bytes())?;
        Ok(house)
    }

    /// Where scripts find what they want to know.
    pub(super) fn card_file(&self) -> PathBuf {
        self.dir.join("demo.json")
    }

    /// Writes `demo.json`, whole at once: scripts wait for it and connect.
    pub(super) fn announce(&self) -> anyhow::Result<()> {
        let unfinished = self.dir.join("demo.json.new");
        pki::write_secret(&unfinished, serde_json::to_vec_pretty(&self.card())?.as_slice())?;
        Ok(std::fs::rename(unfinished, self.card_file())?)
    }

    /// The sinks' side of TLS.
    pub(super) fn sink_tls(&self, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<TlsServer>> {
        let identity = Identity::load(&self.dir.join("sink.pem"), &self.dir.join("sink.key"))?;
        Ok(Arc::new(TlsServer::new(vec![identity], Asking::No, clock.clone())?))
    }

    /// The configuration an operator would have written: a template of `format!`, whose braces are doubled.
    fn configuration(&self, hash: &str) -> String {
        let ports = self.ports;
        format!(
            include_str!("portcullis.template"),
            dir = self.dir.display(),
            mx = ports.mx,
            submission = ports.submission,
            submissions = ports.submissions,
            balanced = ports.balanced,
            relay = ports.relay,
            health = ports.health,
            sink = ports.sink,
            inside = ports.inside,
            application = APPLICATION,
            copier = COPIER,
            registry = REGISTRY,
            hash = hash,
            until = next_year(),
        )
    }

    /// What scripts want to know.
    fn card(&self) -> serde_json::Value {
        let ports = self.ports;
        let at = |port: u16| loopback(port).to_string();
        json!({
            "listeners": {
                "mx": at(ports.mx),
                "submission": at(ports.submission),
                "submissions": at(ports.submissions),
                "relay": at(ports.relay),
                "health": at(ports.health),
                "https": null,
            },
            "sink": { "address": at(ports.sink), "dir": self.outside_dir },
            "inside": { "address": at(ports.inside), "dir": self.inside_dir },
            "ca": self.ca,
            "config": self.config,
            "domain": "example.edu",
            "grants": [
                {
                    "id": "billing",
                    "kind": "password",
                    "user": APPLICATION,
                    "password": self.secret,
                    "senders": ["billing@example.edu", "*@erp.example.edu"],
                    "sources": [],
                },
                {
                    "id": "copier-3f",
                    "kind": "address",
                    "user": null,
                    "password": null,
                    "senders": ["*@devices.example.edu"],
                    "sources": [COPIER],
                },
            ],
        })
    }
}

/// Eleven months from now: exceptions last a year at most.
fn next_year() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let until = now.checked_add(jiff::Span::new().months(11)).unwrap_or(now);
    until.strftime("%Y-%m-%d").to_string()
}
