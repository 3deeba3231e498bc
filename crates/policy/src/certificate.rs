//! What a certificate tells of whoever holds it.

use std::fmt;

use mail::SubjectName;

use crate::basis::Name;

/// By what a certificate is known: its key, or a name that somebody vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateId {
    /// The SHA-256 of its SubjectPublicKeyInfo, whoever issued it.
    Key([u8; 32]),
    /// A name in it.
    Subject {
        /// The authority that vouches for it: another's word for the same name is another name.
        authority: Name,
        /// The name.
        name: SubjectName,
    },
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key([a, b, c, d, ..]) => write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}"),
            Self::Subject { authority, name } => write!(f, "{name} of {authority}"),
        }
    }
}
