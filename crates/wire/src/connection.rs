//! Drives the client's side of a dialogue over a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mail::Host;
use smtp::client::{Client, ClientConfig, ClientStep, Extensions, Failure, Outcome, Transaction};
use smtp::server::Transport;
use tokio::io::AsyncWriteExt;
use world::{BoxFuture, Clock, Net, Stream};

use crate::alarm::Alarm;
use crate::channel::{Channel, Exchange};
use crate::tls::{TlsClient, TlsFailure, TlsOutcome, Trust};

/// Octets that wait to be written before more of a body is asked for.
const OUTPUT_OCTETS: usize = 64 * 1024;
/// For how long we try to part politely from a peer that failed us.
const PARTING: Duration = Duration::from_secs(5);

/// Where a message's octets come from, piece by piece.
pub trait BodySource: Send {
    /// The next piece, with CRLF line ends; `None` behind the last.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>>;
}

/// A message's octets cannot be read. The transaction is broken off without its end, so the peer keeps nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// Why, for the log.
    pub why: Box<str>,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message cannot be read: {}", self.why)
    }
}

impl std::error::Error for BodyError {}

/// A body that is all there.
#[derive(Clone, Debug)]
pub struct WholeBody(Option<Bytes>);

impl WholeBody {
    /// This text, with CRLF line ends.
    #[must_use]
    pub fn new(octets: impl Into<Bytes>) -> Self {
        Self(Some(octets.into()))
    }
}

impl BodySource for WholeBody {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>> {
        Box::pin(std::future::ready(Ok(self.0.take())))
    }
}

/// How to reach a next hop.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Where it listens.
    pub to: SocketAddr,
    /// From which address of ours; the system chooses where there is none.
    pub from: Option<IpAddr>,
    /// What it is called: the name TLS asks for and verifies.
    pub host: Host,
    /// How the connection begins.
    pub transport: Transport,
    /// How the dialogue goes.
    pub client: ClientConfig,
    /// Our side of TLS; needed with implicit TLS and unless the dialogue never asks for it.
    pub tls: Option<TlsClient>,
    /// What is asked of the peer's certificate.
    pub trust: Trust,
    /// How long connecting may take; RFC 5321 leaves it open, 30 seconds serve.
    pub connect_timeout: Duration,
}

/// Why a connection is of no use, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionError {
    /// Nobody took the connection.
    Connect(io::ErrorKind),
    /// Nobody took the connection in time.
    ConnectTimeout,
    /// The TLS handshake failed. Never to be tried again in the clear on the same connection; on another one, only where
    /// no policy asks for TLS.
    Tls(TlsFailure),
    /// The dialogue failed. From [`Connection::deliver`] it means that the transaction was never begun.
    Smtp(Failure),
    /// The message could not be read.
    Body(BodyError),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) => write!(f, "connecting failed: {kind}"),
            Self::ConnectTimeout => f.write_str("nobody answered in time"),
            Self::Tls(failure) => write!(f, "TLS: {failure}"),
            Self::Smtp(failure) => write!(f, "{failure}"),
            Self::Body(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ConnectionError {}

/// A connection to a next hop, greeted, secured and logged in as demanded.
pub struct Connection {
    client: Client,
    channel: Channel,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    tls: Option<TlsOutcome>,
    alarm: Alarm,
    input: BytesMut,
    standing: Standing,
}

/// What can be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// A transaction may begin.
    Ready,
    /// The dialogue is under way to being ready.
    Busy,
    /// The peer closed its side.
    HalfClosed,
    /// Nothing.
    Over,
}

impl Connection {
    /// Connects and goes through greeting, TLS and login.
    pub async fn open(net: &dyn Net, clock: Arc<dyn Clock>, dial: &Dial) -> Result<Self, ConnectionError> {
        let mut alarm = Alarm::new(clock);
        let until = alarm.now() + dial.connect_timeout;
        let stream = tokio::select! {
            biased;
            connected = net.connect(dial.to, dial.from) => {
                connected.map_err(|error| ConnectionError::Connect(error.kind()))?
            }
            () = alarm.at(Some(until)) => return Err(ConnectionError::ConnectTimeout),
        };
        let local = stream.local_addr().ok();
        let (channel, tls) = match dial.transport {
            Transport::Clear => (Channel::Clear(stream), None),
            Transport::ImplicitTls => {
                let until = alarm.now() + dial.client.timeouts.handshake;
                let (channel, outcome) = handshake(stream, dial, &mut alarm, Some(until)).await?;
                (channel, Some(outcome))
            }
        };
        let client = Client::new(dial.client.clone(), dial.transport, alarm.now());
        let connection = Self {
            client,
            channel,
            peer: dial.to,
            local,
            tls,
            alarm,
            input: BytesMut::new(),
            standing: Standing::Busy,
        };
        connection.make_ready(dial).await
    }

    /// Sends one message. Where the transaction began the outcome says what became of each recipient, however the
    /// connection ended; see [`is_usable`](Self::is_usable) for whether another may follow. Whoever drops the future
    /// halfway must drop the connection as well; unless the end of the body was out already, the peer keeps nothing.
    pub async fn deliver(
        &mut self,
        transaction: Transaction,
        body: &mut dyn BodySource,
    ) -> Result<Outcome, ConnectionError> {
        self.settle().await?;
        self.client.begin(transaction, self.alarm.now());
        self.standing = Standing::Busy;
        loop {
            match self.advance().await {
                ClientStep::NeedBody => self.feed(body).await?,
                ClientStep::Done(outcome) => return Ok(outcome),
                ClientStep::Failed(failure) => return Err(self.part(failure).await),
                // Nothing else is said in a transaction; were it, the loop would go on to what ends it.
                ClientStep::Ready | ClientStep::Wait => {}
                ClientStep::StartTls | ClientStep::Close => return Err(self.part(Failure::Lost).await),
            }
        }
    }

    /// Says QUIT and closes, waiting no longer than for its answer.
    pub async fn quit(mut self) {
        if self.standing == Standing::Over {
            return;
        }
        self.client.quit(self.alarm.now());
        while !matches!(self.advance().await, ClientStep::Close | ClientStep::Failed(_)) {}
        self.close().await;
    }

    /// What the peer offers.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.client.extensions()
    }

    /// What TLS settled; `None` in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsOutcome> {
        self.tls.as_ref()
    }

    /// Where the peer listens.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Our end.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Whether another transaction may be tried. The peer may still have gone away meanwhile; then `deliver` fails
    /// before anything is begun.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self.standing {
            Standing::Ready => self.client.may_begin(),
            Standing::Busy => true,
            Standing::HalfClosed | Standing::Over => false,
        }
    }

    async fn make_ready(mut self, dial: &Dial) -> Result<Self, ConnectionError> {
        loop {
            match self.advance().await {
                ClientStep::Ready => {
                    self.standing = Standing::Ready;
                    return Ok(self);
                }
                ClientStep::StartTls => self = self.start_tls(dial).await?,
                ClientStep::Failed(failure) => return Err(self.part(failure).await),
                ClientStep::Close => return Err(ConnectionError::Smtp(Failure::Lost)),
                ClientStep::Wait | ClientStep::NeedBody | ClientStep::Done(_) => {}
            }
        }
    }

    async fn start_tls(mut self, dial: &Dial) -> Result<Self, ConnectionError> {
        // INVARIANT: nothing read in the clear is taken as said under TLS.
        let Channel::Clear(stream) = self.channel else {
            return Err(ConnectionError::Smtp(Failure::Protocol("starttls-under-tls")));
        };
        if !self.input.is_empty() {
            return Err(ConnectionError::Smtp(Failure::Protocol("starttls-injection")));
        }
        let until = self.client.deadline().map(|(at, _)| at);
        let until = until.unwrap_or(self.alarm.now() + dial.client.timeouts.handshake);
        let (channel, outcome) = handshake(stream, dial, &mut self.alarm, Some(until)).await?;
        self.channel = channel;
        self.tls = Some(outcome);
        self.client.tls_established(self.alarm.now());
        Ok(self)
    }

    /// Brings a connection that was used before to where a transaction may begin.
    async fn settle(&mut self) -> Result<(), ConnectionError> {
        if self.standing == Standing::Over {
            return Err(ConnectionError::Smtp(Failure::Lost));
        }
        if self.standing == Standing::Ready {
            self.glance().await;
        }
        // A peer that closed or spoke while nobody was waiting for it shows itself in the next step.
        while self.standing != Standing::Ready || !self.input.is_empty() {
            match self.advance().await {
                ClientStep::Ready if self.standing == Standing::HalfClosed => {
                    return Err(self.part(Failure::Lost).await);
                }
                ClientStep::Ready => self.standing = Standing::Ready,
                ClientStep::Failed(failure) => return Err(self.part(failure).await),
                ClientStep::Close => return Err(self.part(Failure::Lost).await),
                ClientStep::Wait | ClientStep::NeedBody | ClientStep::Done(_) | ClientStep::StartTls => {}
            }
        }
        if !self.client.may_begin() {
            return Err(self.part(Failure::Lost).await);
        }
        Ok(())
    }

    /// Reads what is there, without waiting.
    async fn glance(&mut self) {
        let mut nothing = BytesMut::new();
        tokio::select! {
            biased;
            exchange = self.channel.exchange(&mut nothing, &mut self.input, true) => self.note(exchange),
            () = std::future::ready(()) => {}
        }
    }

    async fn feed(&mut self, body: &mut dyn BodySource) -> Result<(), ConnectionError> {
        if self.client.output().len() >= OUTPUT_OCTETS {
            self.pump().await;
            return Ok(());
        }
        match body.next().await {
            Ok(Some(chunk)) => self.client.body(&chunk),
            Ok(None) => self.client.body_end(self.alarm.now()),
            Err(error) => {
                // Closing without the end of the body is the one way to take a message back (RFC 5321 §4.1.1.4).
                self.standing = Standing::Over;
                return Err(ConnectionError::Body(error));
            }
        }
        Ok(())
    }

    /// The next step that is not waiting.
    async fn advance(&mut self) -> ClientStep {
        loop {
            match self.client.poll(&mut self.input, self.alarm.now()) {
                ClientStep::Wait if self.is_stuck() => return ClientStep::Failed(Failure::Lost),
                ClientStep::Wait => self.pump().await,
                step => return step,
            }
        }
    }

    /// Nothing can come any more and no timer runs.
    fn is_stuck(&self) -> bool {
        matches!(self.standing, Standing::HalfClosed | Standing::Over) && self.client.deadline().is_none()
    }

    /// Writes, reads or waits, until one of them got somewhere.
    async fn pump(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        let deadline = self.client.deadline().map(|(at, _)| at);
        let hearing = !matches!(self.standing, Standing::HalfClosed | Standing::Over);
        tokio::select! {
            biased;
            exchange = self.channel.exchange(self.client.output(), &mut self.input, hearing) => self.note(exchange),
            () = self.alarm.at(deadline) => self.client.handle_timeout(self.alarm.now()),
        }
    }

    fn note(&mut self, exchange: io::Result<Exchange>) {
        match exchange {
            Ok(Exchange::Read | Exchange::Wrote) => {}
            Ok(Exchange::End) => {
                self.standing = Standing::HalfClosed;
                self.client.handle_eof();
            }
            Err(_) => {
                self.standing = Standing::Over;
                self.client.output().clear();
                self.client.handle_eof();
            }
        }
    }

    /// Ends a connection that failed.
    async fn part(&mut self, failure: Failure) -> ConnectionError {
        self.close().await;
        self.standing = Standing::Over;
        ConnectionError::Smtp(failure)
    }

    /// Writes what is left to say and closes our side, as far as the peer lets us.
    async fn close(&mut self) {
        if self.standing == Standing::Over {
            return;
        }
        let until = self.alarm.now() + PARTING;
        let (client, channel) = (&mut self.client, &mut self.channel);
        let closing = async {
            channel.drain(client.output()).await?;
            channel.shutdown().await
        };
        tokio::select! {
            biased;
            // Whether it went well no longer matters to anybody.
            _ = closing => {}
            () = self.alarm.at(Some(until)) => {}
        }
    }
}

async fn handshake(
    stream: Box<dyn Stream>,
    dial: &Dial,
    alarm: &mut Alarm,
    until: Option<Duration>,
) -> Result<(Channel, TlsOutcome), ConnectionError> {
    let Some(tls) = &dial.tls else {
        return Err(ConnectionError::Tls(TlsFailure::NotConfigured));
    };
    tokio::select! {
        biased;
        shaken = tls.connect(stream, &dial.host, &dial.trust) => shaken.map_err(ConnectionError::Tls),
        () = alarm.at(until) => Err(ConnectionError::Tls(TlsFailure::Timeout)),
    }
}
