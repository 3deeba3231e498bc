//! Accounts of the directory as commands make them known: who logs in with a password that it knows.

use std::time::Duration;

use policy::By;
use registry::{Authentication, CaseId, Credential, CredentialKind, Kept, NewCredential, Person, Proof};
use serde_json::Value;

use super::office::{Office, Refusal};
use super::{Trouble, secrets, shown};

/// Octets of a login at most.
const LOGIN_OCTETS_MAX: usize = 255;

/// What tells of an account.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Which {
    /// Who logs in, as the directory knows them: a grant of theirs has no secret of ours.
    #[arg(long, value_name = "LOGIN", value_parser = login,
          conflicts_with_all = ["overlap", "at_once", "label", "add", "chosen", "certificate", "key", "subject", "token"])]
    pub(super) directory: Option<String>,
}

fn login(text: &str) -> Result<String, String> {
    let login = text.trim();
    let fits = (1..=LOGIN_OCTETS_MAX).contains(&login.len()) && !login.contains(char::is_control);
    match fits {
        true if CaseId::parse(login).is_some() => Err("that is the login of a case".to_owned()),
        true => Ok(login.to_owned()),
        false => Err("write it as it is typed: 1 to 255 printable characters".to_owned()),
    }
}

/// An account that was made known.
pub(super) struct Known {
    login: String,
    credential: Credential,
}

/// Whether a grant is shown by a password of the directory.
pub(super) fn has_account(kept: &Kept, office: &Office<'_>) -> bool {
    let request = office.understood(kept);
    request.is_some_and(|request| request.authentication == Authentication::Directory)
}

/// Makes known whose account shows a grant. The one before holds no longer: a grant has one client.
pub(super) fn make_known(kept: &Kept, login: &str, who: &Person, office: &mut Office<'_>) -> Result<Known, Trouble> {
    let (id, now) = (kept.id, office.now());
    if !has_account(kept, office) {
        let said = format!(
            "{id} is shown by no account of a directory: {}",
            kept.form.authentication
        );
        let way = format!(
            "how it logs in is changed like everything else that was asked for: portcullis access request --case {id} \
             --authentication directory"
        );
        return Err(Refusal::new(said).about(id).advise(way).into());
    }
    if office.config.vouching.directory.is_none() {
        return Err(Refusal::new("there is no directory".to_owned())
            .about(id)
            .advise("declare it in the configuration: [identities.directory]")
            .into());
    }
    if let Some(other) = whose(login, kept, office)? {
        return Err(Refusal::new(format!("{login} is the login of {other} already"))
            .about(id)
            .advise("a login leads to one grant; what that one may not send is asked for there, or it ends first")
            .into());
    }
    let new = NewCredential {
        kind: CredentialKind::Account,
        label: secrets::LABEL.into(),
        proof: Proof::Account(login.into()),
    };
    let roles = office.people.roles_in(who, kept);
    let credential = office.first_possible(kept, who, &roles, &secrets::PEOPLE, |desk, actor| {
        desk.rotate(id, &new, Duration::ZERO, actor, now)
    })?;
    Ok(Known {
        login: login.to_owned(),
        credential,
    })
}

/// Whose login this is already. Logins compare without ASCII case.
fn whose(login: &str, kept: &Kept, office: &mut Office<'_>) -> Result<Option<String>, Trouble> {
    let is_this = |by: &By| matches!(by, By::Login(name) if name.eq_ignore_ascii_case(login));
    let mut pinned = office.config.rulebook.grants.iter().filter(|grant| is_this(&grant.by));
    if let Some(grant) = pinned.next() {
        return Ok(Some(grant.name.to_string()));
    }
    let now = office.now();
    let all = office.desk.store().live_credentials(now).map_err(anyhow::Error::from)?;
    let same = |proof: &Proof| {
        proof
            .account()
            .is_some_and(|account| account.eq_ignore_ascii_case(login))
    };
    let other = all
        .into_iter()
        .find(|(id, credential)| *id != kept.id && same(&credential.proof));
    Ok(other.map(|(id, _)| id.to_string()))
}

impl Known {
    /// For people.
    pub(super) fn text(&self, kept: &Kept, office: &Office<'_>) -> String {
        format!(
            "{} is shown by the directory's word for this login.\n\n  login    {}\n  server   {}\n",
            kept.id, self.login, office.config.hostname
        )
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        shown::credential(&self.credential)
    }
}
