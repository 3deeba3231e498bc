//! Fetches an issuer's keys, or its word on a token, over HTTP. Only as much as that takes: one request, no redirects, a
//! bound on size and time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::identities::reach::{Place, ReachError, Web};

/// How long it may take in all.
const WITHIN: Duration = Duration::from_secs(10);
/// Octets of an answer at most.
const OCTETS_MAX: usize = 256 * 1024;

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// It could not be reached.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// The request could not be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not speak HTTP, or fell silent.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It has no such page.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It says too much.
    #[error("its answer has more than {OCTETS_MAX} octets")]
    TooLong,
    /// It takes too long.
    #[error("it did not answer in time")]
    Late,
}

/// What lies there.
pub(super) async fn get(web: &Web, place: &Place) -> Result<Vec<u8>, FetchError> {
    within(web, place, Request::get(place.path()), String::new()).await
}

/// What is answered there to a form, which is filled in by somebody who shows this.
pub(super) async fn post(web: &Web, place: &Place, authorization: &str, form: String) -> Result<Vec<u8>, FetchError> {
    let mut shown = HeaderValue::from_str(authorization).map_err(io::Error::other)?;
    shown.set_sensitive(true);
    let request = Request::post(place.path())
        .header(AUTHORIZATION, shown)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    within(web, place, request, form).await
}

async fn within(web: &Web, place: &Place, request: Builder, body: String) -> Result<Vec<u8>, FetchError> {
    let request = request
        .header(HOST, place.authority())
        .header(ACCEPT, "application/json")
        .body(body)
        .map_err(io::Error::other)?;
    let clock = &web.world.clock;
    let late = clock.sleep_until(clock.monotonic() + WITHIN);
    tokio::select! {
        biased;
        came = fetch(web, place, request) => came,
        () = late => Err(FetchError::Late),
    }
}

async fn fetch(web: &Web, place: &Place, request: Request<String>) -> Result<Vec<u8>, FetchError> {
    let stream = web.connect(place).await?;
    if place.is_secure() {
        ask(web.secure(stream, place).await?, request).await
    } else {
        ask(stream, request).await
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<String>,
) -> Result<Vec<u8>, FetchError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        match answer.status() {
            StatusCode::OK => read(answer.into_body()).await,
            status => Err(FetchError::Status(status)),
        }
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        came = &mut answer => came,
        // The other side closed: what it said before is still to be read.
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.into()),
        },
    }
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, FetchError> {
    let mut octets = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            if octets.len() + data.len() > OCTETS_MAX {
                return Err(FetchError::TooLong);
            }
            octets.extend_from_slice(&data);
        }
    }
    Ok(octets)
}
