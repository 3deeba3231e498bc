//! `portcullis access show`: everything about a case.

use registry::{CaseId, Credential, Kept, Taken};
use serde_json::{Value, json};

use super::office::Office;
use super::pinned::{self, Named};
use super::{Around, Common, Told, Trouble, shown, told};
use crate::story::Printable;

/// Arguments of `access show`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Tell everything about a grant: what is asked for, who its people are, where it stands and since when, what \
        comes next and by whom, and every step it took, with who took it and why."
)]
pub(super) struct Args {
    /// The case, as in pc-1042; or a grant of the configuration file, by its name there.
    #[arg(value_name = "GRANT", value_parser = Named::read)]
    grant: Named,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Reads the number of a case.
pub(super) fn id(text: &str) -> Result<CaseId, String> {
    CaseId::parse(text).ok_or_else(|| "this is no case; write it as pc-1042".to_owned())
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    if let Some(pin) = args.grant.pinned(&mut office)? {
        return pinned::show(&pin, &mut office);
    }
    let kept = office.kept(args.grant.case()?)?;
    let history = office.desk.store().history(kept.id).map_err(anyhow::Error::from)?;
    let now = office.now();
    let mut credentials = office.desk.store().credentials(kept.id).map_err(anyhow::Error::from)?;
    credentials.retain(|one| one.is_live(now));
    let mut json = told::case(&kept, office.next_due(&kept));
    if let Some(fields) = json.as_object_mut() {
        fields.insert(
            "credentials".to_owned(),
            credentials.iter().map(shown::credential).collect(),
        );
        fields.insert("form".to_owned(), serde_json::to_value(&kept.form).unwrap_or_default());
        fields.insert("history".to_owned(), history.iter().map(step).collect());
    }
    Ok(Told::new(text(&kept, &credentials, &history, &office), json))
}

/// A step, for programs.
pub(super) fn step(taken: &Taken) -> Value {
    let evidence = taken
        .evidence
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "number": taken.number,
        "at": taken.at.to_rfc3339(),
        "actor": taken.actor,
        "event": taken.event,
        "from": taken.from.map(|state| state.code()),
        "to": taken.to.code(),
        "said": taken.said,
        "evidence": evidence,
    })
}

fn text(kept: &Kept, credentials: &[Credential], history: &[Taken], office: &Office<'_>) -> String {
    let mut text = told::outcome(kept, office.next_due(kept));
    if kept.case.unreviewed {
        text.push_str("  note   imported from before there was a registry, and not reviewed yet\n");
    }
    text.push('\n');
    for (name, value) in fields(kept) {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<11} {}\n", Printable(&value)));
        }
    }
    for one in credentials {
        let words = shown::words(one, office.now());
        text.push_str(&format!("  {:<11} {}\n", "shown by", Printable(&words)));
    }
    text.push_str("\nHistory, times in UTC\n");
    let width = history.iter().map(|step| step.event.len()).max().unwrap_or(0);
    for step in history {
        let way = match step.from {
            Some(from) if from == step.to => format!("stays {}", step.to),
            Some(from) => format!("{from} -> {}", step.to),
            None => step.to.to_string(),
        };
        let event = &step.event;
        let actor = Printable(&step.actor);
        text.push_str(&format!(
            "  {}  {event:<width$}  {way}; by {actor}\n",
            told::minute(step.at)
        ));
        if let Some(said) = step.said.as_deref().filter(|said| !said.is_empty()) {
            for line in said.lines() {
                text.push_str(&format!("  {:16}  {:width$}  \"{}\"\n", "", "", Printable(line)));
            }
        }
    }
    text
}

fn fields(kept: &Kept) -> Vec<(&'static str, String)> {
    let (form, case) = (&kept.form, &kept.case);
    let person = |contact: &registry::Contact| match (contact.name.trim(), contact.email.trim()) {
        ("", email) => email.to_owned(),
        (name, email) => format!("{name} <{email}>"),
    };
    let recipients = match form.recipients.as_slice() {
        [] => "our own domains".to_owned(),
        [any] if any.eq_ignore_ascii_case("any") => "anybody".to_owned(),
        more => format!("our own domains, {}", more.join(", ")),
    };
    let acknowledged = case.acknowledged.as_ref().map(|ack| {
        let version: String = ack.words.to_string().chars().take(12).collect();
        format!("by {} ({}) on {}, words {version}", ack.name, ack.by, ack.at.to_date())
    });
    let day = |at: Option<mail::Timestamp>| at.map(told::minute).unwrap_or_default();
    vec![
        ("what", told::what(kept)),
        ("model", form.model.clone()),
        ("place", form.location.clone()),
        ("department", form.department.clone()),
        ("scope", kept.scope.to_string()),
        ("purpose", form.purpose.clone()),
        ("sends as", form.senders.join(", ")),
        ("sends to", recipients),
        ("a day", format!("{} messages", form.volume.per_day)),
        ("logs in", format!("{}, TLS {}", form.authentication, form.tls)),
        ("mended", form.tolerate.join(", ")),
        ("says HELO", form.hello.join(", ")),
        ("replaces", form.replaces.clone()),
        ("track", format!("{}: {}", told::track(kept), told::track_means(kept))),
        ("requestor", person(&form.requestor)),
        ("technical", person(&form.technical)),
        (
            "owner",
            if form.owner.email.is_empty() {
                String::new()
            } else {
                person(&form.owner)
            },
        ),
        (
            "head",
            form.exception
                .as_ref()
                .map(|more| person(&more.head))
                .unwrap_or_default(),
        ),
        (
            "because",
            form.exception
                .as_ref()
                .map(|more| more.justification.clone())
                .unwrap_or_default(),
        ),
        ("risk taken", acknowledged.unwrap_or_default()),
        (
            "decided by",
            case.decided_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        ),
        ("set up", day(case.provisioned)),
        ("last mail", day(case.last_accepted)),
        ("drifts", day(case.drift)),
        ("orphan", day(case.orphan)),
    ]
}
