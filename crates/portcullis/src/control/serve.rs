//! The gateway's end of the control socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use wire::{Phase, Shutdown};

use super::socket::Socket;
use super::{Desk, Request, handing};
use crate::succession::Handing;

/// How long a successor may take from our sockets to its service: it reads the queue meanwhile.
const SUCCESSOR_PATIENCE: Duration = Duration::from_secs(600);
/// How long answers that are under way may take when everything stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Operators at once.
const CONNECTIONS_MAX: usize = 16;
/// Octets of a request; several thousand ids fit.
const REQUEST_OCTETS_MAX: u64 = 256 << 10;
/// How long a connection may be idle, or not take what it asked for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Answers at `path` until everything stops; while the gateway drains an operator may still look.
///
/// # Errors
/// The socket cannot be bound, or another gateway answers there.
pub fn serve(path: &Path, desk: Desk, shutdown: Shutdown) -> io::Result<JoinHandle<()>> {
    Ok(serve_at(Socket::bind(path)?, desk, shutdown))
}

/// Answers at a socket that is bound.
#[must_use]
pub fn serve_at(socket: Socket, desk: Desk, shutdown: Shutdown) -> JoinHandle<()> {
    tokio::spawn(accept(socket, desk, shutdown))
}

async fn accept(socket: Socket, desk: Desk, mut shutdown: Shutdown) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Nobody is accepted before there is room; who waits, waits in the backlog.
        let permit = tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Draining) => break,
            Some(_) = connections.join_next() => continue,
            permit = room.clone().acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Draining) => break,
            accepted = socket.listener.accept() => accepted,
        };
        let (Ok(permit), Ok((stream, _))) = (permit, accepted) else {
            // Out of file descriptors, mostly: somebody else has to let go of some first.
            let clock = &desk.recorder.clock;
            clock.sleep_until(clock.monotonic() + Duration::from_millis(100)).await;
            continue;
        };
        let desk = desk.clone();
        connections.spawn(async move {
            // An operator that has gone away is no failure of ours.
            let _ = converse(stream, &desk).await;
            drop(permit);
        });
    }
    // Whoever was promised an answer hears it.
    let clock = desk.recorder.clock.clone();
    let patience = clock.sleep_until(clock.monotonic() + LAST_WORDS);
    let answered = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = answered => {}
        () = patience => {}
    }
}

async fn converse(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let mut handing = None;
    let ended = answer_lines(stream, desk, &mut handing).await;
    if let Some(handing) = handing {
        handing::abandoned(&handing, desk);
    }
    ended
}

async fn answer_lines(stream: UnixStream, desk: &Desk, handing: &mut Option<Handing>) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut stream).take(REQUEST_OCTETS_MAX);
        let patience = if handing.is_some() {
            SUCCESSOR_PATIENCE
        } else {
            PATIENCE
        };
        within(desk, patience, bounded.read_until(b'\n', &mut line)).await?;
        if line.is_empty() {
            return Ok(());
        }
        let request = serde_json::from_slice::<Request>(&line);
        if let Ok(Request { asked, .. }) = &request
            && handing::is_of_successor(asked)
        {
            let answer = handing::answer(asked.clone(), handing, desk, stream.get_mut()).await;
            Out::new(stream.get_mut(), desk).end(answer).await?;
            continue;
        }
        let mut out = Out::new(stream.get_mut(), desk);
        if !line.ends_with(b"\n") {
            let why = "the request has no line end, or is longer than 256 KiB; name fewer messages at once";
            return out.last(&json!({ "refused": why })).await;
        }
        let answer = match request {
            Ok(request) => desk.answer(uid, request, &mut out).await,
            Err(error) => Err(format!("this is no request: {error}; is the command of another version?").into()),
        };
        out.end(answer).await?;
    }
}

/// Answers one request without a socket, in the same lines, for a gateway in a simulated world.
pub(crate) async fn answer_in_memory(desk: &Desk, uid: u32, request: Request) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    let mut out = Out::new(&mut lines, desk);
    let answer = desk.answer(uid, request, &mut out).await;
    out.end(answer).await?;
    Ok(lines)
}

/// Gives what reads or writes its time, and no more.
pub(super) async fn within<T>(
    desk: &Desk,
    patience: Duration,
    io: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let clock = &desk.recorder.clock;
    tokio::select! {
        biased;
        done = io => done,
        () = clock.sleep_until(clock.monotonic() + patience) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It is not to be; the operator reads this.
    Refused(String),
    /// The operator has gone.
    Gone(io::Error),
}

impl From<String> for Unanswered {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

/// Octets gathered before they are written.
const BATCH_OCTETS: usize = 64 * 1024;

/// Where answers go.
pub(super) struct Out<'a> {
    stream: &'a mut (dyn AsyncWrite + Send + Unpin),
    desk: &'a Desk,
    waiting: Vec<u8>,
}

impl<'a> Out<'a> {
    fn new(stream: &'a mut (dyn AsyncWrite + Send + Unpin), desk: &'a Desk) -> Self {
        Self {
            stream,
            desk,
            waiting: Vec::new(),
        }
    }

    /// One item.
    pub(super) async fn item(&mut self, item: impl serde::Serialize) -> io::Result<()> {
        self.line(&json!({ "item": serde_json::to_value(item)? })).await
    }

    /// The last line: what came of it.
    async fn end(&mut self, answer: Result<Value, Unanswered>) -> io::Result<()> {
        match answer {
            Ok(done) => self.last(&json!({ "done": done })).await,
            Err(Unanswered::Refused(why)) => self.last(&json!({ "refused": why })).await,
            Err(Unanswered::Gone(error)) => Err(error),
        }
    }

    async fn last(&mut self, line: &Value) -> io::Result<()> {
        self.line(line).await?;
        self.flush().await
    }

    async fn line(&mut self, line: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.waiting, line)?;
        self.waiting.push(b'\n');
        if self.waiting.len() >= BATCH_OCTETS {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let octets = std::mem::take(&mut self.waiting);
        within(self.desk, PATIENCE, self.stream.write_all(&octets)).await
    }
}
