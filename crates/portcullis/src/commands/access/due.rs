//! `portcullis access due`: what will happen when, and who is to answer until when.

use std::time::Duration;

use mail::Timestamp;
use registry::{Deadline, Handover, Kept, Lists, Role, promised};
use serde_json::{Value, json};

use super::office::Office;
use super::{Around, Common, Told, Trouble, told};
use crate::commands::queue::aligned;
use crate::story::Printable;

/// Days that are looked ahead, and at most.
const DAYS: u32 = 14;
const DAYS_MAX: u32 = 3_660;

/// Arguments of `access due`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Show what time will do in the coming days: reminders, suspensions, ends; and until when an administrator \
        or security is to have answered. What should have happened already is named first: a running gate does it within a \
        minute."
)]
pub(super) struct Args {
    /// How many days ahead.
    #[arg(long, value_name = "N", default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// Only of this department or customer.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Something that is due.
struct Due {
    at: Timestamp,
    id: String,
    what: String,
    /// By which rule, or whose turn it is.
    by: String,
    about: String,
    owner: String,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let now = office.now();
    let until = now.plus(Duration::from_secs(86_400) * args.days);
    let all = office
        .desk
        .store()
        .list(args.scope.as_deref())
        .map_err(anyhow::Error::from)?;
    let mut due: Vec<Due> = all.iter().flat_map(|kept| of(kept, &office)).collect();
    due.extend(lists(&mut office, args.scope.as_deref())?);
    if all.iter().any(|kept| kept.case.state.is_live()) {
        due.extend(yearly_day(&office));
    }
    due.extend(pinned(&office));
    due.retain(|one| one.at <= until);
    due.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    let json = json!({
        "until": until.to_rfc3339(),
        "due": due.iter().map(|one| json!({
            "at": one.at.to_rfc3339(),
            "late": one.at < now,
            "id": one.id,
            "what": one.what,
            "by": one.by,
            "owner": one.owner,
        })).collect::<Vec<Value>>(),
    });
    Ok(Told::new(table(&due, now, args.days), json))
}

/// What is due of a case: what time does next, its end, and the house's own answer.
fn of(kept: &Kept, office: &Office<'_>) -> Vec<Due> {
    let one = |at: Timestamp, what: String, by: String| Due {
        at,
        id: kept.id.to_string(),
        what,
        by,
        about: told::what(kept),
        owner: told::owner(kept).to_owned(),
    };
    let mut due = Vec::new();
    let next = office.next_due(kept);
    if let Some((deadline, at)) = next {
        due.push(one(at, told::deadline(deadline).to_owned(), deadline.rule().to_owned()));
    }
    let ends = kept.case.until.filter(|_| kept.case.state.is_live());
    if let Some(at) = ends.filter(|at| next.is_none_or(|(_, other)| other != *at)) {
        due.push(one(at, "it ends".to_owned(), "ended".to_owned()));
    }
    let proposed = kept.case.handover.as_ref().map(Handover::until);
    if let Some(at) = proposed.filter(|at| next.is_none_or(|(_, other)| other != *at)) {
        let lapses = Deadline::ContactsUnconfirmed;
        due.push(one(at, told::deadline(lapses).to_owned(), lapses.rule().to_owned()));
    }
    if let Some((role, at)) = promised(&kept.case, &office.settings.calendar) {
        let what = match role {
            Role::Security => "security is to have decided",
            _ => "an administrator is to have answered",
        };
        due.push(one(at, what.to_owned(), role.name().to_owned()));
    }
    due
}

/// The lists of departments that wait for an answer; those that nobody answered in time are late.
fn lists(office: &mut Office<'_>, scope: Option<&str>) -> Result<Vec<Due>, Trouble> {
    let open = office.desk.store().lists(Lists::Open).map_err(anyhow::Error::from)?;
    let open = open
        .into_iter()
        .filter(|list| scope.is_none_or(|scope| *list.scope == *scope));
    let due = open.map(|list| {
        let head = list.head.as_ref().map_or("an administrator", |head| head.address());
        Due {
            at: office.desk.ends_of(&list),
            id: list.id.to_string(),
            what: format!(
                "{} is to have answered: portcullis access attest {}",
                Printable(head),
                list.id
            ),
            by: "list-unanswered".to_owned(),
            about: format!("{} grants of {}", list.waiting().count(), list.whose()),
            owner: head.to_owned(),
        }
    });
    Ok(due.collect())
}

/// The day on which the heads are asked next.
fn yearly_day(office: &Office<'_>) -> Option<Due> {
    let day = office.settings.attestation?;
    Some(Due {
        at: office.settings.calendar.begins_next(day, office.now())?,
        id: "-".to_owned(),
        what: "the head of each department is asked which grants it still needs".to_owned(),
        by: "attestation".to_owned(),
        about: "portcullis access attest".to_owned(),
        owner: "every department".to_owned(),
    })
}

/// The ends of the grants of the configuration file.
fn pinned(office: &Office<'_>) -> Vec<Due> {
    let now = office.now();
    let grants = office.config.rulebook.grants.iter().filter(|grant| grant.until >= now);
    grants
        .map(|grant| Due {
            at: grant.until,
            id: grant.name.to_string(),
            what: "it ends; the configuration file says when".to_owned(),
            by: "ended".to_owned(),
            about: grant.reason.clone(),
            owner: grant.owner.clone(),
        })
        .collect()
}

fn table(due: &[Due], now: Timestamp, days: u32) -> String {
    if due.is_empty() {
        return format!("Nothing is due within {days} days.\n");
    }
    let mut rows = vec![["WHEN", "ID", "WHAT HAPPENS", "OF"].map(str::to_owned)];
    rows.extend(due.iter().map(|one| {
        let late = if one.at < now { " late" } else { "" };
        [
            format!("{}{late}", one.at.to_date()),
            one.id.clone(),
            one.what.clone(),
            Printable(&format!("{}, {}", one.about, one.owner)).to_string(),
        ]
    }));
    aligned(&rows)
}
