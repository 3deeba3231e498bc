//! Takes a connection over from a declared proxy.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use world::{Clock, Stream};

use super::{ProxyError, ProxyHeader, parse_proxy_header};
use crate::alarm::Alarm;

/// A connection as the proxy describes it.
pub struct Proxied {
    /// What the client sends, and the addresses it has. For [`ProxyHeader::Local`] those of the proxy itself.
    pub stream: Box<dyn Stream>,
    /// What the proxy said.
    pub header: ProxyHeader,
}

/// Reads the header of a connection from a *declared* proxy; from anybody else a header would be a lie.
pub async fn accept_proxied(
    mut stream: Box<dyn Stream>,
    clock: Arc<dyn Clock>,
    patience: Duration,
) -> Result<Proxied, ProxyError> {
    let mut alarm = Alarm::new(clock);
    let until = alarm.now() + patience;
    let mut octets = BytesMut::new();
    let header = loop {
        if let Some((header, used)) = parse_proxy_header(&octets)? {
            octets.advance(used);
            break header;
        }
        let read = tokio::select! {
            biased;
            read = stream.read_buf(&mut octets) => read,
            () = alarm.at(Some(until)) => return Err(ProxyError::Timeout),
        };
        if !matches!(read, Ok(1..)) {
            return Err(ProxyError::Closed);
        }
    };
    Ok(Proxied {
        stream: Box::new(Behind {
            stream,
            early: octets,
            header,
        }),
        header,
    })
}

/// A stream seen through its proxy.
struct Behind {
    stream: Box<dyn Stream>,
    /// What came together with the header.
    early: BytesMut,
    header: ProxyHeader,
}

impl AsyncRead for Behind {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let octets = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(octets));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Behind {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Stream for Behind {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.header {
            ProxyHeader::Proxied { destination, .. } => Ok(destination),
            ProxyHeader::Local => self.stream.local_addr(),
        }
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.header {
            ProxyHeader::Proxied { source, .. } => Ok(source),
            ProxyHeader::Local => self.stream.peer_addr(),
        }
    }
}
