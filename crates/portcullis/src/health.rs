//! Health and metrics over plain HTTP, for monitors on loopback or a management network.
//!
//! `GET /health` answers 200 while the gateway does its work and 503 with the reasons while it does not; `GET /metrics`
//! answers in the OpenMetrics format. There is nothing else, and nobody can change anything here.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use wire::{Phase, Shutdown};
use world::{Clock, Listener, Stream};

use crate::control::Desk;

/// Monitors at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take for its request's header.
const HEADER_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection may last: one request each.
const CONNECTION_WITHIN: Duration = Duration::from_secs(30);
/// Octets of a request's header; the least that hyper takes.
const HEADER_OCTETS_MAX: usize = 8192;
/// How long to wait when no connection can be taken.
const BREATH: Duration = Duration::from_millis(100);

/// The content type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until everything stops: while the gateway drains, monitors shall see that it does.
pub fn serve(listener: Box<dyn Listener>, desk: Desk, shutdown: Shutdown) -> JoinHandle<()> {
    tokio::spawn(accept(listener, desk, shutdown))
}

async fn accept(listener: Box<dyn Listener>, desk: Desk, mut shutdown: Shutdown) {
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
        let (Ok(permit), Ok((stream, _))) = (permit, accepted) else {
            pause(&*desk.recorder.clock, BREATH).await;
            continue;
        };
        let (desk, shutdown) = (desk.clone(), shutdown.clone());
        connections.spawn(async move {
            converse(stream, desk, shutdown).await;
            drop(permit);
        });
    }
}

async fn pause(clock: &dyn Clock, how_long: Duration) {
    clock.sleep_until(clock.monotonic() + how_long).await;
}

async fn converse(stream: Box<dyn Stream>, desk: Desk, shutdown: Shutdown) {
    let clock = desk.recorder.clock.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let (desk, phase) = (desk.clone(), shutdown.phase());
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &desk, phase).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_buf_size(HEADER_OCTETS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        // A monitor that broke off or spoke nonsense asks again.
        _ = connection => {}
        () = pause(&*clock, CONNECTION_WITHIN) => {}
    }
}

async fn answer(method: &Method, path: &str, desk: &Desk, phase: Phase) -> Response<String> {
    let known = matches!(path, "/health" | "/metrics");
    if known && !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "Only GET here\n".to_owned());
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/health" => health(desk, phase).await,
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, metrics(desk)),
        _ => response(StatusCode::NOT_FOUND, "text/plain", "There are /health and /metrics\n".to_owned()),
    }
}

async fn health(desk: &Desk, phase: Phase) -> Response<String> {
    let mut reasons = desk.troubles().await;
    if phase != Phase::Running {
        reasons.push("draining: the gateway is about to stop".to_owned());
    }
    let (code, status) = match reasons.is_empty() {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    let counts = desk.view.counts();
    let body = json!({
        "status": status,
        "reasons": reasons,
        "generation": desk.admission.snapshot().generation().0,
        "queue": {
            "messages": counts.messages,
            "held": counts.held,
            "quarantined": counts.quarantined,
            "oldest_age_secs": counts.oldest.map(|oldest| desk.recorder.now().since(oldest).as_secs()),
        },
    });
    response(code, "application/json", format!("{body}\n"))
}

fn metrics(desk: &Desk) -> String {
    let generation = desk.admission.snapshot().generation().0;
    let dropped = desk.recorder.ledger.status().dropped;
    desk.recorder.metrics.page(&desk.view.counts(), desk.recorder.now(), generation, dropped)
}

fn response(code: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
