//! `portcullis access list`: every case, and the grants of the configuration file.

use std::collections::BTreeMap;

use mail::Timestamp;
use registry::{CaseId, Kept, State};
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::pinned::{self, Pin};
use super::{Around, Common, Told, Trouble, shown, told};
use crate::commands::queue::aligned;
use crate::story::Printable;

/// Arguments of `access list`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "List every case of the registry, and the grants of the configuration file, which are pinned: they change \
        with the file alone, but for suspend and reinstate.\n\nOne line each, with owner, state and end. In JSON: `grants`, each with at least `id`, `owner`, \
        `state`, `until` and `pinned`."
)]
pub(super) struct Args {
    /// Only what serves, or is suspended.
    #[arg(long)]
    live: bool,
    /// Only what waits for somebody.
    #[arg(long, conflicts_with = "live")]
    waiting: bool,
    /// Only in this state, as in `active` or `suspended`.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only of this department or customer.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Only what somebody asked for, set up, answers for, or takes the risk of.
    #[arg(long, value_name = "ADDRESS")]
    of: Option<String>,
    /// Only what was imported and not reviewed.
    #[arg(long)]
    unreviewed: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    if let Some(state) = &args.state
        && !State::ALL.iter().any(|one| is_state(one.code(), state))
    {
        let known: Vec<&str> = State::ALL.iter().map(|state| state.code()).collect();
        return Err(Refusal::new(format!("there is no state {state:?}"))
            .advise(format!("one of: {}", known.join(", ")))
            .into());
    }
    let mut office = Office::open(&args.common, around)?;
    let all = office
        .desk
        .store()
        .list(args.scope.as_deref())
        .map_err(anyhow::Error::from)?;
    let cases: Vec<&Kept> = all.iter().filter(|kept| args.wants(kept)).collect();
    let pinned = pinned(&mut office, args)?;
    let now = office.now();
    let mut credentials: BTreeMap<CaseId, Vec<Value>> = BTreeMap::new();
    for (id, one) in office.desk.store().live_credentials(now).map_err(anyhow::Error::from)? {
        credentials.entry(id).or_default().push(shown::credential(&one));
    }
    let json = cases
        .iter()
        .map(|kept| {
            let mut json = told::case(kept, office.next_due(kept));
            if let Some(fields) = json.as_object_mut() {
                let shown = credentials.remove(&kept.id).unwrap_or_default();
                fields.insert("credentials".to_owned(), shown.into());
            }
            json
        })
        .chain(pinned.iter().map(|pin| pin.json(now)));
    let json = json!({ "grants": json.collect::<Vec<Value>>() });
    Ok(Told::new(table(&cases, &pinned, now), json))
}

impl Args {
    fn wants(&self, kept: &Kept) -> bool {
        let state = kept.case.state;
        let waits = !state.is_over() && told::next(kept).is_some() && state != State::Provisioned;
        let waits = waits || kept.case.handover.is_some();
        (!self.live || state.is_live())
            && (!self.waiting || waits)
            && (!self.unreviewed || (kept.case.unreviewed && state.is_live()))
            && self.state.as_ref().is_none_or(|wanted| is_state(state.code(), wanted))
            && self.of.as_ref().is_none_or(|who| is_theirs(kept, who))
    }
}

/// `suspended` means every reason for it.
fn is_state(code: &str, wanted: &str) -> bool {
    code == wanted || code.split('(').next() == Some(wanted)
}

fn is_theirs(kept: &Kept, who: &str) -> bool {
    let head = kept.case.head.as_ref().map_or("", |head| head.address());
    let requestor = kept.case.requestor.address();
    [requestor, told::owner(kept), kept.form.technical.email.trim(), head]
        .iter()
        .any(|address| address.eq_ignore_ascii_case(who.trim()))
}

/// The grants of the file, where nothing was asked that they cannot be.
fn pinned(office: &mut Office<'_>, args: &Args) -> Result<Vec<Pin>, Trouble> {
    if args.waiting || args.unreviewed || args.scope.is_some() || args.of.is_some() {
        return Ok(Vec::new());
    }
    let now = office.now();
    let mut all = pinned::all(office)?;
    all.retain(|pin| {
        let wanted = args.state.as_ref();
        wanted.is_none_or(|wanted| is_state(pin.state(now).code(), wanted)) && (!args.live || pin.grant.until >= now)
    });
    Ok(all)
}

fn table(cases: &[&Kept], pinned: &[Pin], now: Timestamp) -> String {
    if cases.is_empty() && pinned.is_empty() {
        return "Nothing that this is about. portcullis access request --template begins a request.\n".to_owned();
    }
    let head = ["ID", "STATE", "UNTIL", "OWNER", "WHAT"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(cases.iter().map(|kept| {
        let mark = if kept.case.unreviewed { " *" } else { "" };
        [
            kept.id.to_string(),
            format!("{}{mark}", kept.case.state),
            kept.case.until.map_or_else(|| "-".to_owned(), Timestamp::to_date),
            Printable(told::owner(kept)).to_string(),
            told::what(kept),
        ]
    }));
    rows.extend(pinned.iter().map(|pin| {
        [
            pin.grant.name.to_string(),
            format!("{}, pinned", pin.state(now)),
            pin.grant.until.to_date(),
            Printable(&pin.grant.owner).to_string(),
            pin.shows(),
        ]
    }));
    let mut text = aligned(&rows);
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    text.push_str(&format!(
        "{}, {} of the configuration file.\n",
        counted(cases.len(), "case"),
        counted(pinned.len(), "pinned grant")
    ));
    if cases.iter().any(|kept| kept.case.unreviewed) {
        text.push_str("* imported, and not reviewed yet.\n");
    }
    text
}
