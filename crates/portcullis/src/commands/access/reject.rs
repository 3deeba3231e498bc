//! `portcullis access reject`: a request is refused, or sent back with a question.

use registry::{CaseId, Event};

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// Arguments of `access reject`.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("why").required(true)),
    long_about = "Refuse a request, with the reason that its people are told; or send it back with a question, and it waits \
        for their answer.\n\nAn administrator does it while the request waits for them, security while it waits for security."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Why it is refused.
    #[arg(long, value_name = "TEXT", group = "why")]
    reason: Option<String>,
    /// What is missing or wrong: the request is sent back in place of refused.
    #[arg(long, value_name = "TEXT", group = "why")]
    ask: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let who = office.who(&args.acting)?;
    let event = match (&args.ask, &args.reason) {
        (Some(what), _) => Event::Ask {
            what: what.as_str().into(),
        },
        (None, reason) => Event::Reject {
            reason: reason.as_deref().unwrap_or_default().into(),
        },
    };
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
