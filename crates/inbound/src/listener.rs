//! Listeners: accept, count, say who is there, and hand the connection to a session.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use admission::{Admission, Visitor};
use arc_swap::ArcSwap;
use dns::Resolver;
use ipnet::IpNet;
use policy::{Authenticator, Name, Role, canonical, contains};
use smtp::server::{Server, ServerConfig, Transport};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use wire::{Crowd, Patience, Proxied, ProxyHeader, ServeConfig, Shutdown, TlsServer, accept_proxied, drive_server};
use world::{Listener, Net, Stream, World};

use crate::doors::{ClientLimits, Doors, DoorsConfig, Standing};
use crate::errand::{Errand, Errands};
use crate::names::ReverseName;
use crate::session::{Hall, Session};

/// How long a declared proxy may take to say for whom it speaks.
const PROXY_PATIENCE: Duration = Duration::from_secs(5);
/// Connections of one listener that were accepted and are not yet inside or turned away, as they wait for a thread or for
/// a proxy's word. Each holds a file that no session counts; the system keeps the others waiting for us.
const PORCH_MAX: usize = 64;
/// How long accepting rests when the system has no more file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// One listener, finished.
#[derive(Clone)]
pub struct ListenerConfig {
    /// Its name in the rulebook.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// How it speaks.
    pub smtp: Arc<ServerConfig>,
    /// Its certificates.
    pub tls: Option<Arc<TlsServer>>,
    /// Whether TLS comes first.
    pub transport: Transport,
    /// Who may say, by the PROXY protocol, for whom it speaks; nobody else is believed.
    pub proxies: Vec<IpNet>,
}

/// The front gate; cloning shares it.
#[derive(Clone)]
pub struct Gate {
    hall: Arc<Hall>,
    doors: Doors,
    rules: Arc<ArcSwap<DoorsConfig>>,
    world: World,
    shutdown: Shutdown,
    closing: Shutdown,
    resolver: Option<Arc<dyn Resolver>>,
}

/// A listener that is bound.
pub struct Listening {
    listener: Box<dyn Listener>,
    config: Arc<ArcSwap<ListenerConfig>>,
    /// Where it listens, port chosen.
    pub address: SocketAddr,
}

impl Listening {
    /// The name of its listener.
    #[must_use]
    pub fn name(&self) -> Name {
        self.config.load().name.clone()
    }

    /// Where its settings are swapped on reload; sessions that are open keep theirs.
    #[must_use]
    pub fn settings(&self) -> Arc<ArcSwap<ListenerConfig>> {
        self.config.clone()
    }
}

/// Binds every address of the listeners.
pub async fn bind(net: &dyn Net, listeners: Vec<ListenerConfig>) -> io::Result<Vec<Listening>> {
    let mut bound = Vec::new();
    for config in listeners {
        let addresses = config.addresses.clone();
        let config = Arc::new(ArcSwap::from_pointee(config));
        for address in addresses {
            let listener = net
                .listen(address)
                .await
                .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
            let address = listener.local_addr()?;
            bound.push(Listening {
                listener,
                config: config.clone(),
                address,
            });
        }
    }
    Ok(bound)
}

/// The next connection, when there is room for it.
async fn next(
    porch: &Arc<Semaphore>,
    listener: &dyn Listener,
) -> (Option<OwnedSemaphorePermit>, io::Result<(Box<dyn Stream>, SocketAddr)>) {
    // Nobody closes it.
    let room = porch.clone().acquire_owned().await.ok();
    (room, listener.accept().await)
}

impl Gate {
    /// Builds the gate. It opens when [`serve`](Self::serve) is called.
    #[must_use]
    pub fn new(
        doors: DoorsConfig,
        admission: Admission,
        authenticator: Arc<dyn Authenticator>,
        world: &World,
        shutdown: Shutdown,
    ) -> Self {
        let hall = Arc::new(Hall {
            admission,
            authenticator,
            clock: world.clock.clone(),
            errands: Errands::default(),
        });
        let rules = Arc::new(ArcSwap::from_pointee(doors));
        Self {
            hall,
            doors: Doors::default(),
            rules,
            world: world.clone(),
            closing: shutdown.clone(),
            shutdown,
            resolver: None,
        }
    }

    /// Stops accepting when `closing` says so, whatever the sessions that are open then do.
    #[must_use]
    pub fn closing_on(self, closing: Shutdown) -> Self {
        Self { closing, ..self }
    }

    /// Asks `resolver` for the names of clients; without, they stay unnamed.
    #[must_use]
    pub fn naming_clients(self, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            resolver: Some(resolver),
            ..self
        }
    }

    /// Other rules at the doors from now on.
    pub fn set_doors(&self, doors: DoorsConfig) {
        self.rules.store(Arc::new(doors));
    }

    /// What comes with this socket is this gate itself, trying its own doors: its refusals count against nobody.
    #[must_use]
    pub fn errand(&self, from: SocketAddr) -> Errand {
        self.hall.errands.begin(from)
    }

    /// Sessions now.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        self.doors.sessions()
    }

    /// Serves one listener until it is to close; returns when its last session has ended.
    pub async fn serve(self, listening: Listening) {
        let mut sessions = JoinSet::new();
        let mut closing = self.closing.clone();
        let porch = Arc::new(Semaphore::new(PORCH_MAX));
        loop {
            tokio::select! {
                biased;
                _ = closing.beyond(wire::Phase::Running) => break,
                Some(_) = sessions.join_next() => {}
                (on_porch, accepted) = next(&porch, &*listening.listener) => match accepted {
                    Ok((stream, peer)) => {
                        let config = listening.config.load_full();
                        sessions.spawn(self.clone().session(config, stream, peer, on_porch));
                    }
                    Err(error) => self.rest(&error).await,
                },
            }
        }
        drop(listening);
        while sessions.join_next().await.is_some() {}
    }

    /// A failed accept is one client's trouble, unless descriptors ran out: then a moment's rest lets sessions end.
    async fn rest(&self, error: &io::Error) {
        tracing::warn!(event = "listener.accept_failed", %error, "a connection could not be accepted");
        let clock = &self.world.clock;
        clock.sleep_until(clock.monotonic() + ACCEPT_REST).await;
    }

    async fn session(
        self,
        config: Arc<ListenerConfig>,
        stream: Box<dyn Stream>,
        peer: SocketAddr,
        on_porch: Option<OwnedSemaphorePermit>,
    ) {
        let Some((stream, peer)) = self.behind_proxy(&config, stream, peer).await else {
            return;
        };
        let client = canonical(peer.ip());
        let rules = self.rules.load_full();
        let limits = rules.of(client);
        let now = self.world.clock.monotonic();
        let standing = self.standing(&rules, config.role, client);
        let entrance = self.doors.enter(&rules, client, standing, now);
        let turned_away = entrance.as_ref().err().copied();
        let visitor = self.visitor(&config, client, peer.port());
        let server = Server::new(self.dialogue(&config, &limits), config.transport, now);
        let serve = ServeConfig {
            transport: config.transport,
            tls: config.tls.clone(),
            clock: self.world.clock.clone(),
            shutdown: self.shutdown.clone(),
            crowd: match standing {
                Standing::Known => Crowd::never(),
                Standing::Stranger => self.doors.crowd(),
            },
            patience: Patience {
                handshake: config.smtp.timeouts.handshake,
                ..Patience::default()
            },
        };
        let resolver = self.resolver.as_ref().filter(|_| turned_away.is_none());
        let place = || self.doors.look_up(&rules);
        let name = ReverseName::look_up(resolver, client, config.role, self.world.clock.clone(), place);
        let mut session = Session::new(self.hall.clone(), visitor, limits, entrance, name);
        let explaining = turned_away.and_then(|_| self.doors.explain(&rules));
        // Who is turned away must not hold a connection, and a key operation of ours, for as long as a handshake may
        // take; and in a storm not even for as long as it takes to be told why.
        let unheard = config.transport == Transport::ImplicitTls || explaining.is_none();
        if let Some(why) = turned_away.filter(|_| unheard) {
            return session.turn_away_unheard(why);
        }
        drop(on_porch);
        drive_server(stream, server, &mut session, &serve).await;
        drop(explaining);
    }

    /// The client a declared proxy speaks for; `None` where the proxy made no sense.
    async fn behind_proxy(
        &self,
        config: &ListenerConfig,
        stream: Box<dyn Stream>,
        peer: SocketAddr,
    ) -> Option<(Box<dyn Stream>, SocketAddr)> {
        if !contains(&config.proxies, peer.ip()) {
            return Some((stream, peer));
        }
        match accept_proxied(stream, self.world.clock.clone(), PROXY_PATIENCE).await {
            Ok(Proxied {
                stream,
                header: ProxyHeader::Proxied { source, .. },
            }) => Some((stream, source)),
            Ok(Proxied {
                stream,
                header: ProxyHeader::Local,
            }) => Some((stream, peer)),
            Err(error) => {
                tracing::warn!(event = "listener.proxy_refused", proxy = %peer, %error, "no PROXY header from a proxy");
                None
            }
        }
    }

    /// Who this is before it says a word. Only where an address can be a ground at all does one make its client known.
    fn standing(&self, rules: &DoorsConfig, role: Role, client: IpAddr) -> Standing {
        let admission = &self.hall.admission;
        let granted = || role == Role::Relay && admission.snapshot().address_grant(client, admission.now()).is_some();
        if rules.names(client) || granted() {
            Standing::Known
        } else {
            Standing::Stranger
        }
    }

    /// The dialogue's settings, with the limits of this client's network.
    fn dialogue(&self, config: &ListenerConfig, limits: &ClientLimits) -> Arc<ServerConfig> {
        let smtp = &config.smtp;
        let usual = (smtp.limits.recipients, smtp.limits.errors_soft, smtp.limits.errors_hard);
        if usual == (limits.recipients, limits.errors_soft, limits.errors_hard) {
            return smtp.clone();
        }
        let mut own = ServerConfig::clone(smtp);
        own.limits.recipients = limits.recipients;
        own.limits.errors_soft = limits.errors_soft;
        own.limits.errors_hard = limits.errors_hard;
        Arc::new(own)
    }

    fn visitor(&self, config: &ListenerConfig, client: IpAddr, port: u16) -> Visitor {
        Visitor {
            session: self.hall.admission.ids().session(),
            listener: config.name.clone(),
            role: config.role,
            client,
            port,
            hello: Box::default(),
            extended: false,
            ptr: None,
            tls: None,
            login: None,
            certificate: Vec::new(),
        }
    }
}
