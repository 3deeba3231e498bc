//! The pages over HTTPS: `GET /a/TOKEN` shows, `POST /a/TOKEN` answers.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use registry::Whence;
use wire::Phase;

use super::Answers;
use super::page::Page;
use super::reply::Fields;
use crate::http::Site;

/// Where links lead.
pub const PATH: &str = "/a/";
/// Octets of an answer.
const BODY_OCTETS_MAX: usize = 64 * 1024;
/// Characters of what a browser calls itself.
const AGENT_MAX: usize = 300;
/// No script, nothing from elsewhere, in nobody's frame; forms go where they came from.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The pages, for whoever serves them.
#[derive(Clone)]
pub struct Pages(pub Arc<Answers>);

impl Site for Pages {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, _: Phase) -> Response<String> {
        let Some(token) = request.uri().path().strip_prefix(PATH).map(str::to_owned) else {
            return plain(
                StatusCode::NOT_FOUND,
                "There is nothing here; copy the link whole from the letter.\n",
            );
        };
        let answers = self.0.clone();
        // The store blocks, and so does hashing a secret.
        let page = match *request.method() {
            Method::GET | Method::HEAD => tokio::task::spawn_blocking(move || answers.look(&token)).await,
            Method::POST => {
                let whence = whence(&request, peer);
                let Ok(body) = Limited::new(request.into_body(), BODY_OCTETS_MAX).collect().await else {
                    return plain(StatusCode::PAYLOAD_TOO_LARGE, "Please write less.\n");
                };
                let fields = Fields::read(&body.to_bytes());
                tokio::task::spawn_blocking(move || answers.take(&token, &fields, &whence)).await
            }
            _ => return only_get_and_post(),
        };
        match page {
            Ok(page) => html(&page),
            Err(_) => plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "That went wrong. Please try again.\n",
            ),
        }
    }
}

/// Where an answer came from. What the browser calls itself is its own word; a proxy's word is not asked for.
fn whence(request: &Request<Incoming>, peer: SocketAddr) -> Whence {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Whence {
        address: peer.ip().to_canonical().to_string(),
        agent: agent.unwrap_or_default().chars().take(AGENT_MAX).collect(),
    }
}

fn html(page: &Page) -> Response<String> {
    let mut response = plain(page.status, &page.render());
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn only_get_and_post() -> Response<String> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and POST here.\n");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        // The address is the key: it is not to be kept, or told to anybody.
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
