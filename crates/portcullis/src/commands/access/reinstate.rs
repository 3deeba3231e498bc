//! `portcullis access reinstate`: a suspended grant serves again.

use registry::Event;

use super::office::Office;
use super::pinned::{self, Named};
use super::{Acting, Around, Common, Told, Trouble, told};

/// Arguments of `access reinstate`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a suspended grant serve again, within its time. What was suspended for abuse is security's to judge; \
        everything else an administrator's. Its year without mail begins anew."
)]
pub(super) struct Args {
    /// The case, as in pc-1042; or a grant of the configuration file, by its name there.
    #[arg(value_name = "GRANT", value_parser = Named::read)]
    grant: Named,
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
    if let Some(pin) = args.grant.pinned(&mut office)? {
        return pinned::reinstate(&pin, &args.reason, &who, &mut office);
    }
    let event = Event::Reinstate {
        conditions: args.reason.as_str().into(),
    };
    let kept = office.act(args.grant.case()?, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}
