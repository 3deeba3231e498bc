//! A front gate in a simulated world: every kind of listener, a scale with a real spool behind it, logins that follow a
//! script, and clients that say exactly what they are told to.
//!
//! Each refusal that a client hears is checked on the spot: it names the help page and its event, and the witness was
//! told of it once, in the same words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "helpers of tests; not every test uses all of them"
)]

mod client;
mod gate;
mod told;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use admission::Admission;
use admission::testing::{Store, scale};
use dns::Resolver;
use inbound::{ClientLimits, DoorsConfig, Gate};
use mail::{Domain, DomainPattern, Timestamp, Tolerances};
use policy::{
    By, Class, Generation, Grant, GrantState, Listener, Organisation, Place, Recipients, Role, Route, Rulebook, Scope,
    SenderPattern, Snapshot, Ungranted,
};
use wire::{Asking, ShutdownTrigger, TlsServer};
use world::World;
use world::sim::{GENESIS, Handles, world};

pub use client::Client;
pub use gate::{DEVICES, HELD_BACK, Listen, MX, PLANT, SUBMISSION, SUBMISSIONS, at, certificate};
pub use told::Told;

/// The page that refusals name.
pub const HELP: &str = "https://help.own.test/why";
/// A machine of ours without any grant.
pub const UNGRANTED: &str = "10.0.0.99";
/// The copier that cannot log in.
pub const COPIER: &str = "10.0.0.14";
/// Somebody outside.
pub const OUTSIDER: &str = "203.0.113.5";
/// A whole message, without the dot.
pub const LETTER: &str = "From: <scan@own.test>\r\nSubject: a scan\r\n\r\nHello.\r\n";
/// The secret of every login.
pub const SECRET: &str = "open sesame";

/// A house that is built and not open yet.
pub struct Plan {
    pub book: Rulebook,
    pub doors: DoorsConfig,
    pub listeners: Vec<Listen>,
    /// Who is asked for the names of clients.
    pub names: Option<Arc<dyn Resolver>>,
}

/// A house with its gate open.
pub struct House {
    pub world: World,
    pub hands: Handles,
    pub told: Arc<Told>,
    pub admission: Admission,
    pub gate: Gate,
    pub store: Store,
    pub trigger: ShutdownTrigger,
    pub tls: Arc<TlsServer>,
    book: Rulebook,
}

impl Plan {
    pub fn usual() -> Self {
        Self {
            book: book(),
            doors: DoorsConfig::default(),
            listeners: gate::usual(),
            names: None,
        }
    }

    /// Changes the limits of everybody.
    pub fn limits(mut self, change: impl FnOnce(&mut ClientLimits)) -> Self {
        change(&mut self.doors.default);
        self
    }

    pub fn book(mut self, change: impl FnOnce(&mut Rulebook)) -> Self {
        change(&mut self.book);
        self
    }

    pub fn listen(mut self, which: &str, change: impl FnOnce(&mut Listen)) -> Self {
        change(self.listeners.iter_mut().find(|one| one.name == which).unwrap());
        self
    }

    pub async fn open(self) -> House {
        let (world, hands) = world(11);
        let told = Arc::new(Told::default());
        let snapshot = Arc::new(Snapshot::build(self.book.clone(), Generation(1), 1).unwrap());
        let config = admission::Config {
            hostname: Domain::parse("gate.own.test").unwrap(),
            snapshot,
        };
        let (admission, store) = scale(config, told.clone(), &world).unwrap();
        let (trigger, shutdown) = ShutdownTrigger::new();
        let logins = Arc::new(gate::Logins);
        let mut gate = Gate::new(self.doors, admission.clone(), logins, &world, shutdown);
        if let Some(names) = self.names {
            gate = gate.naming_clients(names);
        }
        let identities = vec![certificate("gate.own.test")];
        let tls = Arc::new(TlsServer::new(identities, Asking::No, world.clock.clone()).unwrap());
        let finished = self.listeners.iter().map(|one| one.finished(&tls)).collect();
        for listening in inbound::bind(&*world.net, finished).await.unwrap() {
            tokio::spawn(gate.clone().serve(listening));
        }
        House {
            world,
            hands,
            told,
            admission,
            gate,
            store,
            trigger,
            tls,
            book: self.book,
        }
    }
}

impl House {
    pub async fn usual() -> Self {
        Plan::usual().open().await
    }

    /// Publishes the rulebook as `change` leaves it, as the next generation.
    pub fn publish(&mut self, change: impl FnOnce(&mut Rulebook)) {
        change(&mut self.book);
        let next = Generation(self.admission.snapshot().generation().0 + 1);
        let snapshot = Snapshot::build(self.book.clone(), next, next.0).unwrap();
        self.admission.publish(Arc::new(snapshot));
    }

    /// A connection from `from` to the listener at `to`; nothing was read of it yet.
    pub async fn connect(&self, to: &str, from: &str) -> Client {
        let from: IpAddr = from.parse().unwrap();
        let stream = self.world.net.connect(at(to), Some(from)).await.unwrap();
        Client::new(stream, self.told.clone())
    }

    /// A connection that was greeted and has said EHLO.
    pub async fn hello(&self, to: &str, from: &str) -> Client {
        let mut client = self.connect(to, from).await;
        client.expect("220").await;
        client.ask("EHLO client.test", "250").await;
        client
    }

    /// As [`hello`](Self::hello), under TLS: by STARTTLS, or from the beginning on the port for that.
    pub async fn secure(&self, to: &str, from: &str) -> Client {
        let client = if to == SUBMISSIONS {
            self.connect(to, from).await
        } else {
            let mut client = self.hello(to, from).await;
            client.ask("STARTTLS", "220").await;
            client
        };
        let mut client = client.handshake().await.unwrap();
        if to == SUBMISSIONS {
            client.expect("220").await;
        }
        client.ask("EHLO client.test", "250").await;
        client
    }

    /// As [`secure`](Self::secure), logged in.
    pub async fn logged_in(&self, to: &str, from: &str, login: &str) -> Client {
        let mut client = self.secure(to, from).await;
        client.ask(&client.plain(login, SECRET), "235").await;
        client
    }

    pub fn stored(&self) -> u64 {
        self.store.messages()
    }

    /// Lets everything that can run do so; ten seconds pass.
    pub async fn settle(&self) {
        self.pass(Duration::from_secs(10)).await;
    }

    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// An address as a socket sees it, for PROXY headers.
pub fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn domains(text: &str) -> Vec<DomainPattern> {
    vec![DomainPattern::parse(text).unwrap()]
}

/// A live grant that may send as `NAME@own.test` to everybody.
pub fn grant(name: &str, by: By) -> Grant {
    Grant {
        name: name.into(),
        owner: "Facilities".into(),
        contact: "facilities@own.test".parse().unwrap(),
        reason: "scans".into(),
        from_time: Timestamp(0),
        until: Timestamp(GENESIS + 86_400_000),
        by,
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![SenderPattern::parse("scan@own.test").unwrap()],
        header_from: Vec::new(),
        scope: Scope::Any,
        class: Class::Device,
        limits: Class::Device.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line: 1 },
    }
}

/// The grant of this name, to be changed.
pub fn of<'a>(book: &'a mut Rulebook, name: &str) -> &'a mut Grant {
    book.grants.iter_mut().find(|grant| &*grant.name == name).unwrap()
}

pub fn suspend(book: &mut Rulebook, name: &str) {
    of(book, name).state = GrantState::Suspended("abuse".into());
}

/// One domain with a route, the listeners, the copier's exception and one grant by login.
pub fn book() -> Rulebook {
    let listener = |name: &str, role, ungranted| Listener {
        name: name.into(),
        role,
        zone: None,
        ungranted,
        place: Place { line: 2 },
    };
    Rulebook {
        organisation: Organisation {
            name: "Own".into(),
            domains: domains("own.test"),
            networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()],
            help: Some(HELP.into()),
            ..Organisation::default()
        },
        listeners: vec![
            listener("mx", Role::Mx, Ungranted::Deny),
            listener("submission", Role::Submission, Ungranted::Deny),
            listener("submissions", Role::Submissions, Ungranted::Deny),
            listener("devices", Role::Relay, Ungranted::Deny),
            listener("plant", Role::Relay, Ungranted::InternalOnly),
        ],
        routes: vec![Route {
            name: "inside".into(),
            domains: domains("own.test"),
            recipients: Recipients::Listed(vec!["anna@own.test".parse().unwrap(), "bert@own.test".parse().unwrap()]),
            place: Place { line: 3 },
        }],
        grants: vec![
            grant("copier", By::Address(vec!["10.0.0.14/32".parse().unwrap()])),
            grant("app", By::Login("app".into())),
        ],
        ..Rulebook::default()
    }
}
