//! The demo's own certification authority.

use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm,
};

/// Names and addresses every server of the demo answers to.
const NAMES: [&str; 4] = [
    "localhost",
    "gate.example.edu",
    "mail.inside.example.edu",
    "outside.example.net",
];
const ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];

/// Writes `ca.pem`, and `gate-ecdsa.pem`, `gate-rsa.pem`, `sink.pem` each with its `.key`, into `dir`.
pub(super) fn write(dir: &Path) -> anyhow::Result<()> {
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "Portcullis demo authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = authority.self_signed(&authority_key)?;
    std::fs::write(dir.join("ca.pem"), certificate.pem())?;
    let issuer = Issuer::new(authority, authority_key);
    server(dir, "gate-ecdsa", &PKCS_ECDSA_P256_SHA256, &issuer)?;
    server(dir, "gate-rsa", &PKCS_RSA_SHA256, &issuer)?;
    server(dir, "sink", &PKCS_ECDSA_P256_SHA256, &issuer)
}

fn server(
    dir: &Path,
    name: &str,
    algorithm: &'static SignatureAlgorithm,
    issuer: &Issuer<'_, KeyPair>,
) -> anyhow::Result<()> {
    let key = KeyPair::generate_for(algorithm)?;
    let names = NAMES
        .iter()
        .chain(&ADDRESSES)
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, issuer)?;
    std::fs::write(dir.join(format!("{name}.pem")), certificate.pem())?;
    write_secret(&dir.join(format!("{name}.key")), key.serialize_pem().as_bytes())
}

/// Writes a file that only its owner may read.
pub(super) fn write_secret(path: &Path, octets: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // A file left by an earlier demo may have another mode; it goes first.
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(octets)?;
    Ok(())
}
