//! What becomes of the secrets that logins had before.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context;
use registry::{Actor, CaseId, CredentialKind, Kept, NewCredential, Proof};

use super::super::office::Office;
use super::super::{Trouble, secrets};
use super::{Args, OCTETS_MAX};
use crate::identities::{proof_of_hash, proof_of_scram};
use crate::registrar::import::Item;
use crate::registrar::import::secrets::{Known, read};

/// What becomes of the secret of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handover {
    /// It is good for the case.
    Kept(&'static str),
    /// Its people get a link to a new one.
    Linked,
    /// It needs a new one, and why.
    Needed(String),
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(kind) => write!(f, "its secret is kept ({kind})"),
            Self::Linked => f.write_str("its technical contact gets a link to a new secret"),
            Self::Needed(why) => write!(f, "it needs a new secret: {why}"),
        }
    }
}

impl Handover {
    /// The same of a case that was kept.
    pub(super) fn of_case(&self, id: CaseId) -> String {
        match self {
            Self::Kept(_) | Self::Linked => format!("logs in as {id}; {self}"),
            Self::Needed(_) => format!("logs in as {id}; {self}; portcullis access rotate {id}"),
        }
    }
}

/// What the secrets of logins are checked by until now.
pub(super) struct Secrets {
    known: Option<BTreeMap<String, Known>>,
    links: bool,
}

impl Secrets {
    pub(super) fn of(args: &Args) -> Result<Self, Trouble> {
        let links = args.links;
        let Some(file) = &args.passwords else {
            return Ok(Self { known: None, links });
        };
        let cannot = || format!("{} cannot be read", file.display());
        if std::fs::metadata(file).with_context(cannot)?.len() > OCTETS_MAX {
            return Err(Trouble::Failed(anyhow::anyhow!(
                "{} is larger than 256 MiB",
                file.display()
            )));
        }
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).with_context(cannot)?);
        let known = Some(read(&text));
        Ok(Self { known, links })
    }

    /// What becomes of that of an item; `None` where it had no login.
    pub(super) fn of_login(&self, item: &Item) -> Option<Handover> {
        let why = match (&self.known, self.known(item)) {
            _ if item.login.is_none() => return None,
            (_, Some(Known::Argon2(_))) => return Some(Handover::Kept("Argon2id")),
            (_, Some(Known::Scram(_))) => return Some(Handover::Kept("SCRAM-SHA-256")),
            _ if self.links => return Some(Handover::Linked),
            (_, Some(Known::Not(why))) => why.clone(),
            (Some(_), None) => "the file of passwords does not name it".to_owned(),
            (None, None) => "the table has none (--passwords)".to_owned(),
        };
        Some(Handover::Needed(why))
    }

    fn known(&self, item: &Item) -> Option<&Known> {
        self.known.as_ref()?.get(&item.login.as_ref()?.to_lowercase())
    }

    /// Lets the case be proved by the secret of its login, where that is known.
    pub(super) fn hand_over(
        &self,
        item: &Item,
        kept: &Kept,
        actor: &Actor,
        office: &mut Office<'_>,
    ) -> Result<(), Trouble> {
        let proof: Proof = match self.known(item) {
            Some(Known::Argon2(hash)) => proof_of_hash(hash),
            Some(Known::Scram(scram)) => proof_of_scram(scram),
            Some(Known::Not(_)) | None => return Ok(()),
        };
        let new = NewCredential {
            kind: CredentialKind::DeviceSecret,
            label: secrets::LABEL.into(),
            proof,
        };
        let now = office.now();
        let issued = office.desk.issue(kept.id, &new, actor, now);
        issued.map(drop).map_err(|why| office.refused(why, Some(kept)))
    }
}
