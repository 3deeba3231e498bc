//! Tokens as commands make them known: who issues them, and what they have to claim to be good for a grant.

use std::time::Duration;

use registry::{Authentication, Claimed, Credential, CredentialKind, Kept, NewCredential, Person, Proof};
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Trouble, secrets};
use crate::identities::{TokenRule, Verifier};

/// What tells of a token.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Which {
    /// Who issues the tokens that show a grant: the name of one of [identities.issuers].
    #[arg(long, value_name = "ISSUER", requires = "claims",
          conflicts_with_all = ["overlap", "at_once", "label", "add", "chosen", "certificate", "key", "subject"])]
    token: Option<String>,
    /// What such a token claims, as in sub=job:reports; may be said several times, and each has to hold.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim, requires = "token")]
    claims: Vec<(String, String)>,
}

impl Which {
    /// What a token has to say, where one is told of.
    pub(super) fn claimed(&self) -> Option<Claimed> {
        self.token.as_ref().map(|issuer| Claimed {
            issuer: issuer.as_str().into(),
            claims: self.claims.iter().cloned().collect(),
        })
    }
}

fn claim(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as in sub=job:reports".to_owned()),
    }
}

/// A token that was made known.
pub(super) struct Known {
    claimed: Claimed,
    credential: Credential,
}

/// Whether a grant is shown by a token.
pub(super) fn has_token(kept: &Kept, office: &Office<'_>) -> bool {
    let request = office.understood(kept);
    request.is_some_and(|request| request.authentication == Authentication::OAuth2)
}

/// Makes known which tokens are good for a grant. What was said before holds no longer: a grant has one client.
pub(super) fn make_known(
    kept: &Kept,
    claimed: Claimed,
    who: &Person,
    office: &mut Office<'_>,
) -> Result<Known, Trouble> {
    let (id, now) = (kept.id, office.now());
    if !has_token(kept, office) {
        let said = format!("{id} is shown by no token: {}", kept.form.authentication);
        let way = format!(
            "how it logs in is changed like everything else that was asked for: portcullis access request --case {id} \
             --authentication oauth2"
        );
        return Err(Refusal::new(said).about(id).advise(way).into());
    }
    let issuers = &office.config.vouching.issuers;
    if !issuers.contains_key(&*claimed.issuer) {
        let known: Vec<&str> = issuers.keys().map(|name| &**name).collect();
        let advice = match known.is_empty() {
            true => format!(
                "declare it in the configuration: [identities.issuers.{}]",
                claimed.issuer
            ),
            false => format!("one of: {}", known.join(", ")),
        };
        let said = format!("there is no issuer {}", claimed.issuer);
        return Err(Refusal::new(said).about(id).advise(advice).into());
    }
    if let Some(other) = whose(&claimed, kept, office)? {
        return Err(Refusal::new(format!("such a token shows {other} already"))
            .about(id)
            .advise("say more of what it claims: what two can show, nobody can tell apart")
            .into());
    }
    let new = NewCredential {
        kind: CredentialKind::Token,
        label: secrets::LABEL.into(),
        proof: Proof::Token(claimed.clone()),
    };
    let roles = office.people.roles_in(who, kept);
    let credential = office.first_possible(kept, who, &roles, &secrets::PEOPLE, |desk, actor| {
        desk.rotate(id, &new, Duration::ZERO, actor, now)
    })?;
    Ok(Known { claimed, credential })
}

/// Whom such a token shows already.
fn whose(claimed: &Claimed, kept: &Kept, office: &mut Office<'_>) -> Result<Option<String>, Trouble> {
    let rule = TokenRule {
        issuer: (&*claimed.issuer).into(),
        claims: claimed.claims.clone(),
    };
    let rule = Verifier::Token(rule);
    let mut pinned = office.config.logins.iter().filter(|(_, verifier)| **verifier == rule);
    if let Some((login, _)) = pinned.next() {
        return Ok(Some(format!("the login {login}")));
    }
    let now = office.now();
    let all = office.desk.store().live_credentials(now).map_err(anyhow::Error::from)?;
    let other = all
        .into_iter()
        .find(|(id, credential)| *id != kept.id && credential.proof == Proof::Token(claimed.clone()));
    Ok(other.map(|(id, _)| id.to_string()))
}

impl Known {
    /// For people.
    pub(super) fn text(&self, kept: &Kept, office: &Office<'_>) -> String {
        let mut text = format!(
            "{} is shown by a token of {} that claims\n\n",
            kept.id, self.claimed.issuer
        );
        for (name, value) in &self.claimed.claims {
            text.push_str(&format!("    {name} = {value}\n"));
        }
        text.push_str(&format!(
            "\n  login    {}, or none\n  server   {}\n",
            kept.id, office.config.hostname
        ));
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "issuer": self.claimed.issuer,
            "claims": self.claimed.claims,
            "number": self.credential.number,
            "label": self.credential.label,
            "kind": self.credential.kind.code(),
        })
    }
}
