//! One simulated connection: two pipes, and what the weather does to them.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::Stream;

/// What becomes of a connection once its octets are spent, both directions counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doom {
    Reset,
    Stall,
}

/// The nature of a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nature {
    pub(super) latency: Duration,
    /// Octets under way in one direction at most.
    pub(super) window: usize,
    pub(super) doom: Option<(usize, Doom)>,
}

/// Both directions of a connection. A side writes into its own pipe and reads from the other's.
pub(super) struct Link {
    near: Pipe,
    far: Pipe,
    nature: Nature,
}

#[derive(Default)]
struct Pipe {
    /// Octets under way, with the instant at which they arrive.
    chunks: VecDeque<(Instant, VecDeque<u8>)>,
    octets: usize,
    end: End,
    reader_gone: bool,
    stalled: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The writer has said its last.
    Finished,
    Reset,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Near,
    Far,
}

impl Link {
    /// The two ends of a new connection, the one that connected first.
    pub(super) fn pair(nature: Nature, from: SocketAddr, to: SocketAddr) -> (SimStream, SimStream) {
        let link = Arc::new(Mutex::new(Self {
            near: Pipe::default(),
            far: Pipe::default(),
            nature,
        }));
        let near = SimStream {
            link: link.clone(),
            side: Side::Near,
            local: from,
            peer: to,
            arrival: None,
        };
        let far = SimStream {
            link,
            side: Side::Far,
            local: to,
            peer: from,
            arrival: None,
        };
        (near, far)
    }

    fn outgoing(&mut self, side: Side) -> &mut Pipe {
        match side {
            Side::Near => &mut self.near,
            Side::Far => &mut self.far,
        }
    }

    fn incoming(&mut self, side: Side) -> &mut Pipe {
        match side {
            Side::Near => &mut self.far,
            Side::Far => &mut self.near,
        }
    }

    fn reset(&mut self) {
        for pipe in [&mut self.near, &mut self.far] {
            pipe.end = End::Reset;
            pipe.wake();
        }
    }

    /// Counts octets against the link's doom; true once it has struck.
    fn spend(&mut self, octets: usize) -> bool {
        let Some((left, doom)) = &mut self.nature.doom else {
            return false;
        };
        *left = left.saturating_sub(octets);
        if *left > 0 {
            return false;
        }
        match doom {
            Doom::Reset => self.reset(),
            Doom::Stall => {
                self.near.stalled = true;
                self.far.stalled = true;
            }
        }
        true
    }
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    /// Takes what has arrived into `buffer`; where nothing has, says when something will.
    fn take(&mut self, buffer: &mut ReadBuf<'_>, now: Instant) -> Result<usize, Option<Instant>> {
        let mut taken = 0;
        while let Some((at, chunk)) = self.chunks.front_mut() {
            if *at > now || buffer.remaining() == 0 {
                break;
            }
            let (front, _) = chunk.as_slices();
            let part = front.get(..front.len().min(buffer.remaining())).unwrap_or_default();
            let count = part.len();
            buffer.put_slice(part);
            chunk.drain(..count);
            taken += count;
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
        if taken == 0 {
            return Err(self.chunks.front().map(|(at, _)| *at));
        }
        self.octets -= taken;
        Ok(taken)
    }
}

/// One end of a simulated connection.
pub(super) struct SimStream {
    link: Arc<Mutex<Link>>,
    side: Side,
    local: SocketAddr,
    peer: SocketAddr,
    arrival: Option<Pin<Box<Sleep>>>,
}

impl SimStream {
    fn link(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
        link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for SimStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let this = &mut *self;
            let mut link = Self::link(&this.link);
            let pipe = link.incoming(this.side);
            let next = match pipe.take(buffer, Instant::now()) {
                Ok(_) => {
                    if let Some(writer) = pipe.writer.take() {
                        writer.wake();
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(next) => next,
            };
            match (next, pipe.end) {
                (None, End::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                (None, End::Finished) => return Poll::Ready(Ok(())),
                (None, End::Open) => {
                    pipe.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                (Some(at), _) => {
                    drop(link);
                    let arrival = this
                        .arrival
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
                    arrival.as_mut().reset(at);
                    if arrival.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut link = Self::link(&self.link);
        let Nature { latency, window, .. } = link.nature;
        let pipe = link.outgoing(self.side);
        if pipe.end == End::Reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.reader_gone || pipe.end == End::Finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = window.saturating_sub(pipe.octets);
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let part = octets.get(..octets.len().min(room)).unwrap_or_default();
        pipe.octets += part.len();
        // What enters a stalled pipe fills the window and never arrives.
        if !pipe.stalled {
            pipe.chunks
                .push_back((Instant::now() + latency, VecDeque::from(part.to_vec())));
            if let Some(reader) = pipe.reader.take() {
                reader.wake();
            }
        }
        link.spend(part.len());
        Poll::Ready(Ok(part.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // One write to the network, as a socket would make of it; more than the window holds would be for nothing.
        let window = Self::link(&self.link).nature.window;
        let mut whole = Vec::new();
        for part in parts {
            let room = window.saturating_sub(whole.len());
            whole.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
        }
        self.poll_write(cx, &whole)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut link = Self::link(&self.link);
        let pipe = link.outgoing(self.side);
        if pipe.end == End::Open && !pipe.stalled {
            pipe.end = End::Finished;
            pipe.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for SimStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut link = Self::link(&self.link);
        let unread = link.incoming(self.side).octets > 0;
        let outgoing = link.outgoing(self.side);
        if !outgoing.stalled {
            // As TCP does it: who closes with octets unread resets the connection.
            outgoing.end = match outgoing.end {
                End::Open | End::Finished if unread => End::Reset,
                End::Open => End::Finished,
                end => end,
            };
        }
        outgoing.wake();
        let incoming = link.incoming(self.side);
        incoming.reader_gone = true;
        incoming.wake();
    }
}
