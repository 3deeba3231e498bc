//! What the back gate is told, and the ports it works through.

use std::sync::Arc;
use std::time::Duration;

use dns::Resolver;
use mail::{Domain, Mailbox};
use smtp::client::ClientTimeouts;
use spool::Dispatch;
use wire::TlsClient;
use world::World;

use crate::desk::NoticeDesk;
use crate::destination::Concurrency;
use crate::pool::Reuse;
use crate::report::Watcher;
use crate::route::{Ourselves, Routes};
use crate::schedule::Schedule;

/// What the back gate is told. It can be replaced while it runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name: what EHLO says and who reports in notices.
    pub hostname: Domain,
    /// Who notices are from.
    pub postmaster: Mailbox,
    /// Whom to ask, as a sentence of its own, for notices.
    pub help: Option<Box<str>>,
    /// Where mail goes.
    pub routes: Routes,
    /// What is us.
    pub ourselves: Ourselves,
    /// When what happens to the queue.
    pub schedule: Schedule,
    /// What each destination gets at a time.
    pub concurrency: Concurrency,
    /// How connections are used again.
    pub reuse: Reuse,
    /// How long a peer may take.
    pub timeouts: ClientTimeouts,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// Our side of TLS, except where a route has its own; without it there is none.
    pub tls: Option<TlsClient>,
    /// Recipients in one transaction at most; 100 is what every server takes (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Messages that are worked on at a time at most.
    pub in_flight: usize,
    /// How long deliveries under way may go on when the gate is to stop.
    pub grace: Duration,
}

impl Config {
    /// The defaults, for a gate of this name.
    #[must_use]
    pub fn new(hostname: Domain, postmaster: Mailbox, routes: Routes) -> Self {
        Self {
            ourselves: Ourselves {
                names: [hostname.clone()].into(),
                ..Ourselves::default()
            },
            hostname,
            postmaster,
            help: None,
            routes,
            schedule: Schedule::default(),
            concurrency: Concurrency::default(),
            reuse: Reuse::default(),
            timeouts: ClientTimeouts::default(),
            connect_timeout: Duration::from_secs(30),
            tls: None,
            recipients_max: 100,
            in_flight: 1000,
            grace: Duration::from_secs(30),
        }
    }
}

/// What the back gate works through.
#[derive(Clone)]
pub struct Ports {
    /// The queue.
    pub dispatch: Dispatch,
    /// DNS.
    pub resolver: Arc<dyn Resolver>,
    /// Time, chance and the network.
    pub world: World,
    /// Where notices are handed in.
    pub desk: Arc<dyn NoticeDesk>,
    /// Who is told what happens.
    pub watcher: Arc<dyn Watcher>,
}
