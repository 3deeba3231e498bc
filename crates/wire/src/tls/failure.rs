//! Why a handshake failed, in words a log reader understands.

use std::fmt;
use std::io;

use rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES;
use rustls::{AlertDescription, Error, PeerIncompatible};

use super::Distrust;
use super::hello::{Opening, old_version, read_opening};

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The peer speaks nothing newer than this version, such as `TLS 1.0`.
    OldVersion(&'static str),
    /// We and the peer have no cipher suite in common.
    NoSharedCipher,
    /// We and the peer have no key exchange group in common.
    NoSharedGroup,
    /// We and the peer have no kind of signature in common, or none that our certificates can make.
    NoSharedSignature,
    /// What came was no TLS; in words what it looked like.
    NotTls(&'static str),
    /// The peer gave up and said why, in the words of RFC 8446 §6.2. `UnknownCA` and `BadCertificate` mean that it does
    /// not trust our certificate.
    Alert(Box<str>),
    /// The peer's certificate is not to be trusted, and was required to be.
    Certificate(Distrust),
    /// The peer closed in the middle.
    Closed,
    /// It took too long.
    Timeout,
    /// The connection broke.
    Io(io::ErrorKind),
    /// TLS was asked for where none is configured; a fault of ours.
    NotConfigured,
    /// The peer broke the protocol.
    Protocol(Box<str>),
}

impl TlsFailure {
    /// Names what happened to a handshake in which these first octets were heard from the peer.
    pub(super) fn name(error: &io::Error, heard: &[u8]) -> Self {
        let opening = read_opening(heard);
        // Many old clients hang up when they read our alert, so whatever the error, an old version explains it.
        if let Opening::ClientHello(hello) = &opening
            && let Some(name) = old_version(hello.version)
        {
            return Self::OldVersion(name);
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::of_tls(error, &opening),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Io(error.kind()),
        }
    }

    fn of_tls(error: &Error, opening: &Opening) -> Self {
        match error {
            Error::PeerIncompatible(what) => Self::of_incompatibility(what),
            Error::AlertReceived(AlertDescription::ProtocolVersion) => Self::OldVersion("no version in common"),
            Error::AlertReceived(alert) => Self::Alert(format!("{alert:?}").into()),
            Error::InvalidCertificate(why) => Self::Certificate(Distrust::read(why)),
            Error::NoCertificatesPresented => Self::Certificate(Distrust::Malformed),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => match opening {
                Opening::Words(words) => Self::NotTls(words),
                Opening::Noise => Self::NotTls("something else"),
                Opening::ClientHello(_) | Opening::Tls | Opening::Silence => Self::Protocol(error.to_string().into()),
            },
            Error::General(what) if what.contains("no server certificate chain resolved") => Self::unsuited(opening),
            other => Self::Protocol(other.to_string().into()),
        }
    }

    /// No certificate of ours suits a client: because none of its cipher suites is ours, or none of its signatures.
    fn unsuited(opening: &Opening) -> Self {
        let shared = |suite: &u16| {
            DEFAULT_CIPHER_SUITES
                .iter()
                .any(|ours| u16::from(ours.suite()) == *suite)
        };
        match opening {
            Opening::ClientHello(hello) if !hello.suites.iter().any(shared) => Self::NoSharedCipher,
            _ => Self::NoSharedSignature,
        }
    }

    fn of_incompatibility(what: &PeerIncompatible) -> Self {
        match what {
            PeerIncompatible::NoCipherSuitesInCommon => Self::NoSharedCipher,
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired => Self::NoSharedGroup,
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => Self::NoSharedSignature,
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => Self::OldVersion("older than TLS 1.2"),
            other => Self::Protocol(format!("{other:?}").into()),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OldVersion(version) => write!(
                f,
                "the peer's TLS is too old ({version}); TLS 1.2 is the least we speak"
            ),
            Self::NoSharedCipher => f.write_str("no cipher suite in common"),
            Self::NoSharedGroup => f.write_str("no key exchange group in common"),
            Self::NoSharedSignature => f.write_str("no certificate of ours suits what the peer understands"),
            Self::NotTls(what) => write!(f, "the peer spoke no TLS but {what}"),
            Self::Alert(alert) => write!(f, "the peer gave up: {alert}"),
            Self::Certificate(why) => write!(f, "the peer's certificate is not to be trusted: {why}"),
            Self::Closed => f.write_str("the peer closed during the handshake"),
            Self::Timeout => f.write_str("the handshake took too long"),
            Self::Io(kind) => write!(f, "the connection broke during the handshake: {kind}"),
            Self::NotConfigured => f.write_str("no certificate is configured for this listener"),
            Self::Protocol(what) => write!(f, "the peer broke the TLS protocol: {what}"),
        }
    }
}

impl std::error::Error for TlsFailure {}
