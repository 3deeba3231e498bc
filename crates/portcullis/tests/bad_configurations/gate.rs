//! A gate wired by hand, without anybody who proves its configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dns::Literal;
use mail::{Domain, Host, Timestamp};
use portcullis::config::{Config, HostPort, LogFormat, NextHop};
use portcullis::gateway::{Gateway, Setting, Writers};
use portcullis::identities::hash_secret;
use portcullis::journal::Journal;
use rcgen::{CertificateParams, KeyPair};
use world::{BoxFuture, Clock, SystemClock, SystemRng, World};

use super::NOW;
use super::gateway_house::Paper;

/// The secret of every login.
pub const SECRET: &str = "a secret of a test";
/// The gate's certificate, beside its configuration.
const CERTIFICATE: &str = "gate.pem";

/// A folder with what the configurations name.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["gate.example.edu".to_owned()]).unwrap();
    std::fs::write(folder.path().join(CERTIFICATE), params.self_signed(&key).unwrap().pem()).unwrap();
    let file = folder.path().join("gate.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

/// Some minutes before the moment of a counterexample, which may be the last of a day; any moment where it names none.
pub fn before(moment: Timestamp) -> Timestamp {
    match moment {
        Timestamp(0) => NOW,
        Timestamp(at) => Timestamp(at - 600_000),
    }
}

/// A clock whose wall shows another time.
struct Shifted {
    wall: i64,
    inner: SystemClock,
}

impl Clock for Shifted {
    fn wall(&self) -> i64 {
        self.wall + i64::try_from(self.inner.monotonic().as_millis()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep_until(at)
    }
}

/// Opens it at another time, on ports of this machine; whoever comes says by PROXY from where. Of the hosts it may
/// deliver to only these are there.
pub async fn open(
    mut config: Config,
    folder: &tempfile::TempDir,
    wall: Timestamp,
    hosts: &[(&str, SocketAddr)],
) -> Gateway {
    confine(&mut config, folder.path());
    let mut names = Literal::new();
    for route in &mut config.routes {
        route.to = reachable(&route.to, hosts);
    }
    for (name, address) in hosts {
        names = names.with_address(Domain::parse(name).unwrap(), address.ip());
    }
    let mut world = World::real();
    world.clock = Arc::new(Shifted {
        wall: wall.0,
        inner: SystemClock::new(),
    });
    let setting = Setting {
        world,
        resolver: Arc::new(names),
        journal: Journal::new(LogFormat::Json, "gate.example.edu", Paper::default()).unwrap(),
        writers: Writers::Threads,
        file: None,
        keeper: None,
    };
    Gateway::start(config, setting).await.unwrap()
}

/// What of a configuration would reach beyond this machine, or needs a secret that nobody knows.
fn confine(config: &mut Config, folder: &Path) {
    for listener in &mut config.listeners {
        listener.addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        listener.proxies = vec!["127.0.0.1/32".parse().unwrap()];
        listener.greet_delay = Duration::ZERO;
    }
    for verifier in config.logins.values_mut() {
        *verifier = hash_secret(SECRET, &SystemRng).unwrap().into();
    }
    config.spool.dir = folder.join("spool");
    config.spool.keep_free_octets = 1 << 20;
    config.ledger.dir = folder.join("ledger");
}

/// Where a route leads, as far as that is on this machine; else to where nobody listens.
fn reachable(to: &NextHop, hosts: &[(&str, SocketAddr)]) -> NextHop {
    let names = match to {
        NextHop::Mx => hosts.iter().map(|(name, _)| (*name).to_owned()).collect(),
        NextHop::Hosts(all) => all.iter().map(|one| one.host.to_string()).collect::<Vec<_>>(),
    };
    let known = hosts.iter().filter(|(name, _)| names.iter().any(|one| one == name));
    let mut all: Vec<_> = known
        .map(|(name, address)| HostPort {
            host: Host::parse(name).unwrap(),
            port: address.port(),
        })
        .collect();
    if all.is_empty() {
        all.push(HostPort {
            host: Host::Literal(Ipv4Addr::LOCALHOST.into()),
            port: 1,
        });
    }
    NextHop::Hosts(all)
}
