//! `portcullis access export`: every case as CSV or JSON.

use anyhow::Context as _;
use registry::{Kept, Taken};
use serde_json::{Value, json};

use super::office::Office;
use super::{Around, Common, Told, Trouble, show, told};

/// Arguments of `access export`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Write every case to standard output: as CSV with a line of names first, or as JSON with the whole form. \
        With --history every step of each is written as well: in JSON beside its case, in CSV a line each. Secrets, and what \
        they are checked by, are never written.\n\nWhat CSV without a history says can be imported again (`access import`)."
)]
pub(super) struct Args {
    /// As what.
    #[arg(long, value_name = "csv|json", value_parser = ["csv", "json"])]
    format: Option<String>,
    /// Every step as well, with who took it and why.
    #[arg(long)]
    history: bool,
    /// Only of this department or customer.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// The columns of a case in CSV; those that `access import` reads are called the same there.
const COLUMNS: [&str; 24] = [
    "id",
    "state",
    "owner",
    "until",
    "unreviewed",
    "scope",
    "track",
    "since",
    "address",
    "host",
    "device",
    "model",
    "department",
    "purpose",
    "from",
    "to",
    "login",
    "requestor",
    "requestor_name",
    "technical",
    "head",
    "per_day",
    "provisioned",
    "last_accepted",
];

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let all = office
        .desk
        .store()
        .list(args.scope.as_deref())
        .map_err(anyhow::Error::from)?;
    let mut histories = Vec::new();
    for kept in &all {
        histories.push(if args.history {
            office.desk.store().history(kept.id).map_err(anyhow::Error::from)?
        } else {
            Vec::new()
        });
    }
    let cases: Vec<(&Kept, &[Taken])> = all.iter().zip(histories.iter().map(Vec::as_slice)).collect();
    let as_json = args.common.json || args.format.as_deref() == Some("json");
    let text = match (as_json, args.history) {
        (true, _) => format!("{:#}\n", json(&cases, args.history, &office)),
        (false, false) => csv(COLUMNS, cases.iter().map(|(kept, _)| row(kept)))?,
        (false, true) => csv(
            ["id", "number", "at", "actor", "event", "from", "to", "said", "evidence"],
            cases
                .iter()
                .flat_map(|(kept, history)| history.iter().map(|step| step_row(kept, step))),
        )?,
    };
    Ok(Told::new(text, Value::Null))
}

fn json(cases: &[(&Kept, &[Taken])], with_history: bool, office: &Office<'_>) -> Value {
    let all = cases.iter().map(|(kept, history)| {
        let mut one = told::case(kept, office.next_due(kept));
        if let Some(fields) = one.as_object_mut() {
            fields.insert("form".to_owned(), serde_json::to_value(&kept.form).unwrap_or_default());
            if with_history {
                fields.insert("history".to_owned(), history.iter().map(show::step).collect());
            }
        }
        one
    });
    json!({ "at": office.now().to_rfc3339(), "cases": all.collect::<Vec<_>>() })
}

fn csv<const N: usize>(columns: [&str; N], rows: impl Iterator<Item = [String; N]>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row.map(harmless))?;
    }
    let octets = writer
        .into_inner()
        .map_err(|why| anyhow::anyhow!("writing CSV: {}", why.error()))?;
    String::from_utf8(octets).context("writing CSV")
}

/// A value that no spreadsheet takes for a formula: people wrote some of them.
fn harmless(value: String) -> String {
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{value}")
    } else {
        value
    }
}

fn row(kept: &Kept) -> [String; 24] {
    let (form, case) = (&kept.form, &kept.case);
    let time = |at: Option<mail::Timestamp>| at.map(mail::Timestamp::to_rfc3339).unwrap_or_default();
    [
        kept.id.to_string(),
        case.state.code().to_owned(),
        told::owner(kept).to_owned(),
        case.until.map(mail::Timestamp::to_date).unwrap_or_default(),
        if case.unreviewed { "yes" } else { "no" }.to_owned(),
        kept.scope.to_string(),
        told::track(kept).to_owned(),
        case.entered.to_rfc3339(),
        form.address.clone(),
        form.host.clone(),
        form.device.clone(),
        form.model.clone(),
        form.department.clone(),
        form.purpose.clone(),
        form.senders.join(" "),
        form.recipients.join(" "),
        form.authentication.clone(),
        case.requestor.address().to_owned(),
        form.requestor.name.clone(),
        form.technical.email.clone(),
        case.head
            .as_ref()
            .map(|head| head.address().to_owned())
            .unwrap_or_default(),
        form.volume.per_day.to_string(),
        time(case.provisioned),
        time(case.last_accepted),
    ]
}

fn step_row(kept: &Kept, step: &Taken) -> [String; 9] {
    [
        kept.id.to_string(),
        step.number.to_string(),
        step.at.to_rfc3339(),
        step.actor.clone(),
        step.event.clone(),
        step.from.map(|state| state.code().to_owned()).unwrap_or_default(),
        step.to.code().to_owned(),
        step.said.clone().unwrap_or_default(),
        step.evidence.clone().unwrap_or_default(),
    ]
}
