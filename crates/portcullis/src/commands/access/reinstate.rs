//! `portcullis access reinstate`: a suspended grant serves again.

use registry::{CaseId, Event};

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// Arguments of `access reinstate`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a suspended grant serve again, within its time. What was suspended for abuse is security's to judge; \
        everything else an administrator's. Its year without mail begins anew."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Why, and under which conditions; its people are told.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let who = office.who(&args.acting)?;
    let event = Event::Reinstate {
        conditions: args.reason.as_str().into(),
    };
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
