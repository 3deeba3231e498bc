//! `portcullis access renew`: a grant goes on behind its end, or is still needed.

use mail::Timestamp;
use registry::{CaseId, Event};

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, day, show, told};

/// Arguments of `access renew`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a grant go on behind its end, while that is near or a few weeks behind it. Its owner or requestor says \
        so; an exception is acknowledged and decided about anew instead (`access ack`, `access approve --risk`).\n\nWith \
        --keep its people say that a grant which was not used for long is still needed."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// The last day on which it holds from now on, in UTC. Default: the latest possible.
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with = "keep")]
    until: Option<Timestamp>,
    /// It rests, and is still needed: what for.
    #[arg(long, value_name = "TEXT")]
    keep: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let who = office.who(&args.acting)?;
    let longest = std::time::Duration::from_secs(86_400) * office.settings.terms.longest;
    let event = match &args.keep {
        Some(reason) => Event::Keep {
            reason: reason.as_str().into(),
        },
        None => Event::Renew {
            until: args.until.unwrap_or_else(|| office.now().plus(longest)),
        },
    };
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
