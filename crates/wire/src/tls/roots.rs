//! Whose certificates of others are believed.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The certification authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Roots {
    pub(super) store: RootCertStore,
}

/// Why authorities could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file has no certificate, or a broken one.
    #[error("no usable certificate of an authority was found: {0}")]
    Certificate(String),
    /// The system has no store of authorities.
    #[error("the system's store of certification authorities cannot be read: {0}; install ca-certificates")]
    System(String),
}

impl Roots {
    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self {
            store: RootCertStore::empty(),
        }
    }

    /// Those of the operating system.
    pub fn system() -> Result<Self, RootsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found
                .errors
                .first()
                .map_or_else(|| "it is empty".to_owned(), ToString::to_string);
            return Err(RootsError::System(why));
        }
        Ok(Self { store })
    }

    /// Adds the authorities of a PEM file.
    pub fn load(self, path: &Path) -> Result<Self, RootsError> {
        let pem = std::fs::read(path).map_err(|error| RootsError::File {
            path: path.to_owned(),
            error,
        })?;
        self.with_pem(&pem)
    }

    /// Adds the authorities of a PEM text; at least one.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, RootsError> {
        let before = self.store.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| RootsError::Certificate(error.to_string()))?;
            self.store
                .add(certificate)
                .map_err(|error| RootsError::Certificate(error.to_string()))?;
        }
        if self.store.len() == before {
            return Err(RootsError::Certificate("the PEM text holds none".to_owned()));
        }
        Ok(self)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }
}
