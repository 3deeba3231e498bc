//! Authorities whose word about clients counts: for which names of a certificate's holder they vouch.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mail::SubjectName;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

use super::subject::names_for_clients;
use super::{Distrust, Roots, RootsError, provider};

/// Certificates of a chain that are looked at: one's own and a few between it and the authority. Longer ones are there to
/// keep us busy.
const CHAIN_MAX: usize = 8;

/// An authority, and what it says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Which.
    pub authority: Arc<str>,
    /// The names for which it vouches, or why it vouches for nothing.
    pub names: Result<Vec<SubjectName>, Distrust>,
}

/// Somebody who issues certificates to clients.
#[derive(Clone)]
pub struct Authority {
    name: Arc<str>,
    /// Without one nobody is vouched for.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// Why an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its certificates cannot.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// What it revoked cannot be read.
    #[error("there is no list of revoked certificates (CRL) that can be read: {0}")]
    Revoked(String),
}

impl Authority {
    /// One with these certificates, in PEM. With lists of what was revoked (PEM or DER) each certificate of a chain has to
    /// be spoken of by one that is in force: where none is, nobody knows, and nobody is vouched for.
    ///
    /// # Errors
    /// What of it cannot be read.
    pub fn new(name: Arc<str>, certificates: &[u8], revoked: Option<&[u8]>) -> Result<Self, AuthorityError> {
        let roots = Arc::new(Roots::none().with_pem(certificates)?.store);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if let Some(revoked) = revoked {
            builder = builder.with_crls(lists(revoked)?).enforce_revocation_expiration();
        }
        let verifier = builder
            .build()
            .map_err(|error| AuthorityError::Revoked(error.to_string()))?;
        Ok(Self {
            name,
            verifier: Some(verifier),
        })
    }

    /// One whose files cannot be read: it vouches for nobody.
    #[must_use]
    pub const fn silent(name: Arc<str>) -> Self {
        Self { name, verifier: None }
    }

    fn look(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<Vec<SubjectName>, Distrust> {
        let Some(verifier) = &self.verifier else {
            return Err(Distrust::Other("its authority cannot be read".into()));
        };
        let Some((leaf, between)) = chain.split_first().filter(|_| chain.len() <= CHAIN_MAX) else {
            return Err(Distrust::Other("its chain is too long".into()));
        };
        verifier
            .verify_client_cert(leaf, between, now)
            .map_err(|error| Distrust::of(&error))?;
        names_for_clients(leaf)
    }
}

/// The lists in a file.
fn lists(octets: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, AuthorityError> {
    /// How DER begins here, and PEM never does.
    const SEQUENCE: u8 = 0x30;
    if octets.first() == Some(&SEQUENCE) {
        return Ok(vec![CertificateRevocationListDer::from(octets.to_vec())]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(octets).collect();
    match lists {
        Ok(lists) if lists.is_empty() => Err(AuthorityError::Revoked("the file holds none".to_owned())),
        Ok(lists) => Ok(lists),
        Err(error) => Err(AuthorityError::Revoked(error.to_string())),
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let silent = if self.verifier.is_none() { ", silent" } else { "" };
        write!(f, "Authority({}{silent})", self.name)
    }
}

/// The authorities there are now: shared by whoever asks them, and replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Arc<ArcSwap<Vec<Authority>>>);

impl Authorities {
    /// Takes these in place of those there are. Handshakes from now on are looked at by them.
    pub fn replace(&self, all: Vec<Authority>) {
        self.0.store(Arc::new(all));
    }

    /// What each of them says of a chain.
    pub(super) fn look(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Vec<Vouched> {
        let all = self.0.load();
        let vouched = all.iter().map(|authority| Vouched {
            authority: authority.name.clone(),
            names: authority.look(chain, now),
        });
        vouched.collect()
    }
}
