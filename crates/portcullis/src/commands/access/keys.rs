//! Certificates as commands make them known: by the public key alone, so that one which is renewed with the same key needs
//! no command and whoever issued it is asked nothing; or by a name in it, for which an authority vouches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use mail::SubjectName;
use policy::By;
use registry::{Authentication, Credential, CredentialKind, Kept, NewCredential, OVERLAP, Person, Proof, Subject};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Trouble, secrets, shown, told};
use crate::config::file::{Pin, Spelled as _};

/// What tells of a certificate.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Which {
    /// The device's certificate in PEM, for a grant that is shown by one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["label", "add", "chosen", "key", "subject"])]
    certificate: Option<PathBuf>,
    /// The SHA-256 of its public key instead, as 64 hexadecimal digits.
    #[arg(long, value_name = "SHA256", value_parser = sha256, conflicts_with_all = ["label", "add", "chosen", "subject"])]
    key: Option<[u8; 32]>,
    /// A name in it instead, as in dns:ups-7.example.edu, whatever its key; email:, uri:, cn: and dn: are others.
    #[arg(long, value_name = "NAME", value_parser = SubjectName::parse, requires = "authority",
          conflicts_with_all = ["label", "add", "chosen"])]
    subject: Option<SubjectName>,
    /// Who vouches for that name: one of [identities.authorities].
    #[arg(long, value_name = "AUTHORITY", requires = "subject")]
    authority: Option<String>,
}

impl Which {
    /// By what the certificate is known, where one is told of.
    pub(super) fn proof(&self, kept: &Kept, office: &Office<'_>) -> Result<Option<Proof>, Trouble> {
        match (&self.certificate, self.key, &self.subject, &self.authority) {
            (Some(file), ..) => key_in(file).map(Proof::Key).map(Some),
            (_, Some(key), ..) => Ok(Some(Proof::Key(key))),
            (_, _, Some(name), Some(authority)) => {
                is_declared(authority, kept, office)?;
                let subject = Subject {
                    authority: authority.as_str().into(),
                    name: name.as_str().into(),
                };
                Ok(Some(Proof::Subject(subject)))
            }
            _ => Ok(None),
        }
    }
}

fn is_declared(authority: &str, kept: &Kept, office: &Office<'_>) -> Result<(), Trouble> {
    let authorities = &office.config.vouching.authorities;
    if authorities.contains_key(authority) {
        return Ok(());
    }
    let known: Vec<&str> = authorities.keys().map(|name| &**name).collect();
    let advice = match known.is_empty() {
        true => format!("declare it in the configuration: [identities.authorities.{authority}]"),
        false => format!("one of: {}", known.join(", ")),
    };
    let said = format!("there is no authority {authority}");
    Err(Refusal::new(said).about(kept.id).advise(advice).into())
}

/// A certificate that was made known.
pub(super) struct Known {
    credential: Credential,
    /// Those that it takes the place of.
    ending: Vec<Credential>,
}

/// Whether a grant is shown by a certificate.
pub(super) fn has_certificate(kept: &Kept, office: &Office<'_>) -> bool {
    let request = office.understood(kept);
    request.is_some_and(|request| request.authentication == Authentication::Certificate)
}

/// Makes a certificate known. The one before it holds beside it for a while, as a secret would, so that the device can be
/// set without an interruption.
pub(super) fn make_known(
    kept: &Kept,
    proof: Proof,
    overlap: Option<Duration>,
    who: &Person,
    office: &mut Office<'_>,
) -> Result<Known, Trouble> {
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
    if let Some(other) = whose(&proof, kept, office)? {
        return Err(Refusal::new(format!("such a certificate shows {other} already"))
            .about(id)
            .advise("each grant has a key or a name of its own: what two can show, nobody can tell apart")
            .into());
    }
    let before = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let new = NewCredential {
        kind: CredentialKind::Certificate,
        label: secrets::LABEL.into(),
        proof,
    };
    let roles = office.people.roles_in(who, kept);
    let overlap = overlap.unwrap_or(OVERLAP);
    let credential = office.first_possible(kept, who, &roles, &secrets::PEOPLE, |desk, actor| {
        desk.rotate(id, &new, overlap, actor, now)
    })?;
    let all = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let replaced = |one: &Credential| {
        let mut live = before.iter().filter(|old| old.is_live(now));
        live.any(|old| old.number == one.number && old.ends != one.ends)
    };
    Ok(Known {
        credential,
        ending: all.into_iter().filter(replaced).collect(),
    })
}

/// Whose client shows this already.
fn whose(proof: &Proof, kept: &Kept, office: &mut Office<'_>) -> Result<Option<String>, Trouble> {
    let wanted = proof.certificate();
    let is_shown = |by: &By| matches!(by, By::Certificate(ids) if ids.iter().any(|id| Some(id) == wanted.as_ref()));
    let mut pinned = office.config.rulebook.grants.iter().filter(|grant| is_shown(&grant.by));
    if let Some(grant) = pinned.next() {
        return Ok(Some(grant.name.to_string()));
    }
    let now = office.now();
    let all = office.desk.store().live_credentials(now).map_err(anyhow::Error::from)?;
    let other = all
        .into_iter()
        .find(|(id, credential)| *id != kept.id && credential.proof == *proof);
    Ok(other.map(|(id, _)| id.to_string()))
}

impl Known {
    /// For people.
    pub(super) fn text(&self, kept: &Kept, office: &Office<'_>) -> String {
        let (id, server) = (kept.id, &office.config.hostname);
        let shown = match &self.credential.proof {
            Proof::Key(key) => format!("of this key, whoever issued it:\n\n    {}", shown::hex(key)),
            Proof::Subject(subject) => format!(
                "of this name, while {} vouches for it:\n\n    {}",
                subject.authority, subject.name
            ),
            Proof::Secret { .. } | Proof::Token(_) | Proof::Account(_) => String::new(),
        };
        let mut text = format!("{id} is shown by the certificate {shown}\n\n  login    none\n  server   {server}\n");
        for one in &self.ending {
            text.push_str(&format!(
                "  before   number {} {}\n",
                one.number,
                shown::ends(one, office.now())
            ));
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let mut json = shown::credential(&self.credential);
        let ending = self.ending.iter().map(|one| {
            json!({
                "number": one.number,
                "label": one.label,
                "ends": told::time(one.ends),
            })
        });
        if let Some(fields) = json.as_object_mut() {
            fields.insert("ending".to_owned(), ending.collect());
        }
        json
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
