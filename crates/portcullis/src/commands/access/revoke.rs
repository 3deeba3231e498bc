//! `portcullis access revoke`: a grant ends, or a request is given up.

use registry::{CaseId, Event, Kept, Person, Role, State};

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// Arguments of `access revoke`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "End a grant for good: an administrator or security does, or its own people, who no longer need it. What is \
        not approved yet is given up by whoever asked for it. Nothing follows but a new request."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Why; its people are told.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let kept = office.kept(args.case)?;
    let who = office.who(&args.acting)?;
    let event = event(&kept, &who, &args.reason, &office);
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}

/// What ending means where the case stands, from whoever wants it.
fn event(kept: &Kept, who: &Person, reason: &str, office: &Office<'_>) -> Event {
    let roles = office.people.roles_in(who, kept);
    let decides = roles.contains(&Role::Admin) || roles.contains(&Role::Security);
    let reason = reason.into();
    match kept.case.state {
        State::Approved | State::WaitingNetwork if decides => Event::Revoke { reason },
        state if !state.is_live() && !state.is_over() => Event::Withdraw,
        _ if decides => Event::Revoke { reason },
        _ => Event::Remove { reason },
    }
}
