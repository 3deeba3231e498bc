//! The self-test against gates of ours: one that relays for strangers is found out at every kind of door, and one that
//! does not is tried without harm to anybody.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod gateway_house;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use dns::Literal;
use gateway_house::{Client, House, Paper, Peer, grant};
use inbound::{DoorsConfig, ListenerConfig};
use policy::{Name, Role, Rulebook};
use portcullis::config::{self, Config, LogFormat, Machine};
use portcullis::control::Asked;
use portcullis::gateway::{Gateway, Setting, Writers};
use portcullis::identities::Logins;
use portcullis::journal::Journal;
use portcullis::selftest::{self, Door, Finding, Report};
use rcgen::{CertificateParams, KeyPair};
use smtp::server::{ServerConfig, Transport};
use wire::{Asking, Identity, TlsServer};
use world::World;

/// Attempts of one test at one door.
const FORMS: usize = 33;

/// Whether this machine has IPv6 on loopback; said aloud where it has not.
fn has_six() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        eprintln!("skipped over IPv6: this machine has no ::1");
    }
    has
}

/// Where listeners are bound.
fn both() -> &'static str {
    match has_six() {
        true => "[\"127.0.0.1:0\", \"[::1]:0\"]",
        false => "[\"127.0.0.1:0\"]",
    }
}

fn text(house: &House) -> String {
    house
        .text_without_grants()
        .replace("[\"127.0.0.1:0\"]", both())
        .replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"::1/128\"]")
}

/// A certificate for a gate, in its folder; the text that names it.
fn certificate(folder: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["gate.example.edu".to_owned()]).unwrap();
    std::fs::write(folder.join("gate.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let file = folder.join("gate.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    "[tls]\ncertificates = [{ chain = \"gate.pem\", key = \"gate.key\" }]\n".to_owned()
}

/// A gate that takes whatever comes from where the self-test comes from.
fn careless(house: &House) -> Config {
    let open = |name: &str, address: &str| {
        grant(name, address).replace("from     = [\"scan@example.edu\"]", "from     = [\"*@example.edu\"]")
    };
    let text = text(house) + &certificate(house.dir.path()) + &open("four", "127.77.0.0/28") + &open("six", "::1");
    let reading = config::read_as_written("gate.toml", text, house.dir.path(), &Machine::default());
    reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()))
}

/// A relay that speaks TLS first, in front of the same judgement: no configuration can say that, somebody who wires a
/// gate by hand can. Where it listens.
async fn secured(gate: &Gateway, config: &Config, folder: &Path) -> (wire::ShutdownTrigger, Vec<SocketAddr>) {
    let world = World::real();
    let identity = Identity::load(&folder.join("gate.pem"), &folder.join("gate.key")).unwrap();
    let tls = TlsServer::new(vec![identity], Asking::No, world.clock.clone()).unwrap();
    let devices = config.listeners.iter().find(|one| &*one.name == "devices").unwrap();
    let listener = ListenerConfig {
        name: "devices".into(),
        role: Role::Relay,
        addresses: devices.addresses.clone(),
        smtp: Arc::new(ServerConfig::new(devices.hostname.clone())),
        tls: Some(Arc::new(tls)),
        transport: Transport::ImplicitTls,
        proxies: Vec::new(),
    };
    let nobody = Logins::new(
        BTreeMap::new(),
        config.limits.clone(),
        world.clock.clone(),
        world.rng.clone(),
    );
    let (trigger, shutdown) = wire::ShutdownTrigger::new();
    let front = inbound::Gate::new(
        DoorsConfig::default(),
        gate.admission().clone(),
        Arc::new(nobody),
        &world,
        shutdown,
    );
    let mut addresses = Vec::new();
    for listening in inbound::bind(&*world.net, vec![listener]).await.unwrap() {
        addresses.push(listening.address);
        tokio::spawn(front.clone().serve(listening));
    }
    (trigger, addresses)
}

async fn open(config: Config) -> Gateway {
    let setting = Setting {
        world: World::real(),
        resolver: Arc::new(Literal::new()),
        journal: Journal::new(LogFormat::Json, "gate.example.edu", Paper::default()).unwrap(),
        writers: Writers::Threads,
        file: None,
        keeper: None,
    };
    Gateway::start(config, setting).await.unwrap()
}

fn relays(report: &Report) -> BTreeSet<(String, SocketAddr)> {
    let relaying = report
        .found
        .iter()
        .filter(|one| matches!(one.what, Finding::Relays { .. }));
    relaying.map(|one| (one.listener.to_string(), one.address)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_relays_is_found_out_in_the_clear_behind_tls_and_over_ipv6() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    let config = careless(&house);
    // What is meant: nobody has a grant.
    let meant = Rulebook {
        grants: Vec::new(),
        ..config.rulebook.clone()
    };
    let gate = open(config.clone()).await;
    let (ends, under_tls) = secured(&gate, &config, house.dir.path()).await;
    let door = |name: &Name, address: SocketAddr, implicit_tls: bool| Door {
        name: name.clone(),
        address,
        implicit_tls,
        proxies: Vec::new(),
    };
    let mut doors: Vec<Door> = Vec::new();
    for (name, addresses) in gate.addresses() {
        doors.extend(addresses.iter().map(|address| door(name, *address, false)));
    }
    doors.extend(
        under_tls
            .iter()
            .map(|address| door(&Name::from("secured"), *address, true)),
    );
    let report = selftest::run(&World::real(), &meant, doors.clone(), None).await;
    let expected: BTreeSet<(String, SocketAddr)> = doors
        .iter()
        // What listens as `mx` relays for nobody, whatever is granted.
        .filter(|door| &*door.name != "mx")
        .map(|door| (door.name.to_string(), door.address))
        .collect();
    assert_eq!(relays(&report), expected, "{report}");
    assert_eq!(expected.len(), if has_six() { 4 } else { 2 });
    let tried = report.found.len() + report.refused + report.put_off;
    assert_eq!(tried, FORMS * doors.len(), "every form at every door: {report}");
    assert!(report.missed.is_empty(), "{report}");
    assert_eq!(gate.view().counts().messages, 0, "nothing is left behind");
    ends.stop();
    gate.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_gate_refuses_every_form_at_every_door_and_nobody_else_is_the_worse_for_it() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    let people = format!("[listeners.people]\nrole = \"submissions\"\nlisten = {}\n", both());
    house.write(&(text(&house) + &people + &certificate(house.dir.path())));
    let running = house.start().await;
    for _ in 0..2 {
        let answer = running.ask(Asked::SelfTest).await.unwrap();
        let report: Report = serde_json::from_value(answer.done).unwrap();
        assert!(report.is_green() && report.missed.is_empty(), "{report}");
        assert_eq!(report.refused + report.put_off, FORMS * report.doors, "{report}");
        assert_eq!(
            (report.doors, report.put_off),
            (if has_six() { 6 } else { 3 }, 0),
            "{report}"
        );
    }
    // Over IPv6 it comes from where honest programs come from: for who is refused sixty recipients, mail waits.
    for address in &running.gateway.addresses()["mx"] {
        let mut honest = Client::connect(*address, &address.ip().to_string()).await;
        honest.expect("220").await;
        honest.ask("EHLO cron.example", "250").await;
        honest.ask("MAIL FROM:<alice@example.com>", "250").await;
        honest.ask("RCPT TO:<it@example.edu>", "250").await;
    }
    running.stop().await;
}
