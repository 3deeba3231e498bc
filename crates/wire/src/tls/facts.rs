//! What a handshake settled.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{CommonState, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

use super::Vouched;

/// The versions of TLS we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As trace headers and logs write it: `TLSv1.3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a server knows after a handshake with a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
    /// The key exchange group, such as `X25519MLKEM768`.
    pub group: Option<&'static str>,
    /// The name the client asked for (SNI, RFC 6066 §3).
    pub sni: Option<Box<str>>,
    /// The certificate the client proved to hold the key of. What else is known of it stands in
    /// [`vouched`](PeerCertificate::vouched). Who may do what by it is compared by policy.
    pub peer: Option<PeerCertificate>,
    /// `tls-exporter` channel binding (RFC 9266), with TLS 1.3 only.
    pub channel_binding: Option<[u8; 32]>,
}

/// A certificate of a client.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The chain as sent, the client's own first, each in DER.
    pub chain: Vec<Vec<u8>>,
    /// SHA-256 of the SubjectPublicKeyInfo of the first, which is what a pin names.
    pub spki_sha256: [u8; 32],
    /// Its subject in words, bounded, for logs. Whatever the client wrote; no proof of anything.
    pub subject: Box<str>,
    /// What the authorities that count say of it.
    pub vouched: Vec<Vouched>,
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerCertificate({:?}, chain of {})", self.subject, self.chain.len())
    }
}

/// Octets of a subject shown.
const SUBJECT_OCTETS_MAX: usize = 200;

impl PeerCertificate {
    fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(chain.first()?).ok()?;
        let spki_sha256 = digest(&SHA256, certificate.public_key().raw).as_ref().try_into().ok()?;
        let subject: String = certificate
            .subject()
            .to_string()
            .chars()
            .filter(|c| !c.is_control())
            .collect();
        let end = subject.floor_char_boundary(SUBJECT_OCTETS_MAX);
        Some(Self {
            chain: chain.iter().map(|der| der.to_vec()).collect(),
            spki_sha256,
            subject: subject.get(..end).unwrap_or_default().into(),
            vouched: Vec::new(),
        })
    }
}

/// What both sides can read off a finished handshake.
pub(super) struct Settled {
    pub(super) version: TlsVersion,
    pub(super) cipher: &'static str,
    pub(super) group: Option<&'static str>,
    pub(super) peer: Option<PeerCertificate>,
}

impl Settled {
    pub(super) fn read(connection: &CommonState) -> Self {
        Self {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
                _ => TlsVersion::Tls12,
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            group: connection
                .negotiated_key_exchange_group()
                .and_then(|group| group.name().as_str()),
            peer: connection.peer_certificates().and_then(PeerCertificate::read),
        }
    }
}
