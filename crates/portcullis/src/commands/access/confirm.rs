//! `portcullis access confirm`: those who go and those who come agree that others operate a grant, or answer for it.

use registry::{Actor, CaseId, Handover, Kept, NoStep, Person, Role};

use super::office::{Office, Refusal};
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// Arguments of `access confirm`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Agree that others operate a grant or answer for it, as `access request --case` proposed. Those who go and \
        those who come are asked by a letter each; until all have agreed the former ones stay in force, and after some days \
        nothing has changed. With [registry.answers] who comes agrees by the link in their letter, which shows that somebody \
        reads mail there; without it, and for who goes, --as says who agrees.\n\nWho has left cannot be asked: with \
        --former-gone an administrator stands in for them and says how that is known. Of who is not in the directory, or not \
        reached by mail, no reason has to be given.",
    after_help = "Examples:\n  portcullis access confirm pc-1042 --as tom@example.edu\n  portcullis access confirm pc-1042 \
        --former-gone \"retired in June\"\n  portcullis access confirm pc-1042 --decline \"it was meant for pc-1043\""
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Stand in for those who go and have left; why, where neither the directory nor mail says so.
    #[arg(long, value_name = "WHY", num_args = 0..=1)]
    former_gone: Option<Option<String>>,
    /// It shall stay as it is; why.
    #[arg(long, value_name = "WHY", conflicts_with = "former_gone")]
    decline: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let kept = office.kept(args.case)?;
    let who = office.who(&args.acting)?;
    let (id, now) = (kept.id, office.now());
    let roles = office.people.roles_in(&who, &kept);
    let kept = match (&args.former_gone, &args.decline) {
        (Some(why), _) => office.first_possible(&kept, &who, &roles, &[Role::Admin], |desk, actor| {
            desk.stand_in(id, why.as_deref(), actor, now)
        })?,
        (None, Some(why)) => {
            let roles = asked(&kept, &who).map_or(roles, |role| vec![role]);
            let usual = [Role::Owner, Role::Technical, Role::Admin];
            office.first_possible(&kept, &who, &roles, &usual, |desk, actor| {
                desk.dissent(id, why, actor, now)
            })?
        }
        (None, None) => agreed(&kept, &who, &mut office)?,
    };
    let due = office.next_due(&kept);
    Ok(Told::new(told::outcome(&kept, due), told::case(&kept, due)))
}

/// The role in which somebody is asked. It is theirs for this answer alone, where they come.
fn asked(kept: &Kept, who: &Person) -> Option<Role> {
    kept.case.handover.as_ref()?.role_of(who)
}

fn agreed(kept: &Kept, who: &Person, office: &mut Office<'_>) -> Result<Kept, Trouble> {
    let comes = |proposed: &Handover| proposed.comes(who) && proposed.waits_for().contains(who);
    if office.settings.answers.is_some() && kept.case.handover.as_ref().is_some_and(comes) {
        return Err(Refusal::new(format!(
            "that somebody reads mail at {who} is shown by the link in the letter"
        ))
        .about(kept.id)
        .advise("follow the link; if the letter is lost, propose it again, and another is sent")
        .into());
    }
    let Some(role) = asked(kept, who) else {
        let (id, why) = (kept.id, NoStep::NotAsked);
        return Err(office.refused(registry::DeskError::NoStep { id, why }, Some(kept)));
    };
    let (actor, now) = (Actor::Human { who: who.clone(), role }, office.now());
    let confirmed = office.desk.confirm(kept.id, &actor, now);
    confirmed.map_err(|why| office.refused(why, Some(kept)))
}
