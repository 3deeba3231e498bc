//! Our certificates, and handshakes with clients.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureAlgorithm};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsStream};
use world::{Clock, Stream};

use super::facts::{Settled, TlsFacts, TlsVersion};
use super::verify::Possession;
use super::{Authorities, Calendar, Identity, TlsFailure, TlsSetupError, moment, provider};
use crate::channel::{Channel, Overheard};

/// The label of the channel binding (RFC 9266 §4.2).
const CHANNEL_BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// No. Where no grant is bound to a certificate; a few mail programs show a dialogue box when asked.
    No,
    /// Yes, and those without one are as welcome.
    Optional,
}

/// The TLS side of one listener. Its certificates can be replaced while sessions run.
pub struct TlsServer {
    acceptor: TlsAcceptor,
    wardrobe: Arc<Wardrobe>,
    authorities: Authorities,
    clock: Arc<dyn Clock>,
}

impl TlsServer {
    /// A server with these certificates; the first is shown to clients that ask for a name nobody has.
    pub fn new(identities: Vec<Identity>, asking: Asking, clock: Arc<dyn Clock>) -> Result<Self, TlsSetupError> {
        let wardrobe = Arc::new(Wardrobe {
            identities: ArcSwap::from_pointee(identities),
        });
        let provider = provider();
        let builder = ServerConfig::builder_with_details(provider.clone(), Arc::new(Calendar(clock.clone())))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let builder = match asking {
            Asking::No => builder.with_no_client_auth(),
            Asking::Optional => builder.with_client_cert_verifier(Arc::new(Possession { provider })),
        };
        let config = builder.with_cert_resolver(wardrobe.clone());
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            wardrobe,
            authorities: Authorities::default(),
            clock,
        })
    }

    /// Asks these about the certificates that clients show.
    #[must_use]
    pub fn asking(mut self, authorities: Authorities) -> Self {
        self.authorities = authorities;
        self
    }

    /// Replaces the certificates. Handshakes from now on show the new ones; open sessions keep what they have.
    pub fn replace(&self, identities: Vec<Identity>) {
        self.wardrobe.identities.store(Arc::new(identities));
    }

    /// The certificates now shown.
    #[must_use]
    pub fn identities(&self) -> Arc<Vec<Identity>> {
        self.wardrobe.identities.load_full()
    }

    /// Makes the handshake for something else than mail, and hands on what then can be read and written.
    pub async fn secure(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin, TlsFailure> {
        let (channel, _) = self.accept(stream).await?;
        Ok(channel)
    }

    /// Makes the handshake. It has no end of its own where the client falls silent.
    pub(crate) async fn accept(&self, stream: Box<dyn Stream>) -> Result<(Channel, TlsFacts), TlsFailure> {
        match self.acceptor.accept(Overheard::new(stream)).into_fallible().await {
            Ok(mut tls) => {
                let (overheard, connection) = tls.get_mut();
                overheard.forget();
                let facts = self.facts(connection);
                Ok((Channel::Tls(Box::new(TlsStream::Server(tls))), facts))
            }
            Err((error, mut overheard)) => Err(TlsFailure::name(&error, &overheard.forget())),
        }
    }

    /// What a handshake settled, and what the authorities say of the client. They are asked once, here: a certificate
    /// that ends or is revoked later counts until its session ends.
    fn facts(&self, connection: &rustls::ServerConnection) -> TlsFacts {
        let mut facts = facts(connection);
        if let (Some(peer), Some(chain)) = (&mut facts.peer, connection.peer_certificates())
            && let Some(now) = moment(&*self.clock)
        {
            peer.vouched = self.authorities.look(chain, now);
        }
        facts
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsServer").field(&self.identities()).finish()
    }
}

fn facts(connection: &rustls::ServerConnection) -> TlsFacts {
    let settled = Settled::read(connection);
    // With TLS 1.2 the exporter is unique only where both sides insist on the extended master secret (RFC 9266 §3.1).
    let binding = (settled.version == TlsVersion::Tls13)
        .then(|| {
            connection
                .export_keying_material([0; 32], CHANNEL_BINDING_LABEL, Some(b""))
                .ok()
        })
        .flatten();
    TlsFacts {
        version: settled.version,
        cipher: settled.cipher,
        group: settled.group,
        sni: connection.server_name().map(Box::from),
        peer: settled.peer,
        channel_binding: binding,
    }
}

/// What there is to wear, and which of it suits a client.
struct Wardrobe {
    identities: ArcSwap<Vec<Identity>>,
}

impl ResolvesServerCert for Wardrobe {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let identities = self.identities.load();
        let suits = |identity: &&Identity| identity.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let named = |identity: &&Identity| hello.server_name().is_some_and(|name| identity.is_for(name));
        // Without a certificate for the name asked for, one for another name serves better than none: most senders do
        // not verify, and those that do will say what is wrong.
        let by_name = lightest(identities.iter().filter(suits).filter(named));
        let chosen = by_name.or_else(|| self.fallback(&identities, suits));
        chosen.map(|identity| identity.key.clone())
    }
}

impl Wardrobe {
    /// What is shown where no name decides: the first certificate's names in whichever algorithm suits, then anything.
    fn fallback<'a>(&self, identities: &'a [Identity], suits: impl Fn(&&Identity) -> bool) -> Option<&'a Identity> {
        let first = identities.first()?;
        let same_names = identities.iter().filter(|identity| identity.names() == first.names());
        lightest(same_names.filter(&suits)).or_else(|| lightest(identities.iter().filter(&suits)))
    }
}

/// ECDSA before RSA: the client takes either, and it costs a tenth. Else as configured.
fn lightest<'a>(identities: impl Iterator<Item = &'a Identity>) -> Option<&'a Identity> {
    identities.min_by_key(|identity| identity.algorithm() == SignatureAlgorithm::RSA)
}

impl fmt::Debug for Wardrobe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wardrobe")
    }
}
