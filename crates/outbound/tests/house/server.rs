//! A real server among the scripted peers: the server's side of our own dialogue, with TLS, logins and certificates.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "helpers of tests; not every test uses all of them"
)]

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use mail::{EnhancedCode, Mechanism, Reply, Tolerances};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use smtp::server::{Answer, AuthOffer, BodyVia, Event, Question, Server, ServerConfig, Transport};
use wire::{
    Asked, Asking, Ended, Identity, Patience, Roots, ServeConfig, SessionHandler, Shutdown, TlsFacts, TlsServer,
    drive_server,
};
use world::{BoxFuture, World};

use crate::house::{at, name};

pub const USER: &str = "gate";
pub const SECRET: &str = "not for everybody";

/// An authority of a test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub fn roots(&self) -> Roots {
        Roots::none().with_pem(self.pem.as_bytes()).unwrap()
    }

    /// A certificate for this host name or address.
    pub fn issue(&self, host: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }
}

/// What a server is to be.
pub struct Kind {
    pub identity: Identity,
    pub transport: Transport,
    pub asking: Asking,
    /// The mechanisms it offers; with some, it wants a login before MAIL.
    pub mechanisms: Vec<Mechanism>,
    /// The secret it knows of [`USER`].
    pub secret: &'static str,
    pub chunking: bool,
}

impl Kind {
    /// STARTTLS with this certificate, and nobody has to say who they are.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            transport: Transport::Clear,
            asking: Asking::No,
            mechanisms: Vec::new(),
            secret: SECRET,
            chunking: true,
        }
    }
}

/// What it wrote down.
#[derive(Default)]
pub struct Log {
    /// One line a thing that happened, in order.
    pub lines: Vec<String>,
    /// Subjects of the certificates that clients showed; `None` where none was.
    pub shown: Vec<Option<Box<str>>>,
    pub via: Vec<BodyVia>,
    pub bodies: Vec<Vec<u8>>,
}

/// A running server.
#[derive(Clone, Default)]
pub struct Real {
    log: Arc<Mutex<Log>>,
}

impl Real {
    /// Listens there for ever.
    pub async fn listen(world: &World, address: &str, kind: Kind) -> Self {
        let real = Self::default();
        let clock = world.clock.clone();
        let tls = TlsServer::new(vec![kind.identity.clone()], kind.asking, clock.clone()).unwrap();
        let config = ServeConfig {
            transport: kind.transport,
            tls: Some(Arc::new(tls)),
            clock,
            shutdown: Shutdown::never(),
            crowd: wire::Crowd::never(),
            patience: Patience::default(),
        };
        let mut dialogue = ServerConfig::new(name("peer.example"));
        dialogue.offer.starttls = kind.transport == Transport::Clear;
        dialogue.offer.chunking = kind.chunking;
        if !kind.mechanisms.is_empty() {
            dialogue.offer.auth = AuthOffer::UnderTls(kind.mechanisms.iter().copied().collect());
            dialogue.auth_required = true;
        }
        let (dialogue, log, secret) = (Arc::new(dialogue), real.log.clone(), kind.secret);
        let listener = world.net.listen(at(address)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let server = Server::new(dialogue.clone(), config.transport, config.clock.monotonic());
                let mut clerk = Clerk {
                    log: log.clone(),
                    secret,
                    user: None,
                    body: Vec::new(),
                };
                clerk.note(format!("connection from {}", peer.ip()));
                let config = config.clone();
                tokio::spawn(async move {
                    drive_server(stream, server, &mut clerk, &config).await;
                });
            }
        });
        real
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// Messages taken. The guard of the log does not outlive this.
    pub fn taken(&self) -> usize {
        self.log().bodies.len()
    }

    /// How often something that begins like this happened.
    pub fn count(&self, word: &str) -> usize {
        self.log().lines.iter().filter(|line| line.starts_with(word)).count()
    }
}

/// Serves one session: checks logins, takes every message.
struct Clerk {
    log: Arc<Mutex<Log>>,
    secret: &'static str,
    /// The user name of a LOGIN exchange under way.
    user: Option<Vec<u8>>,
    body: Vec<u8>,
}

impl Clerk {
    fn note(&self, line: String) {
        self.log.lock().unwrap().lines.push(line);
    }

    /// LOGIN asks for the name, then for the password; PLAIN says both at once (RFC 4616 §2).
    fn log_in(&mut self, said: Vec<u8>) -> Answer {
        if let Some(plain) = said.strip_prefix(b"\0") {
            let right = plain == format!("{USER}\0{}", self.secret).as_bytes();
            return self.proved(right);
        }
        match self.user.take() {
            None => {
                self.user = Some(said);
                Answer::AuthChallenge(b"Password:".to_vec())
            }
            Some(user) => self.proved(user == USER.as_bytes() && said == self.secret.as_bytes()),
        }
    }

    fn proved(&self, right: bool) -> Answer {
        self.note(if right { "logged in" } else { "wrong login" }.to_owned());
        if right {
            Answer::Authenticated {
                reply: Reply::new(235, EnhancedCode::new(2, 7, 0), "Welcome"),
                tolerances: Tolerances::default(),
            }
        } else {
            Answer::Reply(Reply::new(535, EnhancedCode::new(5, 7, 8), "Wrong name or password"))
        }
    }
}

fn ok() -> Answer {
    Answer::Reply(Reply::new(250, EnhancedCode::new(2, 0, 0), "OK"))
}

impl SessionHandler for Clerk {
    fn ask(&mut self, question: Question) -> Asked<'_> {
        let answer = match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, "peer.example ESMTP"),
                tolerances: Tolerances::default(),
            },
            Question::Auth { mechanism, initial } => {
                self.note(format!("AUTH {mechanism:?}"));
                match initial {
                    Some(said) => self.log_in(said),
                    None => Answer::AuthChallenge(b"Username:".to_vec()),
                }
            }
            Question::AuthResponse(said) => self.log_in(said),
            Question::Sender { .. } => {
                self.note("MAIL".to_owned());
                ok()
            }
            Question::BodyBegin { via } => {
                self.log.lock().unwrap().via.push(via);
                Answer::Proceed
            }
            Question::BodyEnd { .. } => {
                let body = std::mem::take(&mut self.body);
                self.log.lock().unwrap().bodies.push(body);
                ok()
            }
            Question::Refusal(violation) => {
                self.note(format!("refusal {}", violation.reason));
                Answer::Reply(violation.reply)
            }
            _ => ok(),
        };
        Asked::Now(answer)
    }

    fn body(&mut self, octets: Bytes) -> Option<BoxFuture<'_, ()>> {
        self.body.extend_from_slice(&octets);
        None
    }

    fn event(&mut self, event: Event) {
        if event == Event::TransactionReset {
            self.body.clear();
        }
    }

    fn tls(&mut self, facts: TlsFacts) {
        let shown = facts.peer.map(|peer| peer.subject);
        self.log.lock().unwrap().shown.push(shown);
    }

    fn closed(&mut self, _: &Ended) {}
}
