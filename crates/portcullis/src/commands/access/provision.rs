//! `portcullis access provision`: the technical checks, and the step that follows.

use registry::{CaseId, CredentialKind, Kept, Person, State, hindering};

use super::office::{Office, Refusal};
use super::secrets::{self, Made, Wanted};
use super::{Acting, Around, Common, Told, Trouble, accounts, checks, keys, show, told};

/// Arguments of `access provision`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Make the technical checks of an approved case now. Where they are green, the grant is set up; where not, it \
        waits for the network, which is told what to change. A running gate does the same by itself, each hour and whenever \
        the files of the network change.\n\nA grant that logs in with a secret gets its first one here. It is shown this \
        once, to be handed to whoever sets the device up; what is kept cannot be logged in with.\n\nStatus 1: it waits for the network."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
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
    if kept.case.state == State::Provisioned && lacks_secret(&kept, &mut office)? {
        return handed_over(&kept, &who, &mut office);
    }
    if !matches!(kept.case.state, State::Approved | State::WaitingNetwork) {
        let said = format!(
            "{id} is {}: what is set up is what people have approved",
            kept.case.state
        );
        return Err(Refusal::new(said).about(id).maybe_advise(told::next(&kept)).into());
    }
    let names = checks::names(&kept, &office);
    let now = office.now();
    let checked = office.desk.check(id, &names, now);
    let (kept, findings) = checked.map_err(|why| office.refused(why, Some(&kept)))?;
    let due = office.next_due(&kept);
    let mut text = checks::findings_table(&findings) + &told::outcome(&kept, due);
    let mut json = told::case(&kept, due);
    let made = first_secret(&kept, &who, &mut office)?;
    if let Some(fields) = json.as_object_mut() {
        fields.insert("checks".to_owned(), findings.iter().map(checks::finding).collect());
        if let Some(made) = &made {
            fields.insert("credential".to_owned(), made.json(&kept));
        }
    }
    if let Some(made) = &made {
        text.push_str(&format!("\n{}", made.text(&kept, &office)));
    } else if kept.case.state == State::Provisioned && keys::has_certificate(&kept, &office) {
        text.push_str(&format!(
            "\nIt serves nobody before its certificate is known: portcullis access rotate {id} --certificate FILE\n"
        ));
    } else if kept.case.state == State::Provisioned && accounts::has_account(&kept, &office) {
        text.push_str(&format!(
            "\nIt serves nobody before its account is known: portcullis access rotate {id} --directory LOGIN\n"
        ));
    }
    Ok(Told {
        status: u8::from(!hindering(&findings).is_empty()),
        aside: checks::reports(&office),
        ..Told::new(text, json)
    })
}

/// The first secret of what was set up now, where it logs in with one.
fn first_secret(kept: &Kept, who: &Person, office: &mut Office<'_>) -> Result<Option<Made>, Trouble> {
    if kept.case.state != State::Provisioned || !lacks_secret(kept, office)? {
        return Ok(None);
    }
    let wanted = Wanted {
        label: secrets::LABEL,
        kind: CredentialKind::DeviceSecret,
        overlap: None,
        chosen: false,
    };
    secrets::make(kept, &wanted, who, office).map(Some)
}

/// Whether it logs in with a secret, and has none yet.
fn lacks_secret(kept: &Kept, office: &mut Office<'_>) -> Result<bool, Trouble> {
    if !secrets::has_secret(kept, office) {
        return Ok(false);
    }
    let all = office.desk.store().credentials(kept.id).map_err(anyhow::Error::from)?;
    Ok(all.is_empty())
}

/// A gate has set it up by itself; only the secret is wanted.
fn handed_over(kept: &Kept, who: &Person, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let made = first_secret(kept, who, office)?;
    let due = office.next_due(kept);
    let mut text = told::outcome(kept, due);
    let mut json = told::case(kept, due);
    if let Some(made) = made {
        text.push_str(&format!("\n{}", made.text(kept, office)));
        if let Some(fields) = json.as_object_mut() {
            fields.insert("credential".to_owned(), made.json(kept));
        }
    }
    Ok(Told::new(text, json))
}
