//! What every page of ours is served with: few connections at once, one request each, an end to everybody's patience.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use wire::{Phase, Shutdown, TlsServer};
use world::{Clock, Listener, Stream};

/// Clients at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take for its request's header.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may last: one request each.
const CONNECTION_WITHIN: Duration = Duration::from_secs(30);
/// Octets of a request's header; the least that hyper takes.
const HEADER_OCTETS_MAX: usize = 8192;
/// How long to wait when no connection can be taken.
const BREATH: Duration = Duration::from_millis(100);

/// What answers requests.
pub trait Site: Clone + Send + Sync + 'static {
    /// Answers one.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        phase: Phase,
    ) -> impl Future<Output = Response<String>> + Send;
}

/// Serves until everything stops: while the gateway drains, its pages still say so. With TLS where a server is given.
pub fn serve(
    listener: Box<dyn Listener>,
    tls: Option<Arc<TlsServer>>,
    site: impl Site,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
) -> JoinHandle<()> {
    tokio::spawn(accept(listener, tls, site, clock, shutdown))
}

async fn accept(
    listener: Box<dyn Listener>,
    tls: Option<Arc<TlsServer>>,
    site: impl Site,
    clock: Arc<dyn Clock>,
    mut shutdown: Shutdown,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Draining) => break,
            Some(_) = connections.join_next() => continue,
            permit = room.clone().acquire_owned() => permit,
        };
        let accepted: io::Result<(Box<dyn Stream>, SocketAddr)> = tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Draining) => break,
            accepted = listener.accept() => accepted,
        };
        let (Ok(permit), Ok((stream, peer))) = (permit, accepted) else {
            pause(&*clock, BREATH).await;
            continue;
        };
        let (site, clock, shutdown, tls) = (site.clone(), clock.clone(), shutdown.clone(), tls.clone());
        connections.spawn(async move {
            let conversation = secured(stream, tls, peer, site, shutdown);
            tokio::select! {
                biased;
                () = conversation => {}
                () = pause(&*clock, CONNECTION_WITHIN) => {}
            }
            drop(permit);
        });
    }
}

async fn pause(clock: &dyn Clock, how_long: Duration) {
    clock.sleep_until(clock.monotonic() + how_long).await;
}

async fn secured(
    stream: Box<dyn Stream>,
    tls: Option<Arc<TlsServer>>,
    peer: SocketAddr,
    site: impl Site,
    shutdown: Shutdown,
) {
    match tls {
        None => converse(stream, peer, site, shutdown).await,
        // A browser that does not like the certificate breaks off; it says so to whoever sits in front of it.
        Some(tls) => {
            if let Ok(stream) = tls.secure(stream).await {
                converse(stream, peer, site, shutdown).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr, site: impl Site, shutdown: Shutdown) {
    let service = service_fn(|request: Request<Incoming>| {
        let (site, phase) = (site.clone(), shutdown.phase());
        async move { Ok::<_, Infallible>(site.answer(request, peer, phase).await) }
    });
    // A client that broke off or spoke nonsense asks again.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_buf_size(HEADER_OCTETS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
