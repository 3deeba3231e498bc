//! Certificates that clients show, and the files of authorities.

use mail::SubjectName;
use wire::{Authority, names_for_clients};

/// What PEM is made of; most of a certificate is DER.
pub(crate) const WORDS: &[&[u8]] = &[
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----END CERTIFICATE-----\n",
    b"-----BEGIN X509 CRL-----\n",
    b"-----END X509 CRL-----\n",
    b"ups-7.example.edu",
    b"*.example.edu",
    b"\x06\x03\x55\x04\x03",
    b"\x06\x03\x55\x1d\x11",
    b"\x06\x03\x55\x1d\x25",
    b"\x30\x82",
];

/// Names at most of which anybody is one.
const NAMES_MAX: usize = 32;

/// Whatever a certificate has in it, each of its names is one name that people could write.
pub(crate) fn run(octets: &[u8]) {
    for name in names_for_clients(octets).into_iter().flatten() {
        assert_eq!(SubjectName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!(!name.as_str().contains(char::is_control));
        assert!(!name.as_str().starts_with("dns:*"), "{name}");
    }
    if let Ok(names) = names_for_clients(octets) {
        assert!(names.len() <= NAMES_MAX);
    }
    // An authority is one with or without what it revoked, or none.
    let name = || "campus".into();
    if Authority::new(name(), octets, Some(octets)).is_ok() {
        assert!(Authority::new(name(), octets, None).is_ok());
    }
}
