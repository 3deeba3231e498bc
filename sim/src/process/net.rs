//! The network as a life sees it, and how its connections break.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use world::{BoxFuture, Listener, Net, Stream};

use super::{Process, lock};

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// Both ends hear that it is reset.
    Reset,
    /// Nobody hears anything any more.
    Silence,
    /// What the gateway says still arrives; it hears nothing.
    Deaf,
    /// The gateway hears; what it says does not arrive.
    Mute,
}

impl Breakage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reset, Self::Silence, Self::Deaf, Self::Mute];

    /// Its name among the faults.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "line-reset",
            Self::Silence => "line-silent",
            Self::Deaf => "line-deaf",
            Self::Mute => "line-mute",
        }
    }

    const fn state(self) -> u8 {
        match self {
            Self::Reset => RESET,
            Self::Silence => SILENT,
            Self::Deaf => DEAF,
            Self::Mute => MUTE,
        }
    }
}

const WHOLE: u8 = 0;
const RESET: u8 = 1;
const SILENT: u8 = 2;
const DEAF: u8 = 3;
const MUTE: u8 = 4;

/// A connection of a life, as the weather sees it.
pub(super) struct Line {
    inner: Mutex<Option<Box<dyn Stream>>>,
    local: SocketAddr,
    peer: SocketAddr,
    /// Whether the gateway opened it.
    ours: bool,
    state: AtomicU8,
    wakers: Mutex<[Option<Waker>; 2]>,
}

impl Line {
    /// The port that tells it apart: that of whoever opened it.
    pub(super) fn port(&self) -> u16 {
        if self.ours { self.local.port() } else { self.peer.port() }
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.inner).is_some() && self.state.load(Ordering::SeqCst) == WHOLE
    }

    pub(super) fn strike(&self, how: Breakage) {
        self.state.store(how.state(), Ordering::SeqCst);
        if how == Breakage::Reset {
            self.hang_up();
        }
        self.wake();
    }

    /// Nobody behind it lives any more; the other end does not know yet.
    pub(super) fn freeze(&self) {
        self.state.store(SILENT, Ordering::SeqCst);
        self.wake();
    }

    /// Lets go of the connection: the other end hears of it.
    pub(super) fn hang_up(&self) {
        let gone = lock(&self.inner).take();
        drop(gone);
        self.wake();
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn wait(&self, place: usize, cx: &Context<'_>) {
        if let Some(slot) = lock(&self.wakers).get_mut(place) {
            *slot = Some(cx.waker().clone());
        }
    }
}

/// A network that is out of reach when the life is over.
pub(super) struct FencedNet(pub(super) Process);

impl Process {
    fn fence(&self, stream: Box<dyn Stream>, ours: bool) -> io::Result<Box<dyn Stream>> {
        let line = Arc::new(Line {
            local: stream.local_addr()?,
            peer: stream.peer_addr()?,
            inner: Mutex::new(Some(stream)),
            ours,
            state: AtomicU8::new(WHOLE),
            wakers: Mutex::default(),
        });
        let mut lines = self.lines();
        lines.retain(|line| lock(&line.inner).is_some());
        lines.push(line.clone());
        Ok(Box::new(FencedStream(line)))
    }
}

impl Net for FencedNet {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let inner = self.0.inner.ground.net.listen(at).await?;
            Ok(Box::new(FencedListener {
                process: self.0.clone(),
                at: inner.local_addr()?,
                inner: Mutex::new(Some(inner.into())),
            }) as Box<dyn Listener>)
        })
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let connecting = self.0.inner.ground.net.connect(to, from);
            tokio::select! {
                biased;
                () = self.0.death() => std::future::pending().await,
                stream = connecting => self.0.fence(stream?, true),
            }
        })
    }
}

struct FencedListener {
    process: Process,
    at: SocketAddr,
    inner: Mutex<Option<Arc<dyn Listener>>>,
}

impl Listener for FencedListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async move {
            let inner = lock(&self.inner).clone();
            if let Some(inner) = inner {
                tokio::select! {
                    biased;
                    () = self.process.death() => {}
                    accepted = inner.accept() => {
                        let (stream, peer) = accepted?;
                        return Ok((self.process.fence(stream, false)?, peer));
                    }
                }
            }
            // Nobody listens here any more; the place is free for the next life.
            lock(&self.inner).take();
            std::future::pending().await
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

struct FencedStream(Arc<Line>);

const READING: usize = 0;
const WRITING: usize = 1;

impl AsyncRead for FencedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = &self.0;
        match line.state.load(Ordering::SeqCst) {
            RESET => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            SILENT | DEAF => {
                line.wait(READING, cx);
                return Poll::Pending;
            }
            _ => {}
        }
        line.wait(READING, cx);
        match lock(&line.inner).as_mut() {
            Some(inner) => Pin::new(inner).poll_read(cx, buffer),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncWrite for FencedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let line = &self.0;
        match line.state.load(Ordering::SeqCst) {
            RESET => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            // The system takes what is said, and keeps trying to send it.
            SILENT | MUTE => return Poll::Ready(Ok(octets.len())),
            _ => {}
        }
        line.wait(WRITING, cx);
        match lock(&line.inner).as_mut() {
            Some(inner) => Pin::new(inner).poll_write(cx, octets),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.0.state.load(Ordering::SeqCst), SILENT | MUTE) {
            return Poll::Ready(Ok(()));
        }
        match lock(&self.0.inner).as_mut() {
            Some(inner) => Pin::new(inner).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Stream for FencedStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.peer)
    }
}

impl Drop for FencedStream {
    fn drop(&mut self) {
        // Who is silenced cannot even say goodbye: the other end learns it when this life, or the weather, is over.
        if !matches!(self.0.state.load(Ordering::SeqCst), SILENT | MUTE) {
            self.0.hang_up();
        }
    }
}
