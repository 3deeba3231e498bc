//! A client that says what no honest client would: octets as they stand, and the code of the answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use inbound::{Errand, Gate};
use mail::{Domain, Host};
use smtp::client::{ClientConfig, ClientTimeouts};
use smtp::server::Transport;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use wire::{Connection, Dial, Distrust, Roots, TlsClient, Trust, Verified};
use world::{Clock, World};

use super::forms::Form;
use super::{Door, HELLO, reached};

/// How long an answer may take. A gate under load, or one that lets strangers wait for its greeting, takes a while.
const PATIENCE: Duration = Duration::from_secs(60);
/// Octets of an answer that are read.
const ANSWER_OCTETS_MAX: u64 = 64 << 10;

/// What came of a form.
pub(super) enum Reply {
    /// The recipient was taken, with these words.
    Taken(String),
    /// For good.
    Refused,
    /// With a code that says: later, perhaps.
    NotNow,
    /// The connection was closed.
    Gone,
}

/// What octets go over, in the clear or under TLS.
trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

/// A connection.
pub(super) struct Client {
    stream: BufReader<Box<dyn Octets>>,
    clock: Arc<dyn Clock>,
    /// That it counts against nobody.
    _errand: Option<Errand>,
}

impl Client {
    /// Connects and hears the greeting, behind a handshake where TLS comes first. Whose certificate it is, is all the
    /// same: it is our own door.
    pub(super) async fn open(
        world: &World,
        door: &Door,
        from: Option<IpAddr>,
        gate: Option<&Gate>,
    ) -> Result<Self, String> {
        let (to, clock) = (reached(door.address), world.clock.clone());
        let connected = within(&*clock, world.net.connect(to, from)).await;
        let from = from.map_or_else(|| "here".to_owned(), |from| from.to_string());
        let stream = match connected {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return Err(format!("connecting from {from} failed: {error}")),
            None => return Err(format!("connecting from {from} took too long")),
        };
        let ours = gate.zip(stream.local_addr().ok());
        let errand = ours.map(|(gate, ours)| gate.errand(ours));
        let stream: Box<dyn Octets> = if door.implicit_tls {
            let tls = TlsClient::new(Roots::none(), None, clock.clone());
            let host = Host::Domain(Domain::parse(HELLO).map_err(|why| why.to_string())?);
            match within(&*clock, tls.secure(stream, &host, &Trust::Opportunistic)).await {
                Some(Ok(secured)) => Box::new(secured),
                Some(Err(why)) => return Err(format!("TLS from {from} failed: {why}")),
                None => return Err(format!("TLS from {from} took too long")),
            }
        } else {
            Box::new(stream)
        };
        let mut client = Self {
            stream: BufReader::new(stream),
            clock,
            _errand: errand,
        };
        match client.hear().await {
            Some(greeting) if greeting.starts_with('2') => Ok(client),
            Some(greeting) => Err(format!("it greets strangers with {:?}", greeting.trim_end())),
            None => Err("it does not greet".to_owned()),
        }
    }

    /// Tries one form and takes it back. DATA is never said: nothing can be left behind.
    pub(super) async fn tries(&mut self, form: &Form) -> Reply {
        let Some(said) = self.ask(&format!("MAIL FROM:{}", form.sender)).await else {
            return Reply::Gone;
        };
        if !said.starts_with('2') {
            return refused(&said);
        }
        let Some(said) = self.ask(&format!("RCPT TO:{}", form.recipient)).await else {
            return Reply::Gone;
        };
        let reply = if said.starts_with('2') {
            Reply::Taken(said.trim_end().to_owned())
        } else {
            refused(&said)
        };
        match self.ask("RSET").await {
            None if !matches!(reply, Reply::Taken(_)) => Reply::Gone,
            _ => reply,
        }
    }

    /// Says a line; `None` where nothing comes back.
    pub(super) async fn ask(&mut self, line: &str) -> Option<String> {
        let line = format!("{line}\r\n");
        let clock = self.clock.clone();
        let said = within(&*clock, self.stream.get_mut().write_all(line.as_bytes())).await;
        said?.ok()?;
        self.hear().await
    }

    pub(super) async fn quit(mut self) {
        // Whether it says goodbye is all the same.
        let _ = self.ask("QUIT").await;
    }

    /// The last line of an answer.
    async fn hear(&mut self) -> Option<String> {
        let clock = self.clock.clone();
        let answer = async {
            let mut limited = (&mut self.stream).take(ANSWER_OCTETS_MAX);
            loop {
                let mut line = Vec::new();
                let octets = limited.read_until(b'\n', &mut line).await.ok()?;
                if octets == 0 {
                    return None;
                }
                if line.get(3) != Some(&b'-') {
                    return Some(String::from_utf8_lossy(&line).into_owned());
                }
            }
        };
        within(&*clock, answer).await?
    }
}

fn refused(said: &str) -> Reply {
    if said.starts_with('4') {
        Reply::NotNow
    } else {
        Reply::Refused
    }
}

async fn within<T>(clock: &dyn Clock, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep_until(clock.monotonic() + PATIENCE) => None,
    }
}

/// Whether a listener greets, and secures what it says it can secure, as an ordinary client finds it.
pub(super) async fn greeted(world: &World, door: &Door, to: SocketAddr, from: Option<IpAddr>) -> Result<(), String> {
    let hello = Domain::parse(HELLO).map_err(|why| why.to_string())?;
    let mut client = ClientConfig::new(Host::Domain(hello.clone()));
    client.timeouts = ClientTimeouts {
        greeting: PATIENCE,
        hello: PATIENCE,
        starttls: PATIENCE,
        handshake: PATIENCE,
        ..ClientTimeouts::default()
    };
    let dial = Dial {
        to,
        from,
        host: Host::Domain(hello),
        transport: match door.implicit_tls {
            true => Transport::ImplicitTls,
            false => Transport::Clear,
        },
        client,
        tls: Some(TlsClient::new(Roots::none(), None, world.clock.clone())),
        trust: Trust::Opportunistic,
        connect_timeout: PATIENCE,
    };
    let connection = Connection::open(&*world.net, world.clock.clone(), &dial).await;
    let connection = connection.map_err(|why| why.to_string())?;
    let verified = connection.tls().map(|tls| tls.verified.clone());
    connection.quit().await;
    match verified {
        // Who issued it, and for which names, is between the clients and whoever chose it.
        Some(Verified::Unverified(Distrust::Expired)) => Err("its certificate has ended".to_owned()),
        Some(Verified::Unverified(Distrust::NotYetValid)) => Err("its certificate is not valid yet".to_owned()),
        _ => Ok(()),
    }
}
