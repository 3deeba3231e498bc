//! A small house for the tests: a simulated network, a listener whose clerk takes everything and writes it down, and
//! certificates of the house's own making.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "helpers of tests; not every test uses all of them"
)]

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mail::{Domain, EnhancedCode, ForwardPath, Host, MailParams, Mailbox, RcptParams, Reply, ReversePath, Tolerances};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm};
use smtp::client::{ClientConfig, Transaction};
use smtp::server::{Answer, Event, Question, Server, ServerConfig, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::{
    Asked, Asking, CrowdSign, Dial, Ended, Identity, Patience, Roots, ServeConfig, SessionHandler, Shutdown,
    ShutdownTrigger, TlsClient, TlsFacts, TlsServer, Trust, drive_server,
};
use world::sim::{Handles, world};
use world::{BoxFuture, Stream, World};

pub fn name(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub fn mx_addr() -> SocketAddr {
    "192.0.2.25:25".parse().unwrap()
}

pub fn client_ip() -> IpAddr {
    "203.0.113.7".parse().unwrap()
}

pub const PATIENT: Duration = Duration::from_secs(30);

/// What a clerk wrote down.
#[derive(Default)]
pub struct Notes {
    pub bodies: Vec<Vec<u8>>,
    pub body: Vec<u8>,
    pub largest_chunk: usize,
    pub events: Vec<Event>,
    pub tls: Vec<TlsFacts>,
    pub ended: Vec<Ended>,
    pub hellos: usize,
}

/// Takes everything, after thinking about a body for `thinks` and about each piece of it for `reads`.
pub struct Clerk {
    pub notes: Arc<Mutex<Notes>>,
    pub thinks: Duration,
    pub reads: Duration,
}

impl SessionHandler for Clerk {
    fn ask(&mut self, question: Question) -> Asked<'_> {
        Asked::Later(Box::pin(async move {
            let ok = |code| Answer::Reply(Reply::new(code, EnhancedCode::new(2, 0, 0), "OK"));
            match question {
                Question::Connect => Answer::Greet {
                    reply: Reply::plain(220, "mx.example.org ESMTP"),
                    tolerances: Tolerances::default(),
                },
                Question::BodyBegin { .. } => Answer::Proceed,
                Question::BodyEnd { .. } => {
                    tokio::time::sleep(self.thinks).await;
                    let mut notes = self.notes.lock().unwrap();
                    let body = std::mem::take(&mut notes.body);
                    notes.bodies.push(body);
                    ok(250)
                }
                Question::Refusal(violation) => Answer::Reply(violation.reply),
                Question::Hello { .. } => {
                    self.notes.lock().unwrap().hellos += 1;
                    ok(250)
                }
                _ => ok(250),
            }
        }))
    }

    fn body(&mut self, chunk: Bytes) -> Option<BoxFuture<'_, ()>> {
        {
            let mut notes = self.notes.lock().unwrap();
            notes.largest_chunk = notes.largest_chunk.max(chunk.len());
            notes.body.extend_from_slice(&chunk);
        }
        match self.reads {
            Duration::ZERO => None,
            reads => Some(Box::pin(tokio::time::sleep(reads))),
        }
    }

    fn event(&mut self, event: Event) {
        let mut notes = self.notes.lock().unwrap();
        if event == Event::TransactionReset {
            notes.body.clear();
        }
        notes.events.push(event);
    }

    fn tls(&mut self, tls: TlsFacts) {
        self.notes.lock().unwrap().tls.push(tls);
    }

    fn closed(&mut self, ended: &Ended) {
        self.notes.lock().unwrap().ended.push(ended.clone());
    }
}

/// A house with one listener.
pub struct House {
    pub world: World,
    pub hands: Handles,
    pub notes: Arc<Mutex<Notes>>,
    pub trigger: ShutdownTrigger,
    pub crowd: CrowdSign,
    pub tls: Option<Arc<TlsServer>>,
    pub patience: Patience,
    pub thinks: Duration,
    pub reads: Duration,
    pub dialogue: ServerConfig,
}

impl House {
    pub fn new() -> Self {
        let (world, hands) = world(7);
        Self {
            world,
            hands,
            notes: Arc::default(),
            trigger: ShutdownTrigger::new().0,
            crowd: CrowdSign::default(),
            tls: None,
            patience: Patience::default(),
            thinks: Duration::ZERO,
            reads: Duration::ZERO,
            dialogue: ServerConfig::new(name("mx.example.org")),
        }
    }

    /// With these certificates, and STARTTLS offered.
    pub fn with_tls(identities: Vec<Identity>) -> Self {
        let mut house = Self::new();
        let tls = TlsServer::new(identities, Asking::Optional, house.world.clock.clone()).unwrap();
        house.tls = Some(Arc::new(tls));
        house.dialogue.offer.starttls = true;
        house
    }

    pub fn serve_config(&self, transport: Transport) -> ServeConfig {
        ServeConfig {
            transport,
            tls: self.tls.clone(),
            clock: self.world.clock.clone(),
            shutdown: self.trigger.watch(),
            crowd: self.crowd.watch(),
            patience: self.patience,
        }
    }

    /// Begins to serve connections to [`mx_addr`].
    pub async fn open(&self, transport: Transport) {
        let listener = self.world.net.listen(mx_addr()).await.unwrap();
        let (config, dialogue) = (self.serve_config(transport), Arc::new(self.dialogue.clone()));
        let (notes, thinks, reads) = (self.notes.clone(), self.thinks, self.reads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Server::new(dialogue.clone(), transport, config.clock.monotonic());
                let (config, notes) = (config.clone(), notes.clone());
                tokio::spawn(async move {
                    drive_server(stream, server, &mut Clerk { notes, thinks, reads }, &config).await;
                });
            }
        });
    }

    pub async fn connect(&self) -> Raw {
        Raw {
            stream: self.world.net.connect(mx_addr(), Some(client_ip())).await.unwrap(),
        }
    }

    pub fn dial(&self, transport: Transport) -> Dial {
        Dial {
            to: mx_addr(),
            from: Some(client_ip()),
            host: Host::Domain(name("mx.example.org")),
            transport,
            client: ClientConfig::new(Host::Domain(name("gate.example.edu"))),
            tls: None,
            trust: Trust::Opportunistic,
            connect_timeout: PATIENT,
        }
    }

    pub fn dial_tls(&self, transport: Transport, roots: &Roots, trust: Trust) -> Dial {
        let tls = TlsClient::new(roots.clone(), None, self.world.clock.clone());
        Dial {
            tls: Some(tls),
            trust,
            ..self.dial(transport)
        }
    }

    pub fn ended(&self) -> Vec<Ended> {
        self.notes.lock().unwrap().ended.clone()
    }

    /// Lets everything that can run do so.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

pub fn transaction() -> Transaction {
    let mailbox = |text| Mailbox::parse(text).unwrap();
    Transaction {
        reverse: ReversePath::Mailbox(mailbox("a@example.edu")),
        recipients: vec![(ForwardPath::Mailbox(mailbox("b@example.org")), RcptParams::default())],
        params: MailParams::default(),
    }
}

/// A client that says exactly what it is told to.
pub struct Raw {
    pub stream: Box<dyn Stream>,
}

impl Raw {
    pub async fn say(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
    }

    /// Reads one whole reply, all its lines.
    pub async fn reply(&mut self) -> String {
        let mut text = String::new();
        loop {
            text.push(char::from(self.stream.read_u8().await.unwrap()));
            let last = text.trim_end_matches("\r\n").rsplit("\r\n").next().unwrap_or_default();
            if text.ends_with("\r\n") && last.as_bytes().get(3) != Some(&b'-') {
                return text;
            }
        }
    }

    /// Reads one line, whatever it is.
    pub async fn reply_line(&mut self) -> String {
        let mut text = String::new();
        while !text.ends_with("\r\n") {
            text.push(char::from(self.stream.read_u8().await.unwrap()));
        }
        text
    }

    pub async fn ask(&mut self, line: &str) -> String {
        self.say(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Everything until the end.
    pub async fn rest(&mut self) -> String {
        let mut octets = Vec::new();
        self.stream.read_to_end(&mut octets).await.unwrap();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

static AUTHORITIES: AtomicU32 = AtomicU32::new(0);

/// An authority of the test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Names of authorities differ, or another's certificate would look forged instead of foreign.
        let ordinal = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        params
            .distinguished_name
            .push(DnType::CommonName, format!("authority {ordinal}"));
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

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// An authority that this one vouches for, with its own certificate in PEM.
    pub fn under(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let ordinal = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        params
            .distinguished_name
            .push(DnType::CommonName, format!("authority {ordinal}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// What it revoked, in PEM.
    pub fn revoked(&self, serials: &[u64], (first, last): (i32, i32)) -> String {
        let (this_update, next_update) = (rcgen::date_time_ymd(first, 1, 1), rcgen::date_time_ymd(last, 1, 1));
        let revoked = |serial: &u64| rcgen::RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, &rcgen::PKCS_ECDSA_P256_SHA256, |_| {})
    }

    pub fn issue_rsa(&self, names: &[&str]) -> Identity {
        self.issue_with(names, &rcgen::PKCS_RSA_SHA256, |_| {})
    }

    pub fn issue_with(
        &self,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let (chain, key) = self.pem_pair(names, algorithm, change);
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    pub fn pem_pair(
        &self,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate_for(algorithm).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

pub fn never() -> Shutdown {
    Shutdown::never()
}
