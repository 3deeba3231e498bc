//! `portcullis access rotate`: a fresh secret takes the place of the one there is, or stands beside it.

use std::time::Duration;

use registry::{CaseId, CredentialKind, Kept, OVERLAP};
use serde_json::Value;

use super::office::{Office, Refusal};
use super::secrets::{self, Wanted};
use super::{Acting, Around, Common, Told, Trouble, accounts, keys, show, tokens, told};
use crate::commands::queue;

/// Arguments of `access rotate`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Make a fresh secret of 20 letters and digits for a grant that logs in. It is shown this once; what is kept \
        cannot be logged in with. The old one holds beside it for 14 days, so that the device can be set without an \
        interruption; with --at-once, for a secret that leaked, no longer at all.\n\nWith --add it stands beside the others \
        under a label of its own, for one program among several. The login is the case, as in pc-1042.\n\nWith --chosen it is a \
        password that a person chose: it is asked for, or read from standard input. It needs 15 characters and may be as long \
        as a sentence; nothing else is asked of it but that nobody would expect it.\n\nA grant that is shown \
        by a certificate has no secret: --certificate or --key says which. It counts by its public key, whoever issued it and \
        for whatever use. With --subject and --authority it counts by a name in it instead, for which an authority of the \
        configuration vouches, whatever its key. The one before holds beside it, as a secret does.\n\nOne that is shown by a token of an issuer (oauth2) has none either: \
        --token and --claim say whose tokens are good for it, in place of what was said before. One whose owner logs in with a \
        password of the directory is bound to an account there by --directory."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// How long the old secret or certificate holds beside the new one. Default: 14d.
    #[arg(long, value_name = "DURATION", value_parser = queue::duration, conflicts_with_all = ["at_once", "add"])]
    overlap: Option<Duration>,
    /// The old secret or certificate holds no longer.
    #[arg(long, conflicts_with = "add")]
    at_once: bool,
    /// Which secret: what it was called when it was added.
    #[arg(long, value_name = "LABEL", conflicts_with = "add")]
    label: Option<String>,
    /// One more secret, of this name.
    #[arg(long, value_name = "LABEL")]
    add: Option<String>,
    /// A password of one's own, asked for or read from standard input.
    #[arg(long)]
    chosen: bool,
    #[command(flatten)]
    which: keys::Which,
    #[command(flatten)]
    token: tokens::Which,
    #[command(flatten)]
    account: accounts::Which,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let kept = office.kept(args.case)?;
    let who = office.who(&args.acting)?;
    let id = kept.id;
    if let Some(proof) = args.which.proof(&kept, &office)? {
        let overlap = if args.at_once {
            Some(Duration::ZERO)
        } else {
            args.overlap
        };
        let known = keys::make_known(&kept, proof, overlap, &who, &mut office)?;
        return Ok(answered(&kept, &office, known.text(&kept, &office), known.json()));
    }
    if let Some(login) = &args.account.directory {
        let known = accounts::make_known(&kept, login, &who, &mut office)?;
        return Ok(answered(&kept, &office, known.text(&kept, &office), known.json()));
    }
    if let Some(token) = args.token.claimed() {
        let known = tokens::make_known(&kept, token, &who, &mut office)?;
        return Ok(answered(&kept, &office, known.text(&kept, &office), known.json()));
    }
    if !secrets::has_secret(&kept, &office) {
        let said = format!("{id} logs in with no secret of ours: {}", kept.form.authentication);
        return Err(Refusal::new(said)
            .about(id)
            .advise(if keys::has_certificate(&kept, &office) {
                "--certificate FILE names another certificate"
            } else if tokens::has_token(&kept, &office) {
                "a token is its issuer's to change; --token ISSUER --claim NAME=VALUE says which one shows it"
            } else if accounts::has_account(&kept, &office) {
                "a directory's password is changed there; --directory LOGIN names another account of it"
            } else {
                "an address has nothing to change"
            })
            .into());
    }
    let all = office.desk.store().credentials(id).map_err(anyhow::Error::from)?;
    let label = args.add.as_deref().or(args.label.as_deref()).unwrap_or(secrets::LABEL);
    let former = all.iter().rev().find(|one| *one.label == *label && is_secret(one.kind));
    if former.is_none() && args.label.is_some() {
        let known: Vec<&str> = all.iter().map(|one| &*one.label).collect();
        return Err(Refusal::new(format!("{id} has no secret that is called {label:?}"))
            .about(id)
            .advise(format!(
                "its secrets are called: {}; --add makes another",
                known.join(", ")
            ))
            .into());
    }
    if former.is_some_and(|one| one.is_live(office.now())) && args.add.is_some() {
        return Err(Refusal::new(format!("{id} has a secret that is called {label:?}"))
            .about(id)
            .advise(format!("rotate it with --label {label:?}, or add one of another name"))
            .into());
    }
    let added = CredentialKind::ApplicationPassword;
    let wanted = Wanted {
        label,
        kind: match (former, &args.add) {
            (Some(former), _) => former.kind,
            (None, Some(_)) => added,
            (None, None) => CredentialKind::DeviceSecret,
        },
        overlap: match (&args.add, args.at_once) {
            (Some(_), _) => None,
            (None, true) => Some(Duration::ZERO),
            (None, false) => Some(args.overlap.unwrap_or(OVERLAP)),
        },
        chosen: args.chosen,
    };
    let made = secrets::make(&kept, &wanted, &who, &mut office)?;
    Ok(answered(&kept, &office, made.text(&kept, &office), made.json(&kept)))
}

fn is_secret(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::DeviceSecret | CredentialKind::ApplicationPassword)
}

fn answered(kept: &Kept, office: &Office<'_>, text: String, credential: Value) -> Told {
    let mut json = told::case(kept, office.next_due(kept));
    if let Some(fields) = json.as_object_mut() {
        fields.insert("credential".to_owned(), credential);
    }
    Told::new(text, json)
}
