//! A gate for storms, and what stands around it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use portcullis::identities::hash_secret;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::crowd;
use crate::gauge::{Gauge, Seen};
use crate::house::{Gate, PASSWORD, Plan, eventually, free_port, until};
use crate::names;
use crate::sender::{LOGIN, Proof, Sender, Sent};
use crate::sink::Arrivals;
use crate::storm::Storm;
use crate::table::Row;

/// Memory that a session may cost in a storm, or a message in the queue, beside what the gate needs at rest and for the
/// sender's messages.
const OCTETS_PER_SESSION_MAX: u64 = 64 << 10;
const OCTETS_PER_MESSAGE_MAX: u64 = 1 << 10;
const OCTETS_BESIDE_MAX: u64 = 192 << 20;
/// Clients that find the door closed are told of and forgotten in one breath, one by each thread of the gate.
const BREATHS: usize = 64;
/// Connections that strangers have at the door and that are not inside yet.
const PORCH_MAX: usize = 64;
/// Files that are open beside one for each connection, and those for names.
const FILES_BESIDE_MAX: usize = 200;

/// How large everything is.
pub struct Scale {
    /// Sessions the gate may have; storms at its doors bring half as many more.
    pub sessions: usize,
    /// Strangers who guess passwords.
    pub guessers: usize,
    /// People who log in at once.
    pub people: usize,
    /// Tries of a login that exists, and of one that does not.
    pub tries: usize,
    /// Messages for a destination that does not answer.
    pub dead: usize,
    /// Messages, each for a domain of its own, while the name server is silent.
    pub nameless: usize,
    /// Of those messages, how many are waited for when somebody takes them again.
    pub revived: usize,
    /// How long the sender is watched, before and during a storm.
    pub watched: Duration,
}

impl Scale {
    fn of_this_run() -> Self {
        if std::env::var_os("PORTCULLIS_LONG").is_some() {
            Self {
                sessions: 10_000,
                guessers: 1000,
                people: 1000,
                tries: 200,
                dead: 1_000_000,
                nameless: 100_000,
                revived: 50_000,
                watched: Duration::from_secs(10),
            }
        } else {
            Self {
                sessions: 300,
                guessers: 60,
                people: 40,
                tries: 8,
                dead: 4000,
                nameless: 1000,
                revived: 1000,
                watched: Duration::from_millis(1500),
            }
        }
    }

    /// How many at once may be told why they cannot come in, or have their names looked up.
    fn asides(&self) -> usize {
        (self.sessions / 32).clamp(8, 512)
    }
}

/// A gate for storms. Strangers come through `front`; mail for `example.edu` arrives, mail for `dead.example.edu` meets a
/// server that never says a word, and what lies behind other domains no name server tells.
pub struct Scene {
    pub gate: Gate,
    /// Where storms come from. One thread, as a storm has at most half of a small machine, and of nobody else: what it
    /// does to the sender it does through the gate.
    pub storms: Runtime,
    /// Where servers live.
    pub servers: Runtime,
    /// Where the sender lives.
    pub senders: Runtime,
    pub front: SocketAddr,
    pub scale: Scale,
    /// What arrived of the mail for `example.edu`.
    pub inside: Arrivals,
    /// Takes connections into its backlog, and is not served.
    pub mute: Option<TcpListener>,
    /// Hears questions and is not served.
    pub deaf: Option<UdpSocket>,
}

impl Scene {
    pub fn open() -> Self {
        allow_many_files();
        let scale = Scale::of_this_run();
        let (storms, servers) = (one_thread(), one_thread());
        let senders = Builder::new_current_thread().enable_all().build().unwrap();
        let inside = Arrivals::default();
        let inside_at = inside.serve(&servers, TcpListener::bind("127.0.0.1:0").unwrap());
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let (deaf, deaf_at) = names::silent();
        let front = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let many = 1_000_000_000;
        let grant = format!(
            "owner = \"Operations\"\ncontact = \"it@example.edu\"\nreason = \"load\"\nuntil = {}\n\
             from = [\"billing@example.edu\"]\nto = \"any\"\nclass = \"application\"\n\
             limits = {{ messages_per_minute = {many}, messages_per_hour = {many}, messages_per_day = {many}, \
             recipients_per_day = {many} }}\n",
            until(),
        );
        let hash = hash_secret(PASSWORD, &world::SystemRng).unwrap();
        let more = format!(
            "[dns]\nservers = [\"{deaf_at}\"]\n[limits]\nsessions = {}\n[timeouts]\ncrowded = \"2s\"\n\
             [listeners.front]\nrole = \"mx\"\nlisten = [\"{front}\"]\nproxies = [\"127.0.0.9\"]\n\
             [routes.dead]\ndomains = [\"dead.example.edu\"]\nto = [\"{}\"]\nrecipients = \"any\"\n\
             [grants.load]\nby = {{ address = [\"127.0.0.5\"] }}\n{grant}\
             [grants.invoices]\nby = {{ password = \"{LOGIN}\", hash = \"{}\" }}\n{grant}{}",
            scale.sessions,
            mute.local_addr().unwrap(),
            hash.as_str(),
            crowd::grants(scale.people, hash.as_str(), &grant),
        );
        let gate = Gate::start(Plan {
            more,
            ..Plan::of(format!("to = [\"{inside_at}\"]"), "to = \"mx\"".to_owned())
        });
        Self {
            gate,
            storms,
            servers,
            senders,
            front,
            scale,
            inside,
            mute: Some(mute),
            deaf: Some(deaf),
        }
    }

    pub fn relay(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.gate.ports.relay).into()
    }

    /// The sender whose address is its proof.
    pub fn sender(&self, to: &str) -> Sender {
        Sender {
            to: to.to_owned(),
            proof: Proof::Address(self.relay()),
        }
    }

    /// How the sender fares for a while.
    pub fn watch(&self, sender: &Sender) -> Sent {
        self.senders.block_on(sender.send_for(self.scale.watched))
    }

    /// Waits until everything that was acknowledged has arrived.
    pub fn arrives(&self, sent: &Sent) {
        eventually("the granted sender's mail to arrive", || {
            self.inside.has_all(&sent.taken).then_some(())
        });
    }

    /// One storm: before, during, behind. Mail for `bob@example.edu` has to arrive while it blows.
    pub fn endure(&self, title: &str, sender: &Sender, storm: impl FnOnce() -> Storm) {
        let gauge = Gauge::of(&self.gate);
        let before = self.watch(sender);
        let rest = gauge.look();
        let looking = gauge.watch();
        let storm = storm();
        storm.wait_until_it_blows();
        let during = self.watch(sender);
        if sender.to == "bob@example.edu" {
            self.arrives(&during);
        }
        let worst = looking.worst();
        let told = storm.end(&self.storms);
        let behind = gauge.wait_for_rest(&rest);
        let row = Row {
            storm: title,
            before: &before,
            during: &during,
            rest,
            worst,
            behind,
            told,
        };
        row.print();
        self.judge(&row, 0);
    }

    /// What holds in every storm; `queued` is how many messages the queue had to hold.
    pub fn judge(&self, row: &Row<'_>, queued: usize) {
        let Row {
            during, worst, behind, ..
        } = row;
        assert!(
            !during.taken.is_empty() && during.refused.is_empty(),
            "{:?}",
            during.refused
        );
        let (sessions, asides) = (self.scale.sessions, self.scale.asides());
        let sessions_max = sessions + asides + BREATHS;
        assert!(worst.sessions <= sessions_max, "{} sessions", worst.sessions);
        let files_max = sessions + 2 * asides + PORCH_MAX + FILES_BESIDE_MAX;
        assert!(worst.files <= files_max, "{} open files", worst.files);
        let memory_max =
            OCTETS_BESIDE_MAX + sessions as u64 * OCTETS_PER_SESSION_MAX + queued as u64 * OCTETS_PER_MESSAGE_MAX;
        for Seen { memory, .. } in [worst, behind] {
            assert!(*memory <= memory_max, "{} MiB", memory >> 20);
        }
    }
}

fn one_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// As many open files as the system lets us have; the gate inherits it.
fn allow_many_files() {
    let files = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: files.maximum,
        ..files
    };
    setrlimit(Resource::Nofile, all).unwrap();
}
