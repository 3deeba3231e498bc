//! A server that takes every message and writes it to a folder: the outside world of the demo and of tests.
//!
//! Two files a message: `000001.eml` with the octets as they came, `000001.json` with the envelope. The envelope is
//! written last and by renaming, so that whoever sees it finds the message whole.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mail::{Domain, EnhancedCode, MailParams, RcptParams, Reply, ReversePath, Tolerances};
use serde::{Deserialize, Serialize};
use smtp::server::{Answer, Event, Question, Server, ServerConfig, Transport};
use wire::{Asked, Ended, Patience, ServeConfig, SessionHandler, Shutdown, TlsFacts, TlsServer, drive_server};
use world::{BoxFuture, Listener, Stream, World};

/// The envelope of one message, as the JSON file beside it says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The client's address and port.
    pub client: String,
    /// What it called itself.
    pub helo: String,
    /// The TLS version and cipher; absent in clear.
    pub tls: Option<String>,
    /// The envelope sender without brackets; empty for the null path.
    pub from: String,
    /// The recipients without brackets.
    pub to: Vec<String>,
    /// `8BITMIME` or `7BIT`.
    pub body: String,
    /// Whether SMTPUTF8 was said.
    pub smtputf8: bool,
    /// Octets of the message.
    pub octets: u64,
    /// When it was taken, RFC 3339.
    pub at: String,
}

/// How a sink is set up.
#[derive(Clone)]
pub struct SinkConfig {
    /// Its name in the greeting.
    pub hostname: Domain,
    /// Where messages go.
    pub dir: PathBuf,
    /// Certificates, where STARTTLS is to be offered.
    pub tls: Option<Arc<TlsServer>>,
}

/// A running sink.
pub struct Sink {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Sink {
    /// Listens, and serves until it is dropped.
    pub async fn start(config: SinkConfig, at: SocketAddr, world: &World, shutdown: Shutdown) -> std::io::Result<Self> {
        std::fs::create_dir_all(&config.dir)?;
        let listener = world.net.listen(at).await?;
        let address = listener.local_addr()?;
        let house = House {
            taken: Arc::new(AtomicU64::new(last_number(&config.dir)?)),
            smtp: Arc::new(dialogue(&config)),
            config: Arc::new(config),
            world: world.clone(),
            shutdown,
        };
        let task = tokio::spawn(serve(house, listener));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when it has stopped.
    pub async fn stopped(mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the messages in a sink's folder, oldest first.
pub fn messages(dir: &Path) -> std::io::Result<Vec<(Envelope, Vec<u8>)>> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|path| {
            let envelope = serde_json::from_slice(&std::fs::read(&path)?)?;
            Ok((envelope, std::fs::read(path.with_extension("eml"))?))
        })
        .collect()
}

/// A sink that is started again goes on counting where it ended.
fn last_number(dir: &Path) -> std::io::Result<u64> {
    let mut last = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

fn dialogue(config: &SinkConfig) -> ServerConfig {
    let mut smtp = ServerConfig::new(config.hostname.clone());
    smtp.offer.starttls = config.tls.is_some();
    smtp.offer.size_max = 200 << 20;
    smtp.limits.recipients = 1000;
    smtp
}

#[derive(Clone)]
struct House {
    config: Arc<SinkConfig>,
    smtp: Arc<ServerConfig>,
    taken: Arc<AtomicU64>,
    world: World,
    shutdown: Shutdown,
}

async fn serve(house: House, listener: Box<dyn Listener>) {
    let mut sessions = tokio::task::JoinSet::new();
    let mut shutdown = house.shutdown.clone();
    loop {
        tokio::select! {
            biased;
            _ = shutdown.beyond(wire::Phase::Running) => break,
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => { sessions.spawn(session(house.clone(), stream, peer)); }
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
}

async fn session(house: House, stream: Box<dyn Stream>, peer: SocketAddr) {
    let serve = ServeConfig {
        transport: Transport::Clear,
        tls: house.config.tls.clone(),
        clock: house.world.clock.clone(),
        shutdown: house.shutdown.clone(),
        crowd: wire::Crowd::never(),
        patience: Patience::default(),
    };
    let server = Server::new(house.smtp.clone(), Transport::Clear, house.world.clock.monotonic());
    let envelope = Envelope {
        client: peer.to_string(),
        ..Envelope::default()
    };
    let mut taking = Taking {
        house,
        envelope,
        octets: Vec::new(),
    };
    drive_server(stream, server, &mut taking, &serve).await;
}

/// One session of a sink.
struct Taking {
    house: House,
    envelope: Envelope,
    octets: Vec<u8>,
}

impl Taking {
    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, format!("{} ESMTP sink", self.house.config.hostname)),
                tolerances: Tolerances::default(),
            },
            Question::Hello { name, .. } => {
                self.envelope.helo = name.into();
                ok(250, 0, "Hello")
            }
            Question::Sender { path, params } => self.begin(&path, &params),
            Question::Recipient { path, params } => self.add(&path.to_string(), &params),
            Question::BodyBegin { .. } => Answer::Proceed,
            Question::BodyEnd { .. } => self.keep(),
            Question::Refusal(violation) => Answer::Reply(violation.reply),
            Question::Auth { .. } | Question::AuthResponse(_) | Question::AuthCancelled => {
                Answer::Reply(Reply::new(502, EnhancedCode::new(5, 5, 1), "No logins here"))
            }
        }
    }

    fn begin(&mut self, path: &ReversePath, params: &MailParams) -> Answer {
        self.forget();
        self.envelope.from = path.mailbox().map(ToString::to_string).unwrap_or_default();
        self.envelope.body = match params.body {
            mail::BodyType::SevenBit => "7BIT".to_owned(),
            mail::BodyType::EightBitMime => "8BITMIME".to_owned(),
        };
        self.envelope.smtputf8 = params.smtputf8;
        ok(250, 1, "Sender ok")
    }

    fn add(&mut self, path: &str, _: &RcptParams) -> Answer {
        self.envelope.to.push(path.trim_matches(['<', '>']).to_owned());
        ok(250, 1, "Recipient ok")
    }

    fn forget(&mut self) {
        self.envelope.to.clear();
        self.octets = Vec::new();
    }

    fn keep(&mut self) -> Answer {
        let number = self.house.taken.fetch_add(1, Ordering::Relaxed) + 1;
        self.envelope.octets = self.octets.len() as u64;
        self.envelope.at = mail::Timestamp(self.house.world.clock.wall()).to_rfc3339();
        let kept = write(&self.house.config.dir, number, &self.envelope, &self.octets);
        self.forget();
        match kept {
            Ok(()) => Answer::Reply(Reply::new(
                250,
                EnhancedCode::new(2, 0, 0),
                format!("Kept as {number:06}"),
            )),
            Err(error) => Answer::Reply(Reply::new(
                451,
                EnhancedCode::new(4, 3, 0),
                format!("Not kept: {}", error.kind()),
            )),
        }
    }
}

fn ok(code: u16, subject: u16, text: &'static str) -> Answer {
    Answer::Reply(Reply::new(code, EnhancedCode::new(2, subject, 0), text))
}

fn write(dir: &Path, number: u64, envelope: &Envelope, octets: &[u8]) -> std::io::Result<()> {
    let name = dir.join(format!("{number:06}"));
    std::fs::write(name.with_extension("eml"), octets)?;
    let half = name.with_extension("part");
    std::fs::write(&half, serde_json::to_vec_pretty(envelope)?)?;
    std::fs::rename(half, name.with_extension("json"))
}

impl SessionHandler for Taking {
    fn ask(&mut self, question: Question) -> Asked<'_> {
        Asked::Now(self.answer(question))
    }

    fn body(&mut self, chunk: Bytes) -> Option<BoxFuture<'_, ()>> {
        self.octets.extend_from_slice(&chunk);
        None
    }

    fn event(&mut self, event: Event) {
        if event == Event::TransactionReset {
            self.forget();
        }
    }

    fn tls(&mut self, tls: TlsFacts) {
        self.envelope.tls = Some(format!("{} {}", tls.version, tls.cipher));
        self.forget();
    }

    fn closed(&mut self, _: &Ended) {}
}
