//! `portcullis access checks`: the colour of each technical check, with what to do.

use registry::{CaseId, Colour, Finding, Kept, Names};
use serde_json::{Value, json};

use super::office::Office;
use super::{Around, Common, Told, Trouble, show, told};
use crate::commands::queue::aligned;
use crate::story::Printable;

/// Arguments of `access checks`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Show the colour of each technical check of a case: whether the address is ours, registered, static, \
        named, in its zone, and nobody else's. Nothing is changed; `access provision` takes the step that \
        follows.\n\nWithout a case, the files of the network are read, and every case that a check hinders is named; name \
        service is not asked then.\n\nStatus 1: something hinders."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: Option<CaseId>,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let mut told = match args.case {
        Some(id) => one(id, &mut office)?,
        None => all(&mut office)?,
    };
    told.aside = reports(&office);
    Ok(told)
}

/// What is wrong with the files of the network.
pub(super) fn reports(office: &Office<'_>) -> String {
    office.reports.iter().map(crate::config::Report::render).collect()
}

/// What name service says of the machine of a case.
pub(super) fn names(kept: &Kept, office: &Office<'_>) -> Names {
    let Some(request) = office.understood(kept) else {
        return Names::default();
    };
    let single = request.at.prefix_len() == request.at.max_prefix_len();
    let address = single.then(|| request.at.addr());
    (office.around.names)(&office.config.dns, request.host.as_ref(), address)
}

fn one(id: CaseId, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let kept = office.kept(id)?;
    let names = names(&kept, office);
    let now = office.now();
    let found = office.desk.findings(&kept, &names, now);
    let findings = found.map_err(|why| office.refused(why, Some(&kept)))?;
    let text = format!(
        "{id}  {}: {}\n{}",
        told::what(&kept),
        kept.case.state,
        findings_table(&findings)
    );
    let json = json!({
        "id": id.to_string(),
        "state": kept.case.state.code(),
        "checks": findings.iter().map(finding).collect::<Vec<_>>(),
    });
    let hinders = !registry::hindering(&findings).is_empty();
    Ok(Told {
        status: u8::from(hinders),
        ..Told::new(text, json)
    })
}

/// Every case that something hinders, by what the files alone say.
fn all(office: &mut Office<'_>) -> Result<Told, Trouble> {
    let now = office.now();
    let kept = office.desk.store().list(None).map_err(anyhow::Error::from)?;
    let mut hindered: Vec<(Kept, Vec<Finding>)> = Vec::new();
    for kept in kept.into_iter().filter(|kept| !kept.case.state.is_over()) {
        let Ok(findings) = office.desk.findings(&kept, &Names::default(), now) else {
            continue;
        };
        let findings: Vec<Finding> = findings
            .into_iter()
            .filter(|one| one.colour >= Colour::Unknown)
            .collect();
        if !findings.is_empty() {
            hindered.push((kept, findings));
        }
    }
    let mut text = String::new();
    for (kept, findings) in &hindered {
        text.push_str(&format!(
            "{}  {}: {}\n{}",
            kept.id,
            told::what(kept),
            kept.case.state,
            findings_table(findings)
        ));
    }
    if hindered.is_empty() {
        text.push_str("No check hinders any case.\n");
    }
    let files = office
        .reports
        .iter()
        .map(|report| report.to_json())
        .collect::<Vec<Value>>();
    let json = json!({
        "cases": hindered.iter().map(|(kept, findings)| json!({
            "id": kept.id.to_string(),
            "state": kept.case.state.code(),
            "checks": findings.iter().map(finding).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "files": files,
    });
    Ok(Told {
        status: u8::from(!hindered.is_empty() || !office.reports.is_empty()),
        ..Told::new(text, json)
    })
}

/// The colour of each, what was found, and what to do.
pub(super) fn findings_table(findings: &[Finding]) -> String {
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            let said = Printable(&finding.said).to_string();
            [
                String::new(),
                finding.check.code().to_owned(),
                colour(finding.colour).to_owned(),
                said,
            ]
        })
        .collect();
    aligned(&rows)
}

const fn colour(colour: Colour) -> &'static str {
    match colour {
        Colour::Green => "green",
        Colour::Unchecked => "unchecked",
        Colour::Yellow => "yellow",
        Colour::Unknown => "unknown",
        Colour::Red => "red",
    }
}

/// A finding, for programs.
pub(super) fn finding(finding: &Finding) -> Value {
    json!({
        "check": finding.check.code(),
        "colour": colour(finding.colour),
        "hinders": finding.colour >= Colour::Unknown,
        "said": finding.said,
    })
}
