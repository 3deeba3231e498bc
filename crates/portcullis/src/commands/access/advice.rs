//! What leads on where a step is not possible.

use registry::{Kept, NoStep, Role};

use super::office::Office;
use super::told;

/// What to do about it.
pub(super) fn of(why: &NoStep, kept: Option<&Kept>, office: &Office<'_>) -> Option<String> {
    let next = || kept.and_then(told::next);
    Some(match why {
        NoStep::NotHere { .. } => return next(),
        NoStep::NotYours { needs, .. } => {
            let people = names(needs, kept, office);
            if people.is_empty() {
                "nobody has that role: [registry.roles] names those who decide".to_owned()
            } else {
                format!("{people} can do it; --as says who you are")
            }
        }
        NoStep::OwnRequest { .. } => {
            "ask somebody else who has the role in [registry.roles]; there should be two of each".to_owned()
        }
        NoStep::NoReason("contacts-stood-in") => {
            "nothing is known of their having left; say why they cannot be asked: --former-gone WHY".to_owned()
        }
        NoStep::NoReason(_) => "say it with --reason".to_owned(),
        NoStep::Unticked(missing) => {
            let flags: Vec<String> = missing.iter().map(|number| format!("--accept {number}")).collect();
            format!("read each sentence, and add {}", flags.join(" "))
        }
        NoStep::OtherWords | NoStep::OtherRequest => return next(),
        NoStep::NoName => "add --name \"Full Name\"".to_owned(),
        NoStep::NoHead => "name one with --head \"Name <address>\"".to_owned(),
        NoStep::Past(_) => "name a later day with --until DATE".to_owned(),
        NoStep::TooLong { most, .. } => {
            let latest = office.now().plus(std::time::Duration::from_secs(86_400) * *most);
            format!("name a day with --until, {} at the latest", latest.to_date())
        }
        NoStep::NotDue(_) => return None,
        NoStep::NotAsked => match kept.and_then(|kept| kept.case.handover.as_ref()) {
            Some(proposed) => {
                let all: Vec<String> = proposed.waits_for().iter().map(ToString::to_string).collect();
                format!("{} can; --as says who you are", all.join(" or "))
            }
            None => "propose others with portcullis access request --case CASE --technical or --owner".to_owned(),
        },
        NoStep::Undecided => {
            "the head takes the risk (portcullis access ack), then security decides (portcullis access \
                              approve --risk ...)"
                .to_owned()
        }
        NoStep::Unreviewed => "review it: portcullis access approve".to_owned(),
    })
}

/// Everybody who has one of the roles, by name.
fn names(roles: &[Role], kept: Option<&Kept>, office: &Office<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut add = |address: &str| {
        if !address.trim().is_empty() && !names.iter().any(|name| name.eq_ignore_ascii_case(address)) {
            names.push(address.trim().to_owned());
        }
    };
    for role in roles {
        office.people.in_role(*role).for_each(|person| add(person.address()));
        let Some(kept) = kept else { continue };
        match role {
            Role::Requestor => add(kept.case.requestor.address()),
            Role::Owner => add(told::owner(kept)),
            Role::Technical => add(&kept.form.technical.email),
            Role::Head => kept.case.head.iter().for_each(|head| add(head.address())),
            Role::HelpDesk | Role::Admin | Role::Security | Role::Network => {}
        }
    }
    names.join(" or ")
}
