//! Certificates as commands make them known: each by its public key alone, so that one which is renewed with the same key
//! needs no command, and whoever issued it is asked nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use policy::By;
use registry::{Authentication, Credential, CredentialKind, Kept, NewCredential, Person, Proof};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Trouble, secrets, told};
use crate::config::file::{Pin, Spelled as _};

/// What tells of a certificate.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct Which {
    /// The device's certificate in PEM, for a grant that is shown by one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["overlap", "at_once", "label", "add"])]
    certificate: Option<PathBuf>,
    /// The SHA-256 of its public key instead, as 64 hexadecimal digits.
    #[arg(long, value_name = "SHA256", value_parser = sha256, conflicts_with_all = ["overlap", "at_once", "label", "add"])]
    key: Option<[u8; 32]>,
}

impl Which {
    /// The key, where one is told of.
    pub(super) fn key(&self) -> Result<Option<[u8; 32]>, Trouble> {
        match &self.certificate {
            Some(file) => key_in(file).map(Some),
            None => Ok(self.key),
        }
    }
}

/// A certificate that was made known.
pub(super) struct Known {
    key: [u8; 32],
    credential: Credential,
    /// Those that it took the place of.
    ended: Vec<Credential>,
}

/// Whether a grant is shown by a certificate.
pub(super) fn has_certificate(kept: &Kept, office: &Office<'_>) -> bool {
    let request = office.understood(kept);
    request.is_some_and(|request| request.authentication == Authentication::Certificate)
}

/// Makes a certificate known. The one before it holds no longer: a grant has one client.
pub(super) fn make_known(kept: &Kept, key: [u8; 32], who: &Person, office: &mut Office<'_>) -> Result<Known, Trouble> {
    let (id, now) = (kept.id, office.now());
    if !has_certificate(kept, office) {
        let said = format!("{id} is shown by no certificate: {}", kept.form.authentication);
        return Err(Refusal::new(said)
            .about(id)
            .advise(format!(
                "how it logs in is changed like everything else that was asked for: portcullis access request --case {id} \
                 --authentication certificate"
            ))
            .into());
    }
    if let Some(other) = whose(key, kept, office)? {
        return Err(Refusal::new(format!("this key shows {other} already"))
            .about(id)
            .advise("each grant has a key of its own: what two can show, nobody can tell apart")
            .into());
    }
    let before = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let new = NewCredential {
        kind: CredentialKind::Certificate,
        label: secrets::LABEL.into(),
        proof: Proof::Key(key),
    };
    let roles = office.people.roles_in(who, kept);
    let credential = office.first_possible(kept, who, &roles, &secrets::PEOPLE, |desk, actor| {
        desk.rotate(id, &new, Duration::ZERO, actor, now)
    })?;
    let ended = before
        .into_iter()
        .filter(|one| one.kind == new.kind && one.is_live(now));
    Ok(Known {
        key,
        credential,
        ended: ended.collect(),
    })
}

/// Whose client has this key already.
fn whose(key: [u8; 32], kept: &Kept, office: &mut Office<'_>) -> Result<Option<String>, Trouble> {
    let pinned = office.config.rulebook.grants.iter();
    let pinned = pinned.filter(|grant| grant.by == By::Certificate(key));
    if let Some(grant) = pinned.map(|grant| grant.name.to_string()).next() {
        return Ok(Some(grant));
    }
    let now = office.now();
    let all = office.desk.store().live_credentials(now).map_err(anyhow::Error::from)?;
    let other = all
        .into_iter()
        .find(|(id, credential)| *id != kept.id && credential.proof == Proof::Key(key));
    Ok(other.map(|(id, _)| id.to_string()))
}

impl Known {
    /// For people.
    pub(super) fn text(&self, kept: &Kept, office: &Office<'_>) -> String {
        let mut text = format!(
            "{} is shown by the certificate of this key, whoever issued it:\n\n    {}\n\n  login    none\n  server   {}\n",
            kept.id,
            hex(&self.key),
            office.config.hostname
        );
        for one in &self.ended {
            text.push_str(&format!("  before   number {} holds no longer\n", one.number));
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "key_sha256": hex(&self.key),
            "number": self.credential.number,
            "label": self.credential.label,
            "kind": self.credential.kind.code(),
            "ending": self.ended.iter().map(|one| json!({
                "number": one.number,
                "label": one.label,
                "ends": told::time(Some(self.credential.made)),
            })).collect::<Vec<_>>(),
        })
    }
}

/// The key of the first certificate in a file.
fn key_in(file: &Path) -> Result<[u8; 32], Trouble> {
    let name = file.display();
    let octets = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    let no_certificate =
        || {
            Trouble::from(Refusal::new(format!("there is no certificate in {name}")).advise(
                "it is text with a block that begins with -----BEGIN CERTIFICATE-----; keys are never needed here",
            ))
        };
    let first = CertificateDer::pem_slice_iter(&octets).next();
    let Some(Ok(certificate)) = first else {
        return Err(no_certificate());
    };
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| no_certificate())?;
    let sha256 = digest(&SHA256, certificate.public_key().raw);
    sha256.as_ref().try_into().map_err(|_| no_certificate())
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    Pin::spell(text.trim()).map(|pin| pin.0)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
