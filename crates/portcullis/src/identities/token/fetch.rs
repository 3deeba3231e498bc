//! Fetches an issuer's keys over HTTP. Only as much as that takes: one request, no redirects, a bound on size and time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dns::{Answer, Resolver};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use mail::{Domain, Host};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{Roots, TlsClient, Trust};
use world::{Clock, World};

/// How long it may take in all.
const WITHIN: Duration = Duration::from_secs(10);
/// Octets of an answer at most.
const OCTETS_MAX: usize = 256 * 1024;

/// An address of the web: `https`, or `http` on this very machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    secure: bool,
    host: Host,
    port: u16,
    authority: String,
    path: String,
}

impl Place {
    /// Reads an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let name = authority.host();
        let literal = name.trim_start_matches('[').trim_end_matches(']').parse();
        let host = match literal {
            Ok(address) => Host::Literal(address),
            Err(_) => Host::Domain(Domain::parse(name).ok()?),
        };
        let here = matches!(host, Host::Literal(address) if address.is_loopback());
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" if here => false,
            _ => return None,
        };
        Some(Self {
            secure,
            host,
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The host has no address, or nobody could say.
    #[error("its host has no address")]
    NoAddress,
    /// It could not be reached, or fell silent.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not who it should be.
    #[error("TLS failed: {0}")]
    Tls(wire::TlsFailure),
    /// It does not speak HTTP.
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

/// What is needed to fetch something.
pub(super) struct Web {
    pub(super) world: World,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) roots: Roots,
}

impl Web {
    /// What lies there.
    pub(super) async fn get(&self, place: &Place) -> Result<Vec<u8>, FetchError> {
        let clock: &Arc<dyn Clock> = &self.world.clock;
        let late = clock.sleep_until(clock.monotonic() + WITHIN);
        tokio::select! {
            biased;
            came = self.fetch(place) => came,
            () = late => Err(FetchError::Late),
        }
    }

    async fn fetch(&self, place: &Place) -> Result<Vec<u8>, FetchError> {
        let stream = self.connect(place).await?;
        if !place.secure {
            return ask(stream, place).await;
        }
        let tls = TlsClient::new(self.roots.clone(), None, self.world.clock.clone());
        let trust = Trust::Verify { names: Vec::new() };
        let stream = tls.secure(stream, &place.host, &trust).await.map_err(FetchError::Tls)?;
        ask(stream, place).await
    }

    async fn connect(&self, place: &Place) -> Result<Box<dyn world::Stream>, FetchError> {
        let addresses = match &place.host {
            Host::Literal(address) => vec![*address],
            Host::Domain(name) => match self.resolver.addresses(name).await {
                Answer::Found { records, .. } => records,
                _ => return Err(FetchError::NoAddress),
            },
        };
        let mut failure = FetchError::NoAddress;
        for address in addresses {
            match self.world.net.connect((address, place.port).into(), None).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    place: &Place,
) -> Result<Vec<u8>, FetchError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&*place.path)
        .header(HOST, &*place.authority)
        .header(ACCEPT, "application/json")
        .body(String::new())
        .map_err(io::Error::other)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_an_address_and_http_on_this_machine() {
        let place = Place::parse("https://login.example.edu/keys?v=1").unwrap();
        assert_eq!((place.secure, place.port, &*place.path), (true, 443, "/keys?v=1"));
        assert_eq!(Place::parse("https://login.example.edu").unwrap().path, "/");
        assert_eq!(Place::parse("http://127.0.0.1:8080/k").unwrap().port, 8080);
        assert!(!Place::parse("http://[::1]:8080/k").unwrap().secure);
        for wrong in [
            "",
            "keys.json",
            "http://login.example.edu/keys",
            "ftp://login.example.edu/keys",
            "https://user:secret@login.example.edu/keys",
            "https:///keys",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}
