//! A connection, in the clear or under TLS.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsStream;
use world::Stream;

/// Octets read at once while commands are spoken, and of most messages.
pub(crate) const COMMAND_OCTETS: usize = 8 * 1024;
/// Octets of a handshake kept, to name what went wrong. A ClientHello rarely has more than two thousand.
const HEARD_OCTETS_MAX: usize = 4 * 1024;

/// What the drivers read from and write to.
pub(crate) enum Channel {
    Clear(Box<dyn Stream>),
    // Behind a pointer: the state of a TLS connection has a thousand octets.
    Tls(Box<TlsStream<Overheard>>),
}

/// What an exchange came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Octets came.
    Read,
    /// Octets went.
    Wrote,
    /// The peer closed its side.
    End,
}

/// How much is about to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    /// Lines. Nothing is held while none come.
    Commands,
    /// A body that may be small.
    Body,
    /// A body, read in blocks of this many octets straight into the buffer.
    LargeBody(usize),
}

impl Channel {
    /// Reads once; 0 octets at the end. Safe to drop: what was read is in `input`.
    pub(crate) async fn fill(&mut self, input: &mut BytesMut, appetite: Appetite) -> io::Result<usize> {
        let read = match appetite {
            Appetite::Commands | Appetite::Body => self.sip(input).await,
            Appetite::LargeBody(octets) => {
                make_room(input, octets);
                self.read_buf(input).await
            }
        };
        match read {
            // TLS that ends without saying so. The dialogue has ends of its own, so nothing is mistaken for whole.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }

    async fn sip(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_sip(cx, input)).await
    }

    /// Reads over a buffer on the stack, so that a connection waiting for its next command holds none.
    fn poll_sip(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut octets = [const { MaybeUninit::uninit() }; COMMAND_OCTETS];
        let mut buffer = ReadBuf::uninit(&mut octets);
        ready!(Pin::new(self).poll_read(cx, &mut buffer))?;
        make_room(input, buffer.filled().len());
        input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes from `output` while listening, until one of the two got somewhere. A peer that says no in the middle of a
    /// long body is heard before all of it is written. Safe to drop.
    pub(crate) async fn exchange(
        &mut self,
        output: &mut BytesMut,
        input: &mut BytesMut,
        hearing: bool,
    ) -> io::Result<Exchange> {
        std::future::poll_fn(|cx| {
            if hearing {
                match self.poll_sip(cx, input) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Exchange::End)),
                    Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Exchange::Read)),
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Poll::Ready(Ok(Exchange::End));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            if output.is_empty() {
                ready!(Pin::new(&mut *self).poll_flush(cx))?;
                return Poll::Pending;
            }
            match ready!(Pin::new(&mut *self).poll_write(cx, output))? {
                0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                octets => {
                    output.advance(octets);
                    Poll::Ready(Ok(Exchange::Wrote))
                }
            }
        })
        .await
    }

    /// Writes all of `output` and leaves it empty. Dropped halfway, the rest is still in `output`.
    pub(crate) async fn drain(&mut self, output: &mut BytesMut) -> io::Result<()> {
        while !output.is_empty() {
            if self.write_buf(output).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.flush().await
    }
}

/// Room for so many octets. An empty buffer that is too small is exchanged: it would carry along what was taken from it.
fn make_room(input: &mut BytesMut, octets: usize) {
    if input.is_empty() && !input.try_reclaim(octets) {
        *input = BytesMut::with_capacity(octets);
    }
    input.reserve(octets);
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Channel::Clear($stream) => $call,
            Channel::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, octets))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// A stream whose first octets are kept until somebody says they are no longer of interest.
pub(crate) struct Overheard {
    inner: Box<dyn Stream>,
    heard: Option<Vec<u8>>,
}

impl Overheard {
    pub(crate) fn new(inner: Box<dyn Stream>) -> Self {
        Self {
            inner,
            heard: Some(Vec::new()),
        }
    }

    /// What was heard so far; nothing is kept from now on.
    pub(crate) fn forget(&mut self) -> Vec<u8> {
        self.heard.take().unwrap_or_default()
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl AsyncRead for Overheard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if let (Poll::Ready(Ok(())), Some(heard)) = (&polled, &mut self.heard) {
            let fresh = buffer.filled().get(before..).unwrap_or_default();
            let room = HEARD_OCTETS_MAX.saturating_sub(heard.len());
            heard.extend_from_slice(fresh.get(..fresh.len().min(room)).unwrap_or_default());
        }
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, octets)
    }

    // Passed on, for the TLS layer writes once and gives up where it has to say why it closes: what does not go with
    // the first part of that write never goes.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
