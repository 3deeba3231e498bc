//! Drives the server's side of a dialogue over a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use smtp::server::{Answer, BodyVia, CloseReason, Event, Pace, Question, Server, Step, Transport};
use tokio::io::AsyncWriteExt;
use world::{BoxFuture, Clock, Stream};

use crate::alarm::Alarm;
use crate::channel::{Appetite, COMMAND_OCTETS, Channel};
use crate::crowd::Crowd;
use crate::lookout::{Lookout, Shown};
use crate::shutdown::{Phase, Shutdown};
use crate::tls::{TlsFacts, TlsFailure, TlsServer};

/// Octets of a large body read at once at first; the block grows while reads fill it.
const BODY_BLOCK_OCTETS: usize = 16 * 1024;
/// Octets of a body read at once at most.
const BODY_BLOCK_OCTETS_MAX: usize = 128 * 1024;
/// Room for octets that a session keeps while it waits; what holds more is given back.
const KEPT_OCTETS_MAX: usize = 4 * 1024;
/// Octets thrown away behind our last word, so that closing does not reset the connection before it was read.
const LINGER_OCTETS_MAX: usize = 256 * 1024;

/// Whoever answers the questions of a session.
pub trait SessionHandler: Send {
    /// Answers. The session stands still meanwhile.
    fn ask(&mut self, question: Question) -> Asked<'_>;
    /// Takes octets of the message; where it has to wait with them, nothing more is read until it has.
    fn body(&mut self, chunk: Bytes) -> Option<BoxFuture<'_, ()>>;
    /// Whether this client may be asked to hurry while the house is crowded. Asked whenever it is waited for.
    fn may_be_hurried(&self) -> bool {
        true
    }
    /// Notes something.
    fn event(&mut self, event: Event);
    /// Notes what a TLS handshake proved: before the first question with implicit TLS, else behind STARTTLS.
    fn tls(&mut self, tls: TlsFacts);
    /// The session is over; the last call.
    fn closed(&mut self, ended: &Ended);
}

/// What comes of a question.
pub enum Asked<'a> {
    /// The answer, which needed nobody else; most are like that.
    Now(Answer),
    /// The answer, when it has been waited for.
    Later(BoxFuture<'a, Answer>),
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The dialogue came to an end, or the connection broke ([`CloseReason::PeerClosed`]).
    Dialogue(CloseReason),
    /// The TLS handshake failed.
    Tls(TlsFailure),
    /// The client did not take our replies in time.
    NotReading,
    /// Sessions were told to end at once.
    Stopped,
}

/// What a driver needs to know of the listener and its house; shared by all sessions.
#[derive(Clone)]
pub struct ServeConfig {
    /// How connections begin. The same was told to the [`Server`].
    pub transport: Transport,
    /// Our certificates; needed for implicit TLS and where STARTTLS is offered.
    pub tls: Option<Arc<TlsServer>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// When to end.
    pub shutdown: Shutdown,
    /// How crowded the house is.
    pub crowd: Crowd,
    /// How long we wait where the dialogue has no timer of its own.
    pub patience: Patience,
}

/// How long a driver waits for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For it to take the replies that wait for it.
    pub write: Duration,
    /// For it to finish a TLS handshake.
    pub handshake: Duration,
    /// For it to take our last word.
    pub farewell: Duration,
    /// For it to close behind our last word, while what it still sends is thrown away.
    pub linger: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            write: Duration::from_secs(300),
            handshake: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
            linger: Duration::from_secs(2),
        }
    }
}

/// Drives one session to its end. For listeners with implicit TLS the handshake is part of it.
///
/// The handler is told of the end last, whichever it was; a draft it still holds then is for nobody. While a question is
/// being answered nothing else is watched, neither the client nor the end of the house.
pub fn drive_server<'a, H: SessionHandler + ?Sized>(
    stream: Box<dyn Stream>,
    server: Server,
    handler: &'a mut H,
    config: &'a ServeConfig,
) -> impl Future<Output = Ended> + Send + 'a {
    // Made outside of the future, which would else keep a second place for each argument: ten thousand idle sessions
    // are to fit into little memory.
    let mut session = Session {
        server,
        handler,
        config,
        shutdown: config.shutdown.clone(),
        phase: Phase::Running,
        crowd: config.crowd.clone(),
        pace: Pace::Usual,
        lookout: Lookout::default(),
        alarm: Alarm::new(config.clock.clone()),
        now: config.clock.monotonic(),
        input: BytesMut::new(),
        appetite: Appetite::Commands,
        hearing: Hearing::Open,
    };
    async move {
        let ended = match session.run(stream).await {
            Ok(reason) => Ended::Dialogue(reason),
            Err(ended) => ended,
        };
        session.handler.closed(&ended);
        ended
    }
}

struct Session<'a, H: ?Sized> {
    server: Server,
    handler: &'a mut H,
    config: &'a ServeConfig,
    shutdown: Shutdown,
    /// How far the end had come when we last told the dialogue.
    phase: Phase,
    crowd: Crowd,
    /// The pace the dialogue was told.
    pace: Pace,
    lookout: Lookout,
    alarm: Alarm,
    /// What the clock showed when we last had waited for anybody; what we do ourselves takes no time.
    now: Duration,
    /// What came and was not taken yet; holds little memory between commands.
    input: BytesMut,
    appetite: Appetite,
    hearing: Hearing,
}

/// Whether the dialogue may have something to say to what it was told.
#[derive(PartialEq, Eq)]
enum News {
    Told,
    Old,
}

/// Whether the client can still be heard and can hear us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Open,
    /// It closed its side; it may still read.
    HalfClosed,
    /// The connection is broken.
    Lost,
}

impl<H: SessionHandler + ?Sized> Session<'_, H> {
    async fn run(&mut self, stream: Box<dyn Stream>) -> Result<CloseReason, Ended> {
        let mut channel = match self.config.transport {
            Transport::Clear => Channel::Clear(stream),
            // Boxed, here and below: what happens once in a session takes no room in it for the rest of its life.
            Transport::ImplicitTls => Box::pin(self.handshake(stream)).await?,
        };
        loop {
            match self.server.poll(&mut self.input, self.now) {
                Step::Wait if self.server.output().is_empty() => self.wait(&mut channel).await?,
                Step::Wait => self.flush(&mut channel, self.config.patience.write).await?,
                Step::Ask(question) => self.ask(question).await,
                Step::Body(chunk) => self.body(chunk).await,
                Step::Event(event) => self.note(event),
                Step::StartTls => channel = Box::pin(self.start_tls(channel)).await?,
                Step::Close(reason) => {
                    Box::pin(self.farewell(channel, reason)).await;
                    return Ok(reason);
                }
            }
        }
    }

    /// Looks at the clock, after waiting for somebody.
    fn look(&mut self) {
        self.now = self.alarm.now();
    }

    async fn ask(&mut self, question: Question) {
        let bulk = matches!(
            question,
            Question::BodyBegin {
                via: BodyVia::Data | BodyVia::Bdat
            }
        );
        let (answer, waited) = match self.handler.ask(question) {
            Asked::Now(answer) => (answer, false),
            Asked::Later(answer) => (answer.await, true),
        };
        if waited {
            self.look();
        }
        self.appetite = match answer {
            Answer::Proceed if bulk => Appetite::Body,
            _ => Appetite::Commands,
        };
        self.server.answer(answer, self.now);
    }

    async fn body(&mut self, chunk: Bytes) {
        let Some(taken) = self.handler.body(chunk) else { return };
        taken.await;
        self.look();
    }

    fn note(&mut self, event: Event) {
        if event == Event::TransactionReset {
            self.appetite = Appetite::Commands;
        }
        self.handler.event(event);
    }

    /// Waits for octets, for time, for a crowd, or for the end of the house.
    async fn wait(&mut self, channel: &mut Channel) -> Result<(), Ended> {
        let shown = (self.shutdown.phase(), self.crowd.pace());
        // Below, octets go before anything else; a client that never pauses would never hear of the end.
        if self.heed(shown)? == News::Told {
            return Ok(());
        }
        let deadline = self.server.deadline().map(|(at, _)| at);
        // Nor would any time ever run out.
        if deadline.is_some_and(|at| at <= self.now) {
            self.server.handle_timeout(self.now);
            return Ok(());
        }
        if self.hearing != Hearing::Open && deadline.is_none() {
            // Nothing can wake this session any more.
            return Err(Ended::Dialogue(CloseReason::PeerClosed));
        }
        if self.input.is_empty() && self.appetite == Appetite::Commands && self.input.capacity() > KEPT_OCTETS_MAX {
            self.input = BytesMut::new();
        }
        // While a refusal is held back the dialogue takes nothing; what came would only fill our memory.
        let hears = self.hearing == Hearing::Open && self.server.wants_octets();
        tokio::select! {
            biased;
            read = channel.fill(&mut self.input, self.appetite), if hears => {
                self.look();
                match read {
                    Ok(0) => self.lose(Hearing::HalfClosed),
                    Ok(octets) => self.grow(octets),
                    Err(_) => self.lose(Hearing::Lost),
                }
            }
            () = self.lookout.other_than(shown, &self.shutdown, &self.crowd) => self.look(),
            () = self.alarm.at(deadline) => {
                self.look();
                self.server.handle_timeout(self.now);
            }
        }
        Ok(())
    }

    /// Tells the dialogue what the house shows, where that is news to it.
    fn heed(&mut self, (phase, pace): Shown) -> Result<News, Ended> {
        let pace = if self.handler.may_be_hurried() {
            pace
        } else {
            Pace::Usual
        };
        if pace != self.pace {
            self.pace = pace;
            self.server.set_pace(pace);
        }
        if phase <= self.phase {
            return Ok(News::Old);
        }
        self.phase = phase;
        if phase == Phase::Stopped {
            return Err(Ended::Stopped);
        }
        self.server.shut_down(self.now);
        Ok(News::Told)
    }

    /// A read that filled its block asks for larger ones.
    fn grow(&mut self, octets: usize) {
        self.appetite = match self.appetite {
            Appetite::Body if octets >= COMMAND_OCTETS => Appetite::LargeBody(BODY_BLOCK_OCTETS),
            Appetite::LargeBody(block) if octets >= block => {
                Appetite::LargeBody((block * 2).min(BODY_BLOCK_OCTETS_MAX))
            }
            same => same,
        };
    }

    fn lose(&mut self, hearing: Hearing) {
        self.hearing = hearing;
        self.server.handle_eof();
    }

    /// Writes what waits, for a client that may be slow but not endlessly so.
    async fn flush(&mut self, channel: &mut Channel, patience: Duration) -> Result<(), Ended> {
        if self.hearing == Hearing::Lost {
            self.server.output().clear();
            return Ok(());
        }
        // Almost always the connection takes it at once.
        let written = match channel.drain(self.server.output()).now_or_never() {
            Some(written) => written,
            None => self.flush_slowly(channel, patience).await?,
        };
        if written.is_err() {
            self.server.output().clear();
            self.lose(Hearing::Lost);
        }
        Ok(())
    }

    async fn flush_slowly(&mut self, channel: &mut Channel, patience: Duration) -> Result<io::Result<()>, Ended> {
        let until = self.now + patience;
        let written = tokio::select! {
            biased;
            written = channel.drain(self.server.output()) => written,
            () = self.alarm.at(Some(until)) => return Err(Ended::NotReading),
            _ = self.shutdown.beyond(Phase::Draining) => return Err(Ended::Stopped),
        };
        self.look();
        Ok(written)
    }

    async fn start_tls(&mut self, mut channel: Channel) -> Result<Channel, Ended> {
        self.flush(&mut channel, self.config.patience.write).await?;
        // INVARIANT: nothing said in the clear is ever read as said under TLS. The dialogue refuses what is pipelined
        // behind STARTTLS; should any be left all the same, it would be taken for part of the handshake.
        let Channel::Clear(stream) = channel else {
            return Err(Ended::Dialogue(CloseReason::Internal));
        };
        if !self.input.is_empty() {
            return Err(Ended::Dialogue(CloseReason::Internal));
        }
        let channel = self.handshake(stream).await?;
        self.look();
        self.server.tls_established(self.now);
        Ok(channel)
    }

    async fn handshake(&mut self, stream: Box<dyn Stream>) -> Result<Channel, Ended> {
        let Some(tls) = &self.config.tls else {
            return Err(Ended::Tls(TlsFailure::NotConfigured));
        };
        let ours = self.alarm.now() + self.config.patience.handshake;
        let until = self.server.deadline().map_or(ours, |(theirs, _)| theirs.min(ours));
        let shaken = tokio::select! {
            biased;
            shaken = tls.accept(stream) => shaken,
            () = self.alarm.at(Some(until)) => Err(TlsFailure::Timeout),
            _ = self.shutdown.beyond(Phase::Draining) => return Err(Ended::Stopped),
        };
        let (channel, facts) = shaken.map_err(Ended::Tls)?;
        self.handler.tls(facts);
        Ok(channel)
    }

    /// Says the last word and closes so that it is heard.
    async fn farewell(&mut self, mut channel: Channel, reason: CloseReason) {
        let flushed = self.flush(&mut channel, self.config.patience.farewell).await;
        if flushed.is_err() || self.hearing == Hearing::Lost {
            return;
        }
        // A client that said QUIT in the clear has heard everything, and has nothing more to say: closing is enough.
        if matches!((reason, &channel), (CloseReason::Quit, Channel::Clear(_))) {
            return;
        }
        let until = self.alarm.now() + self.config.patience.linger;
        let lingering = async {
            channel.shutdown().await?;
            // A client that said QUIT has nothing more to say; anybody else may be in the middle of a sentence.
            let mut left = if matches!(reason, CloseReason::Quit) {
                0
            } else {
                LINGER_OCTETS_MAX
            };
            while left > 0 && self.hearing == Hearing::Open {
                self.input.clear();
                match channel.fill(&mut self.input, Appetite::Commands).await? {
                    0 => break,
                    octets => left = left.saturating_sub(octets),
                }
            }
            io::Result::Ok(())
        };
        tokio::select! {
            biased;
            // Whether it went well no longer matters to anybody.
            _ = lingering => {}
            () = self.alarm.at(Some(until)) => {}
            _ = self.shutdown.beyond(Phase::Draining) => {}
        }
    }
}
