//! Others whom we ask about clients: where they are, and a connection to them that nobody else can answer.

use std::io;
use std::sync::Arc;

use dns::{Answer, Resolver};
use hyper::Uri;
use mail::{Domain, Host};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{Roots, TlsClient, TlsFailure, Trust};
use world::{Stream, World};

/// An address under TLS, or without on this very machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    secure: bool,
    host: Host,
    port: u16,
    authority: String,
    path: String,
}

/// How an address begins, and its usual port.
type Scheme = (&'static str, u16);

impl Place {
    /// Reads an address of the web: `https`, or `http` on this machine.
    #[must_use]
    pub fn web(text: &str) -> Option<Self> {
        Self::parse(text, ("https", 443), ("http", 80), false)
    }

    /// Reads that of a directory: `ldaps`, or `ldap` on this machine.
    #[must_use]
    pub fn directory(text: &str) -> Option<Self> {
        Self::parse(text, ("ldaps", 636), ("ldap", 389), false).filter(|place| place.path == "/")
    }

    /// Reads that of a directory that is asked to go on under TLS: `ldap`.
    #[must_use]
    pub fn directory_with_starttls(text: &str) -> Option<Self> {
        let place = Self::parse(text, ("ldaps", 636), ("ldap", 389), true);
        place.filter(|place| place.path == "/" && !place.secure)
    }

    /// `anywhere`: whether it may be in the clear elsewhere too, because TLS begins later.
    fn parse(text: &str, secure: Scheme, plain: Scheme, anywhere: bool) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let name = authority.host();
        let literal = name.trim_start_matches('[').trim_end_matches(']').parse();
        let host = match literal {
            Ok(address) => Host::Literal(address),
            Err(_) => Host::Domain(Domain::parse(name).ok()?),
        };
        let here = matches!(host, Host::Literal(address) if address.is_loopback());
        let scheme = uri.scheme_str()?;
        let (is_secure, port) = match (scheme == secure.0, scheme == plain.0 && (here || anywhere)) {
            (true, _) => (true, secure.1),
            (_, true) => (false, plain.1),
            _ => return None,
        };
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        Some(Self {
            secure: is_secure,
            host,
            port: authority.port_u16().unwrap_or(port),
            authority: authority.as_str().to_owned(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        })
    }

    pub(super) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host and port, as they are written.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Why somebody cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    /// The host has no address, or nobody could say.
    #[error("its host has no address")]
    NoAddress,
    /// No connection came about.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not who it should be.
    #[error("TLS failed: {0}")]
    Tls(TlsFailure),
}

/// What is needed to reach somebody.
pub(super) struct Web {
    pub(super) world: World,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) roots: Roots,
}

impl Web {
    /// A connection, in the clear so far.
    pub(super) async fn connect(&self, place: &Place) -> Result<Box<dyn Stream>, ReachError> {
        let addresses = match &place.host {
            Host::Literal(address) => vec![*address],
            Host::Domain(name) => match self.resolver.addresses(name).await {
                Answer::Found { records, .. } => records,
                _ => return Err(ReachError::NoAddress),
            },
        };
        let mut failure = ReachError::NoAddress;
        for address in addresses {
            match self.world.net.connect((address, place.port).into(), None).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    /// The connection under TLS, with whom the authorities vouch for and nobody else.
    pub(super) async fn secure(
        &self,
        stream: Box<dyn Stream>,
        place: &Place,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, ReachError> {
        let tls = TlsClient::new(self.roots.clone(), None, self.world.clock.clone());
        let trust = Trust::Verify { names: Vec::new() };
        tls.secure(stream, &place.host, &trust).await.map_err(ReachError::Tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_under_tls_is_an_address_and_what_is_on_this_machine() {
        let place = Place::web("https://login.example.edu/keys?v=1").unwrap();
        assert_eq!((place.secure, place.port, &*place.path), (true, 443, "/keys?v=1"));
        assert_eq!(Place::web("https://login.example.edu").unwrap().path, "/");
        assert_eq!(Place::web("http://127.0.0.1:8080/k").unwrap().port, 8080);
        assert!(!Place::web("http://[::1]:8080/k").unwrap().secure);
        for wrong in [
            "",
            "keys.json",
            "http://login.example.edu/keys",
            "ftp://login.example.edu/keys",
            "ldaps://login.example.edu/keys",
            "https://user:secret@login.example.edu/keys",
            "https:///keys",
        ] {
            assert_eq!(Place::web(wrong), None, "{wrong}");
        }
        assert_eq!(Place::directory("ldaps://ldap.example.edu").unwrap().port, 636);
        assert_eq!(Place::directory("ldap://127.0.0.1:3890").unwrap().port, 3890);
        let place = Place::directory_with_starttls("ldap://ldap.example.edu").unwrap();
        assert_eq!((place.secure, place.port), (false, 389));
        assert_eq!(Place::directory_with_starttls("ldaps://ldap.example.edu"), None);
        for wrong in [
            "ldap://ldap.example.edu",
            "ldaps://ldap.example.edu/dc=example",
            "https://ldap.example.edu",
        ] {
            assert_eq!(Place::directory(wrong), None, "{wrong}");
        }
    }
}
