//! Handshakes with next hops.

use std::fmt;
use std::sync::{Arc, OnceLock};

use mail::{Domain, Host};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, TlsStream};
use world::{Clock, Stream};

use super::facts::{Settled, TlsVersion};
use super::verify::{Distrust, Insistence, ServerWatch, Verified};
use super::{Calendar, Identity, Roots, TlsFailure, TlsSetupError, provider};
use crate::channel::{Channel, Overheard};

/// What is asked of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: any certificate will do, and the outcome says what it was worth.
    Opportunistic,
    /// A trusted authority made it out to one of these names; to the host's own where there are none.
    Verify {
        /// The names; any of them.
        names: Vec<Domain>,
    },
}

/// What a client knows after a handshake with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOutcome {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name.
    pub cipher: &'static str,
    /// The key exchange group.
    pub group: Option<&'static str>,
    /// Whether the server is who it was taken for.
    pub verified: Verified,
    /// The name it was taken for.
    pub peer_name: Box<str>,
}

/// The TLS side of our client. Cloning shares it.
#[derive(Clone)]
pub struct TlsClient {
    roots: Arc<RootCertStore>,
    identity: Option<Identity>,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
}

impl TlsClient {
    /// A client that trusts `roots` and shows `identity` to servers that ask for a certificate.
    #[must_use]
    pub fn new(roots: Roots, identity: Option<Identity>, clock: Arc<dyn Clock>) -> Self {
        Self {
            roots: Arc::new(roots.store),
            identity,
            clock,
            provider: provider(),
        }
    }

    /// The same trust, another certificate of ours.
    #[must_use]
    pub fn with_identity(&self, identity: Option<Identity>) -> Self {
        Self {
            identity,
            ..self.clone()
        }
    }

    /// Makes the handshake with a host, for a client that speaks by itself. It has no end of its own
    /// where the server falls silent.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn secure(
        &self,
        stream: Box<dyn Stream>,
        host: &Host,
        trust: &Trust,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, TlsFailure> {
        Ok(self.connect(stream, host, trust).await?.0)
    }

    /// Makes the handshake with a host. It has no end of its own where the server falls silent.
    pub(crate) async fn connect(
        &self,
        stream: Box<dyn Stream>,
        host: &Host,
        trust: &Trust,
    ) -> Result<(Channel, TlsOutcome), TlsFailure> {
        let overheard = Overheard::new(stream);
        let Some(name) = server_name(host, &overheard) else {
            return Err(TlsFailure::Protocol(
                format!("{host:?} is no name that TLS can carry").into(),
            ));
        };
        let seen = Arc::new(OnceLock::new());
        let config = self
            .config(&name, trust, seen.clone())
            .map_err(|error| TlsFailure::Protocol(error.to_string().into()))?;
        let peer_name = name.to_str().into();
        match TlsConnector::from(Arc::new(config))
            .connect(name, overheard)
            .into_fallible()
            .await
        {
            Ok(mut tls) => {
                let (overheard, connection) = tls.get_mut();
                overheard.forget();
                let Settled {
                    version, cipher, group, ..
                } = Settled::read(connection);
                // Without a look at a certificate nothing is verified; a full handshake always takes one.
                let verified = seen.get().cloned().unwrap_or(Verified::Unverified(Distrust::Malformed));
                let outcome = TlsOutcome {
                    version,
                    cipher,
                    group,
                    verified,
                    peer_name,
                };
                Ok((Channel::Tls(Box::new(TlsStream::Client(tls))), outcome))
            }
            Err((error, mut overheard)) => {
                let failure = TlsFailure::name(&error, &overheard.forget());
                Err(match (failure, seen.get()) {
                    (TlsFailure::Certificate(_), Some(Verified::Unverified(why))) => {
                        TlsFailure::Certificate(why.clone())
                    }
                    (failure, _) => failure,
                })
            }
        }
    }

    /// Made anew for each connection: the watch keeps what this server showed, and nothing is resumed, so that every
    /// connection looks at a certificate.
    fn config(
        &self,
        host: &ServerName<'static>,
        trust: &Trust,
        seen: Arc<OnceLock<Verified>>,
    ) -> Result<ClientConfig, TlsSetupError> {
        let (insistence, names) = match trust {
            Trust::Verify { names } if !names.is_empty() => {
                let names = names
                    .iter()
                    .filter_map(|name| ServerName::try_from(name.as_str().to_owned()).ok());
                (Insistence::Strict, names.collect())
            }
            Trust::Verify { .. } => (Insistence::Strict, vec![host.clone()]),
            Trust::Opportunistic => (Insistence::Lenient, vec![host.clone()]),
        };
        let provider = self.provider.clone();
        let watch = ServerWatch {
            roots: self.roots.clone(),
            provider: provider.clone(),
            names,
            insistence,
            seen,
        };
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Calendar(self.clock.clone())))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(watch));
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key.clone()))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsClient({} authorities, {:?})", self.roots.len(), self.identity)
    }
}

/// How TLS names the host. A name TLS cannot carry leaves the address, under which nothing verifies.
fn server_name(host: &Host, stream: &Overheard) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(domain) => ServerName::try_from(domain.as_str().to_owned())
            .ok()
            .or_else(|| Some(ServerName::IpAddress(stream.peer_addr().ok()?.ip().into()))),
        Host::Literal(address) => Some(ServerName::IpAddress((*address).into())),
    }
}
