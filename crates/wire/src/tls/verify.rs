//! How certificates of peers are looked at.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What is known of who a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// A trusted authority says that it is this host.
    Verified(Box<str>),
    /// Nobody we trust says so; encrypted nevertheless.
    Unverified(Distrust),
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// No trusted authority issued it; a self-signed one, mostly.
    UnknownIssuer,
    /// It expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is made out to others; the first few of them.
    WrongName(Vec<Box<str>>),
    /// It was not issued for this use.
    WrongPurpose,
    /// It was withdrawn.
    Revoked,
    /// Whether it was withdrawn nobody can say: no list in force speaks of it.
    RevocationUnknown,
    /// A signature in its chain is wrong: an authority of the same name, perhaps, and another key.
    BadSignature,
    /// It cannot be read.
    Malformed,
    /// Another fault.
    Other(Box<str>),
}

/// Names of a certificate told at most.
const NAMES_MAX: usize = 5;

impl Distrust {
    /// Of an error, whatever it is about.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(why) => Self::read(why),
            Error::InvalidCertRevocationList(_) => Self::RevocationUnknown,
            other => Self::Other(printable(&other.to_string())),
        }
    }

    pub(super) fn read(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName => Self::WrongName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongName(presented.iter().take(NAMES_MAX).map(|name| printable(name)).collect())
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Self::WrongPurpose,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownRevocationStatus
            | CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::RevocationUnknown,
            CertificateError::BadSignature => Self::BadSignature,
            CertificateError::BadEncoding => Self::Malformed,
            other => Self::Other(printable(&other.to_string())),
        }
    }
}

fn printable(text: &str) -> Box<str> {
    text.chars()
        .filter(|c| !c.is_control())
        .take(255)
        .collect::<String>()
        .into()
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("no trusted authority issued it"),
            Self::Expired => f.write_str("it has expired"),
            Self::NotYetValid => f.write_str("it is not valid yet"),
            Self::WrongName(names) if names.is_empty() => f.write_str("it is made out to another name"),
            Self::WrongName(names) => write!(f, "it is made out to {}", names.join(", ")),
            Self::WrongPurpose => f.write_str("it was not issued for this use"),
            Self::Revoked => f.write_str("it was revoked"),
            Self::RevocationUnknown => f.write_str("no list in force says whether it was revoked"),
            Self::BadSignature => f.write_str("a signature in its chain is wrong"),
            Self::Malformed => f.write_str("it is malformed"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(name) => write!(f, "verified as {name}"),
            Self::Unverified(why) => write!(f, "unverified: {why}"),
        }
    }
}

/// What to do about a server that cannot be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insistence {
    /// Note it and go on.
    Lenient,
    /// End the handshake.
    Strict,
}

/// Looks at the certificate of one server and keeps what it saw. That the server holds the key is always proved.
#[derive(Debug)]
pub(super) struct ServerWatch {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) provider: Arc<CryptoProvider>,
    /// The server may be any of these.
    pub(super) names: Vec<ServerName<'static>>,
    pub(super) insistence: Insistence,
    pub(super) seen: Arc<OnceLock<Verified>>,
}

impl ServerWatch {
    fn look(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Box<str>, Distrust> {
        let distrust = |error: Error| Distrust::of(&error);
        let parsed = ParsedCertificate::try_from(leaf).map_err(distrust)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)
            .map_err(distrust)?;
        let mut why = Distrust::WrongName(Vec::new());
        for name in &self.names {
            match verify_server_name(&parsed, name) {
                Ok(()) => return Ok(name.to_str().into()),
                Err(error) => why = distrust(error),
            }
        }
        Err(why)
    }
}

impl ServerCertVerifier for ServerWatch {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = match self.look(leaf, intermediates, now) {
            Ok(name) => Verified::Verified(name),
            Err(why) => Verified::Unverified(why),
        };
        let trusted = matches!(seen, Verified::Verified(_));
        // One handshake, one certificate; a second look would see the same.
        let _ = self.seen.set(seen);
        if trusted || self.insistence == Insistence::Lenient {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Asks clients for a certificate and takes any, or none: the client proves to hold its key, and whether that key may
/// do anything is a matter of pins, which policy compares. Public authorities no longer issue certificates for clients,
/// so a chain to them would prove nothing a pin does not. What authorities of our own say of it is asked after the
/// handshake ([`Authorities`](super::Authorities)): whoever shows a bad certificate is served like one without.
#[derive(Debug)]
pub(super) struct Possession {
    pub(super) provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
