//! `portcullis access suspend`: a grant does not serve for now.

use registry::Event;

use super::office::Office;
use super::pinned::{self, Named};
use super::{Acting, Around, Common, Told, Trouble, told};

/// Arguments of `access suspend`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a grant not serve for now. Within seconds a running gate refuses its mail, in sessions that are open \
        already as well. A grant of the configuration file is suspended the same way, whatever the file says.\n\nWith --abuse it is suspended for spam, phish or malware: its people and security are told at \
        once, and security alone can let it serve again."
)]
pub(super) struct Args {
    /// The case, as in pc-1042; or a grant of the configuration file, by its name there.
    #[arg(value_name = "GRANT", value_parser = Named::read)]
    grant: Named,
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
    if let Some(pin) = args.grant.pinned(&mut office)? {
        return pinned::suspend(&pin, &args.reason, args.abuse, &who, &mut office);
    }
    let said = args.reason.as_str().into();
    let event = if args.abuse {
        Event::Abuse { alert: said }
    } else {
        Event::Suspend { reason: said }
    };
    let kept = office.act(args.grant.case()?, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
