//! The built program while everybody comes at once.
//!
//! Strangers come through a declared proxy, so that each has an address of its own; meanwhile a granted sender goes on
//! sending, a connection for each message. All of its messages must be taken; how many a second, with and without the
//! storm, and what the gate needs for it, is printed and never asserted. Behind each storm the gate has to become what it
//! was before by itself.
//!
//! `PORTCULLIS_LONG` comes with ten thousand connections instead of a few hundred; `PORTCULLIS_BINARY` names another
//! binary, as a release.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../peers/house/mod.rs"]
mod house;

mod gauge;
mod sender;
mod storm;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use gauge::Gauge;
use house::{Gate, Outside, Plan, free_port, until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sender::Sender;
use storm::{Kind, Storm};
use tokio::runtime::Runtime;

/// Memory that a session may cost in a storm, beside what the gate needs at rest and for the sender's messages.
const OCTETS_PER_SESSION_MAX: u64 = 64 << 10;
const OCTETS_BESIDE_MAX: u64 = 192 << 20;
/// Clients that are told why they cannot come in, at once; they are sessions too, short ones.
const TOLD_WHY_MAX: usize = 512;
/// Files that are open beside one for each session.
const FILES_BESIDE_MAX: usize = TOLD_WHY_MAX + 200;

/// How large everything is.
struct Scale {
    /// Sessions the gate may have; the storm brings half as many more.
    sessions: usize,
    /// How long the sender is watched, before and during the storm.
    watched: Duration,
}

impl Scale {
    fn of_this_run() -> Self {
        if std::env::var_os("PORTCULLIS_LONG").is_some() {
            Self {
                sessions: 10_000,
                watched: Duration::from_secs(10),
            }
        } else {
            Self {
                sessions: 300,
                watched: Duration::from_millis(1500),
            }
        }
    }
}

/// A gate for storms: strangers come through `front`.
struct Scene {
    gate: Gate,
    runtime: Runtime,
    front: SocketAddr,
    scale: Scale,
    /// Listens, takes connections into its backlog, and never says a word.
    _mute: TcpListener,
    /// Hears questions and never answers.
    _deaf: UdpSocket,
    _outside: Outside,
}

impl Scene {
    fn open() -> Self {
        let files = getrlimit(Resource::Nofile);
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: files.maximum,
                ..files
            },
        )
        .unwrap();
        let scale = Scale::of_this_run();
        let outside = Outside::new();
        let inside = outside.sink("inside");
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
        let front = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let many = 1_000_000_000;
        let more = format!(
            "[dns]\nservers = [\"{}\"]\n[limits]\nsessions = {}\n[timeouts]\ncrowded = \"2s\"\n\
             [listeners.front]\nrole = \"mx\"\nlisten = [\"{front}\"]\nproxies = [\"127.0.0.9\"]\n\
             [grants.load]\nowner = \"Operations\"\ncontact = \"it@example.edu\"\nreason = \"load\"\nuntil = {}\n\
             by = {{ address = [\"127.0.0.5\"] }}\nfrom = [\"billing@example.edu\"]\nto = \"any\"\n\
             class = \"application\"\nlimits = {{ messages_per_minute = {many}, messages_per_hour = {many}, \
             messages_per_day = {many}, recipients_per_day = {many} }}\n",
            deaf.local_addr().unwrap(),
            scale.sessions,
            until(),
        );
        let gate = Gate::start(Plan {
            inside: format!("to = [\"{}\"]", inside.address),
            internet: format!("to = [\"{}\"]", mute.local_addr().unwrap()),
            more,
            spool: "dir = \"@DIR@/spool\"\nkeep_free = \"1 MB\"".to_owned(),
            under: Vec::new(),
        });
        Self {
            gate,
            runtime: Runtime::new().unwrap(),
            front,
            scale,
            _mute: mute,
            _deaf: deaf,
            _outside: outside,
        }
    }

    /// One storm: before, during, behind.
    fn endure(&self, kind: Kind, to: &str) {
        let gauge = Gauge::of(&self.gate);
        let relay = SocketAddr::from(([127, 0, 0, 1], self.gate.ports.relay));
        let watch = || {
            self.runtime.block_on(
                Sender {
                    relay,
                    to: to.to_owned(),
                }
                .send_for(self.scale.watched),
            )
        };
        let rest = gauge.look();
        let before = watch();
        let storm = Storm::begin(&self.runtime, kind, self.front, self.scale.sessions * 3 / 2);
        storm.wait_until_it_blows();
        let during = watch();
        let peak = gauge.look();
        let told = storm.end(&self.runtime);
        let behind = gauge.wait_for_rest(&rest);
        println!(
            "{:<34} {:>6.0}/s {:>6.0}/s  slowest {:>5} ms  {:>6} sessions {:>6} files {:>5} MiB, then {:>3} sessions {:>4} files {:>4} MiB  {told}",
            kind.title(),
            before.per_second,
            during.per_second,
            during.slowest.as_millis(),
            peak.sessions,
            peak.files,
            peak.memory >> 20,
            behind.sessions,
            behind.files,
            behind.memory >> 20,
        );
        assert!(during.taken > 0 && during.refused.is_empty(), "{:?}", during.refused);
        assert!(
            peak.sessions <= self.scale.sessions + TOLD_WHY_MAX,
            "{} sessions",
            peak.sessions
        );
        let files = self.scale.sessions + FILES_BESIDE_MAX;
        assert!(peak.files <= files, "{} open files", peak.files);
        let memory = OCTETS_BESIDE_MAX + self.scale.sessions as u64 * OCTETS_PER_SESSION_MAX;
        assert!(peak.memory <= memory, "{} MiB", peak.memory >> 20);
        assert!(behind.memory <= memory, "{} MiB are kept", behind.memory >> 20);
    }
}

#[test]
fn granted_senders_are_served_in_every_storm_and_it_passes_by_itself() {
    let scene = Scene::open();
    println!(
        "granted sender: messages a second before and during; the gate at its worst and behind it; {} sessions allowed",
        scene.scale.sessions
    );
    for kind in [
        Kind::Silent,
        Kind::SlowCommands,
        Kind::SlowBodies,
        Kind::Resets,
        Kind::NeverPausing,
    ] {
        scene.endure(kind, "bob@example.edu");
    }
    // All this while the name server never answered. Now neither does the destination of the sender's mail.
    scene.endure(Kind::Silent, "bob@elsewhere.example");
    let counts = scene.gate.command(&["queue", "counts"]);
    counts.expect_ok("an operator is heard");
}
