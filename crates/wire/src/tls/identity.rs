//! A certificate with its key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::Timestamp;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureAlgorithm};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::provider;

/// A chain of certificates and the private key of the first. Cloning shares it; the key is never shown.
#[derive(Clone)]
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    names: Arc<[Box<str>]>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No certificate in the chain file.
    #[error(
        "no certificate was found: a PEM file with BEGIN CERTIFICATE is needed, the server's own certificate first"
    )]
    NoCertificate,
    /// No key in the key file.
    #[error("no private key was found: a PEM file with BEGIN PRIVATE KEY (PKCS#8, without a passphrase) is needed")]
    NoKey,
    /// The PEM or what is in it cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The key is of a kind we cannot use.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate: a pair from the same issuance is needed")]
    Mismatch,
}

/// What an operator should know about a certificate that can nevertheless be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityConcern {
    /// It expired then; clients that verify refuse it.
    Expired(Timestamp),
    /// It becomes valid then.
    NotYetValid(Timestamp),
    /// It names no host; no client can verify it.
    NoNames,
}

impl fmt::Display for IdentityConcern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(at) => write!(f, "the certificate expired on {}: renew it", at.to_date()),
            Self::NotYetValid(at) => write!(f, "the certificate becomes valid on {}: check the clock", at.to_date()),
            Self::NoNames => f.write_str("the certificate has no subjectAltName: no client can verify it"),
        }
    }
}

impl Identity {
    /// Reads a chain and a key from PEM files.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| IdentityError::File {
                path: path.to_owned(),
                error,
            })
        };
        Self::from_pem(&read(chain)?, &read(key)?)
    }

    /// Reads a chain, the own certificate first, and its key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| IdentityError::Certificate(error.to_string()))?;
        let leaf = chain.first().ok_or(IdentityError::NoCertificate)?;
        let (names, not_before, not_after) = read_leaf(leaf)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| IdentityError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => IdentityError::Mismatch,
            other => IdentityError::Key(other.to_string()),
        })?;
        Ok(Self {
            key: Arc::new(key),
            names: names.into(),
            not_before,
            not_after,
        })
    }

    /// The host names it is made out to, `*.` ones included.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The last moment at which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// What is wrong with it now, if anything.
    #[must_use]
    pub fn concerns(&self, now: Timestamp) -> Vec<IdentityConcern> {
        let mut concerns = Vec::new();
        if now > self.not_after {
            concerns.push(IdentityConcern::Expired(self.not_after));
        }
        if now < self.not_before {
            concerns.push(IdentityConcern::NotYetValid(self.not_before));
        }
        if self.names.is_empty() {
            concerns.push(IdentityConcern::NoNames);
        }
        concerns
    }

    /// Whether it is made out to `host`; a star stands for exactly one label (RFC 9525 §6.3).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }

    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        self.key.key.algorithm()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Identity({:?}, {:?}, until {})",
            self.names,
            self.algorithm(),
            self.not_after
        )
    }
}

fn read_leaf(leaf: &CertificateDer<'_>) -> Result<(Vec<Box<str>>, Timestamp, Timestamp), IdentityError> {
    let unreadable = |error: &dyn fmt::Display| IdentityError::Certificate(error.to_string());
    let (_, certificate) = parse_x509_certificate(leaf).map_err(|error| unreadable(&error))?;
    let alternatives = certificate
        .subject_alternative_name()
        .map_err(|error| unreadable(&error))?;
    let names = alternatives.map_or_else(Vec::new, |extension| {
        let dns_name = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some(Box::from(*name)),
            _ => None,
        };
        extension.value.general_names.iter().filter_map(dns_name).collect()
    });
    let validity = certificate.validity();
    let moment = |secs: i64| Timestamp::from_secs(secs);
    Ok((
        names,
        moment(validity.not_before.timestamp()),
        moment(validity.not_after.timestamp()),
    ))
}
