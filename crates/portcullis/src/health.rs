//! Health and metrics over plain HTTP, for monitors on loopback or a management network.
//!
//! `GET /health` answers 200 while the gateway does its work and 503 with the reasons while it does not; `GET /metrics`
//! answers in the OpenMetrics format; `GET /why?about=10.20.3.14&last=3` tells the last decisions as `portcullis why
//! --json` does, and only to who asks from this machine, for it names people. Nobody can change anything here.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::task::JoinHandle;
use wire::{Phase, Shutdown};
use world::Listener;

use crate::control::Desk;
use crate::http::{self, Site};

/// The content type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What monitors see.
#[derive(Clone)]
struct Monitored(Desk);

impl Site for Monitored {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, phase: Phase) -> Response<String> {
        answer(&request, peer, &self.0, phase).await
    }
}

/// Serves until everything stops: while the gateway drains, monitors shall see that it does.
pub fn serve(listener: Box<dyn Listener>, desk: Desk, shutdown: Shutdown) -> JoinHandle<()> {
    let clock = desk.recorder.clock.clone();
    http::serve(listener, None, Monitored(desk), clock, shutdown)
}

async fn answer<B>(request: &Request<B>, peer: SocketAddr, desk: &Desk, phase: Phase) -> Response<String> {
    let (method, path) = (request.method(), request.uri().path());
    let known = matches!(path, "/health" | "/metrics" | "/why");
    if known && !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = response(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "Only GET here\n".to_owned(),
        );
        response
            .headers_mut()
            .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/health" => health(desk, phase).await,
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, metrics(desk)),
        "/why" => why(request.uri().query().unwrap_or_default(), peer, desk).await,
        _ => response(
            StatusCode::NOT_FOUND,
            "text/plain",
            "There are /health, /metrics and /why\n".to_owned(),
        ),
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

async fn why(query: &str, peer: SocketAddr, desk: &Desk) -> Response<String> {
    let (code, body) = if !peer.ip().to_canonical().is_loopback() {
        (
            StatusCode::FORBIDDEN,
            json!({ "error": "this names people; ask from this machine" }),
        )
    } else if let Some(about) = value(query, "about") {
        let last = value(query, "last").and_then(|last| last.parse().ok());
        match desk.why(&about, last).await {
            Ok(account) => (StatusCode::OK, serde_json::to_value(account).unwrap_or_default()),
            Err(why) => (StatusCode::NOT_FOUND, json!({ "error": why })),
        }
    } else {
        (
            StatusCode::BAD_REQUEST,
            json!({ "error": "ask as /why?about=10.20.3.14, about an id, an address, a grant or a login" }),
        )
    };
    response(code, "application/json", format!("{body}\n"))
}

/// The value of a name in a query, decoded; `None` where it is not there, or empty.
fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(key, _)| key == name)?;
    Some(value.into_owned()).filter(|value| !value.is_empty())
}

fn metrics(desk: &Desk) -> String {
    let generation = desk.admission.snapshot().generation().0;
    let dropped = desk.recorder.ledger.status().dropped;
    desk.recorder
        .metrics
        .page(&desk.view.counts(), desk.recorder.now(), generation, dropped)
}

fn response(code: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::control::rig::Rig;

    async fn ask(at: SocketAddr, request: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn open(rig: &Rig) -> (SocketAddr, JoinHandle<()>) {
        let listener = rig.world.net.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = listener.local_addr().unwrap();
        (at, serve(listener, rig.desk.clone(), rig.shutdown.clone()))
    }

    #[tokio::test]
    async fn health_is_ok_until_the_gateway_drains_and_gone_when_it_has_stopped() {
        let rig = Rig::new(100);
        let (at, served) = open(&rig).await;
        let ok = ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(ok.starts_with("HTTP/1.1 200 OK\r\n"), "{ok}");
        assert!(
            ok.contains("\"status\":\"ok\"") && ok.contains("\"generation\":7"),
            "{ok}"
        );
        rig.trigger.drain();
        let draining = ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(draining.starts_with("HTTP/1.1 503 "), "{draining}");
        assert!(
            draining.contains("draining: the gateway is about to stop"),
            "{draining}"
        );
        rig.trigger.stop();
        served.await.unwrap();
        assert!(tokio::net::TcpStream::connect(at).await.is_err());
    }

    #[tokio::test]
    async fn a_disk_without_room_is_told() {
        let mut rig = Rig::new(100);
        rig.desk.storage.keep_free_octets = u64::MAX;
        let (at, _served) = open(&rig).await;
        let full = ask(at, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(
            full.starts_with("HTTP/1.1 503 ") && full.contains("nothing new is accepted"),
            "{full}"
        );
    }

    #[tokio::test]
    async fn metrics_are_counted_and_nothing_else_is_there() {
        let rig = Rig::new(100);
        rig.store(&["bob@example.org"]).await;
        let (at, _served) = open(&rig).await;
        let metrics = ask(at, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(metrics.contains("application/openmetrics-text"), "{metrics}");
        assert!(
            metrics.contains("portcullis_queue_recipients{kind=\"ready\"} 1\n"),
            "{metrics}"
        );
        assert!(
            ask(at, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 404 ")
        );
        let post = ask(at, "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
        assert!(
            post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD"),
            "{post}"
        );
        let head = ask(at, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(
            head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    }

    #[tokio::test]
    async fn why_is_told_to_this_machine_alone_and_says_what_to_ask() {
        let rig = Rig::new(100);
        let (at, _served) = open(&rig).await;
        let bare = ask(at, "GET /why HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(
            bare.starts_with("HTTP/1.1 400 ") && bare.contains("/why?about="),
            "{bare}"
        );
        let nobody = ask(at, "GET /why?about=192.0.2.7 HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(
            nobody.starts_with("HTTP/1.1 404 ") && nobody.contains("192.0.2.7"),
            "{nobody}"
        );
        let elsewhere = why("about=192.0.2.7", "192.0.2.1:4000".parse().unwrap(), &rig.desk).await;
        assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_not_waited_for() {
        let rig = Rig::new(100);
        let (at, _served) = open(&rig).await;
        let began = rig.world.clock.monotonic();
        let _silent = ask(at, "GET /health").await;
        assert!(rig.world.clock.monotonic() - began < Duration::from_secs(40));
    }
}
