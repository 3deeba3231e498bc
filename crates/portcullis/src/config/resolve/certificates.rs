//! Certificates and other files that must be there, readable and right.

use std::path::{Path, PathBuf};

use mail::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::desk::Desk;
use crate::config::file::{At, Certificate};
use crate::config::{CertificateFiles, Problem};

/// Days before its end from which a certificate is worth a warning.
const DAYS_LEFT_MIN: i64 = 14;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The certificates of a list; those that are wrong are left out and noted.
pub(super) fn resolve(written: &[At<Certificate>], desk: &mut Desk<'_>) -> Vec<CertificateFiles> {
    written.iter().filter_map(|one| pair(one, desk)).collect()
}

/// A chain and its key.
pub(super) fn pair(written: &At<Certificate>, desk: &mut Desk<'_>) -> Option<CertificateFiles> {
    if let Some(name) = &written.acme {
        desk.say(
            Problem::error(name.span(), "fetching certificates is not available yet")
                .why("it comes later, together with their renewal")
                .advise("give files: `{ chain = \"...\", key = \"...\" }`"),
        );
        return None;
    }
    let (Some(chain_at), Some(key_at)) = (&written.chain, &written.key) else {
        desk.say(
            Problem::error(written.span(), "a certificate has a chain and a key")
                .advise("write `{ chain = \"/etc/portcullis/mail.pem\", key = \"/etc/portcullis/mail.key\" }`"),
        );
        return None;
    };
    let chain = certificates(chain_at, desk);
    let key = key(key_at, desk);
    let (chain, key) = (chain?, key?);
    if let Some(leaf) = chain.first() {
        validity(leaf, chain_at, desk);
    }
    if !belong_together(chain, key) {
        desk.say(
            Problem::error(key_at.span(), "this key does not belong to the certificate")
                .also(chain_at.span(), "this certificate")
                .why("every handshake would fail")
                .advise("give the key the certificate was made for; the chain begins with our own certificate"),
        );
        return None;
    }
    Some(CertificateFiles {
        chain: desk.path(chain_at),
        key: desk.path(key_at),
    })
}

/// The certificates in a PEM file; there must be at least one.
pub(super) fn certificates(written: &At<PathBuf>, desk: &mut Desk<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let octets = contents(written, desk)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Some(chain),
        _ => {
            desk.say(
                Problem::error(written.span(), "there is no certificate in this file")
                    .advise("it is text with a block that begins with -----BEGIN CERTIFICATE-----"),
            );
            None
        }
    }
}

fn key(written: &At<PathBuf>, desk: &mut Desk<'_>) -> Option<PrivateKeyDer<'static>> {
    let octets = zeroize::Zeroizing::new(contents(written, desk)?);
    let key = PrivateKeyDer::from_pem_slice(&octets).ok();
    if key.is_none() {
        desk.say(
            Problem::error(written.span(), "there is no private key in this file").advise(
                "it is text with a block that begins with -----BEGIN PRIVATE KEY-----; keys with a passphrase are not \
                 taken",
            ),
        );
    }
    key
}

/// The octets of a file that must be readable.
pub(super) fn contents(written: &At<PathBuf>, desk: &mut Desk<'_>) -> Option<Vec<u8>> {
    let path = desk.path(written);
    std::fs::read(&path)
        .map_err(|why| desk.say(unreadable(written, &path, &why)))
        .ok()
}

fn unreadable(written: &At<PathBuf>, path: &Path, why: &std::io::Error) -> Problem {
    let what = match why.kind() {
        std::io::ErrorKind::NotFound => "this file is not there",
        std::io::ErrorKind::PermissionDenied => "this file may not be read",
        _ => "this file cannot be read",
    };
    let problem = Problem::error(written.span(), what);
    if written.is_absolute() {
        problem
    } else {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        problem.why(format!("it is looked for beside the configuration, in {:?}", folder))
    }
}

/// rustls finds out whether the key signs for the certificate. A key type it cannot compare passes.
fn belong_together(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> bool {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider).is_ok()
}

fn validity(leaf: &CertificateDer<'_>, at: &At<PathBuf>, desk: &mut Desk<'_>) {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else {
        desk.say(Problem::error(at.span(), "the certificate cannot be read"));
        return;
    };
    let end = Timestamp::from_secs(parsed.validity().not_after.timestamp());
    let left = end.0.saturating_sub(desk.machine.now.0);
    if left < 0 {
        desk.say(
            Problem::warning(at.span(), format!("this certificate ended on {}", end.to_date()))
                .why("servers and devices that look at it will not send")
                .advise("renew it"),
        );
    } else if left < DAYS_LEFT_MIN * DAY {
        desk.say(
            Problem::warning(at.span(), format!("this certificate ends on {}", end.to_date())).advise("renew it now"),
        );
    }
}
