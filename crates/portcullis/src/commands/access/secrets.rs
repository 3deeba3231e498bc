//! Secrets as commands make them: shown once, and kept only as what they are checked by.

use std::time::Duration;

use anyhow::Context as _;
use registry::chosen::{self, Context};
use registry::{Authentication, Credential, CredentialKind, DeskError, Kept, NewCredential, Person, Role, Secret};
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Trouble, told};
use crate::identities::{proof_of, proof_of_chosen};

/// What a device's secret is called, unless somebody says otherwise.
pub(super) const LABEL: &str = "device";
/// Who may make secrets and name certificates, most usual first.
pub(super) const PEOPLE: [Role; 4] = [Role::Admin, Role::Technical, Role::Owner, Role::Security];

/// What is wanted.
pub(super) struct Wanted<'a> {
    pub(super) label: &'a str,
    pub(super) kind: CredentialKind,
    /// How long those of the same label hold beside it; without it, none is replaced.
    pub(super) overlap: Option<Duration>,
    /// Whether a person chooses it.
    pub(super) chosen: bool,
}

/// A secret that was made.
pub(super) struct Made {
    /// To be shown; whoever chose it knows it.
    secret: Option<Secret>,
    credential: Credential,
    /// Those of the same label that end for it.
    ending: Vec<Credential>,
}

/// Whether a grant logs in with a secret of ours.
pub(super) fn has_secret(kept: &Kept, office: &Office<'_>) -> bool {
    let request = office.understood(kept);
    request.is_some_and(|request| request.authentication == Authentication::Password)
}

/// Makes a secret. What is kept of it was kept before it is returned.
pub(super) fn make(kept: &Kept, wanted: &Wanted<'_>, who: &Person, office: &mut Office<'_>) -> Result<Made, Trouble> {
    let (id, now) = (kept.id, office.now());
    let before = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let live: Vec<Credential> = before.into_iter().filter(|one| one.is_live(now)).collect();
    let rng = &*office.around.rng;
    let (secret, proof) = if wanted.chosen {
        let password = choose(kept, wanted, office)?;
        (None, proof_of_chosen(&password, rng))
    } else {
        let secret = Secret::fresh(rng);
        let proof = proof_of(&secret, &live, rng);
        (Some(secret), proof)
    };
    let new = NewCredential {
        kind: wanted.kind,
        label: wanted.label.into(),
        proof: proof.context("the secret could not be made")?,
    };
    let roles = office.people.roles_in(who, kept);
    let credential = office.first_possible(kept, who, &roles, &PEOPLE, |desk, actor| -> Result<_, DeskError> {
        match wanted.overlap {
            Some(overlap) => desk.rotate(id, &new, overlap, actor, now),
            None => desk.issue(id, &new, actor, now),
        }
    })?;
    let all = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let replaced = |one: &Credential| live.iter().any(|old| old.number == one.number && old.ends != one.ends);
    Ok(Made {
        secret,
        credential,
        ending: all.into_iter().filter(replaced).collect(),
    })
}

/// Asks for a password, and looks whether it may be one.
fn choose(kept: &Kept, wanted: &Wanted<'_>, office: &Office<'_>) -> Result<Secret, Trouble> {
    let organisation = &office.config.rulebook.organisation;
    let domains: Vec<String> = organisation.domains.iter().map(ToString::to_string).collect();
    let (id, hostname) = (kept.id.to_string(), office.config.hostname.to_string());
    let texts = [&*organisation.name, &*id, &*hostname, wanted.label];
    let context = Context::of(texts.into_iter().chain(domains.iter().map(String::as_str)));
    let password = (office.around.typed)().context("no password could be read")?;
    match chosen::check(&password, &context) {
        Ok(()) => Ok(Secret::chosen(&password)),
        Err(why) => Err(Refusal::new(why.to_string()).about(kept.id).advise(why.advice()).into()),
    }
}

impl Made {
    /// For people: this once.
    pub(super) fn text(&self, kept: &Kept, office: &Office<'_>) -> String {
        let shown = match &self.secret {
            Some(secret) => format!("The secret, shown this once:\n\n    {}\n\n", &**secret),
            None => "The password is set.\n\n".to_owned(),
        };
        let mut text = format!("{shown}  login    {}\n  server   {}\n", kept.id, office.config.hostname);
        for one in &self.ending {
            if let Some(ends) = one.ends {
                let said = if ends <= office.now() {
                    "holds no longer".to_owned()
                } else {
                    format!("holds until {}", told::minute(ends))
                };
                text.push_str(&format!(
                    "  before   number {}, {:?}, {said}\n",
                    one.number, &*one.label
                ));
            }
        }
        text
    }

    /// For programs: this once.
    pub(super) fn json(&self, kept: &Kept) -> Value {
        json!({
            "login": kept.id.to_string(),
            "secret": self.secret.as_deref(),
            "number": self.credential.number,
            "label": self.credential.label,
            "kind": self.credential.kind.code(),
            "ending": self.ending.iter().map(|one| json!({
                "number": one.number,
                "label": one.label,
                "ends": told::time(one.ends),
            })).collect::<Vec<_>>(),
        })
    }
}
