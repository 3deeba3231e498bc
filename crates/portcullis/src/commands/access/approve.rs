//! `portcullis access approve`: completeness, the decision about a risk, the review of what was imported.

use mail::Timestamp;
use registry::{CaseId, Event, Kept, Risk, State, Track};

use super::office::{Office, Refusal};
use super::{Acting, Around, Common, Told, Trouble, day, show, told};

/// Arguments of `access approve`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Approve a case, in whichever way it waits for.\n\nAn administrator finds a request complete; where nobody \
        else decides, that approves it, until the day that was asked for or --until. Security decides about an exception: \
        --risk, what makes up for it (--control, as often as needed), and --until. What was imported is reviewed, and \
        becomes an ordinary grant.\n\nNobody approves what they asked for themselves, or took the risk of."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// The last day on which it holds, in UTC. Default: the one that was asked for, or the latest possible.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<Timestamp>,
    /// How much is risked: a year, half a year or a quarter at most. For security.
    #[arg(long, value_name = "low|medium|high", value_parser = risk)]
    risk: Option<Risk>,
    /// What makes up for the risk. For security.
    #[arg(long = "control", value_name = "TEXT")]
    controls: Vec<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

fn risk(text: &str) -> Result<Risk, String> {
    match text {
        "low" => Ok(Risk::Low),
        "medium" => Ok(Risk::Medium),
        "high" => Ok(Risk::High),
        _ => Err("one of low, medium, high".to_owned()),
    }
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let kept = office.kept(args.case)?;
    let who = office.who(&args.acting)?;
    let event = event(args, &kept, &office)?;
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}

/// What approving means where the case stands.
fn event(args: &Args, kept: &Kept, office: &Office<'_>) -> Result<Event, Refusal> {
    let for_security = matches!(
        kept.case.track,
        Track::Exception | Track::Consultation { security: true }
    );
    let served = kept.case.state.admits_mail() && (kept.case.unreviewed || kept.case.state == State::ReviewDue);
    if kept.case.state == State::SecurityReview || (served && for_security) {
        return decision(args, kept, office);
    }
    if let Some(unwanted) = args
        .risk
        .map(|_| "--risk")
        .or(args.controls.first().map(|_| "--control"))
    {
        return Err(Refusal::new(format!(
            "{}: {unwanted} is for a decision of security, and it is {}",
            kept.id, kept.case.state
        ))
        .about(kept.id)
        .maybe_advise(told::next(kept)));
    }
    let until = args.until.unwrap_or_else(|| wanted(kept, office));
    if kept.case.unreviewed && kept.case.state.admits_mail() {
        return Ok(Event::Review { until });
    }
    Ok(Event::Complete { until })
}

fn decision(args: &Args, kept: &Kept, office: &Office<'_>) -> Result<Event, Refusal> {
    let id = kept.id;
    let Some(risk) = args.risk else {
        return Err(Refusal::new(format!("{id}: security says how much is risked"))
            .about(id)
            .advise("add --risk low (a year at most), medium (half a year) or high (a quarter)"));
    };
    if args.controls.iter().all(|control| control.trim().is_empty()) {
        return Err(Refusal::new(format!("{id}: security says what makes up for the risk"))
            .about(id)
            .advise("add --control \"address and From are pinned\", once for each"));
    }
    let (low, medium, high) = office.settings.terms.longest_by_risk;
    let most = match risk {
        Risk::Low => low,
        Risk::Medium => medium,
        Risk::High => high,
    };
    let latest = after(office.now(), most);
    Ok(Event::Decide {
        risk,
        controls: args.controls.join("; ").into(),
        until: args.until.unwrap_or_else(|| wanted(kept, office).min(latest)),
    })
}

/// The end that was asked for, or the latest that is possible.
fn wanted(kept: &Kept, office: &Office<'_>) -> Timestamp {
    let latest = after(office.now(), office.settings.terms.longest);
    day(kept.form.until.trim()).map_or(latest, |until| until.min(latest))
}

/// So many days from now.
fn after(now: Timestamp, days: u32) -> Timestamp {
    now.plus(std::time::Duration::from_secs(86_400) * days)
}
