//! `portcullis access suspend`: a grant does not serve for now.

use registry::{CaseId, Event};

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// Arguments of `access suspend`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a grant not serve for now. Within seconds a running gate refuses its mail, in sessions that are open \
        already as well.\n\nWith --abuse it is suspended for spam, phish or malware: its people and security are told at \
        once, and security alone can let it serve again."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Why; its people are told.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Spam, phish or malware came through it.
    #[arg(long)]
    abuse: bool,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let who = office.who(&args.acting)?;
    let said = args.reason.as_str().into();
    let event = if args.abuse {
        Event::Abuse { alert: said }
    } else {
        Event::Suspend { reason: said }
    };
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
