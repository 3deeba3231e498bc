//! Whose mail goes on elsewhere.

use std::ops::Range;

use mail::DomainPattern;
use policy::{Forward, Rulebook};

use super::desk::{Desk, in_order};
use super::grants::ended;
use super::organisation::is_ours;
use crate::config::Problem;
use crate::config::file::{self, Named};

/// Resolves the forwards into the rulebook.
pub(super) fn resolve(written: &Named<file::Forward>, rulebook: &mut Rulebook, desk: &mut Desk<'_>) {
    let mut taken: Vec<(String, Range<usize>)> = Vec::new();
    for (name, forward) in in_order(written) {
        let declared = desk.name(name);
        let place = desk.place(&name.span());
        let at = name.span();
        let missing = |key: &str| format!("forward {} has no {key}", name.get());
        let why = "mail that leaves us again needs somebody who answers for it";
        let owner = desk.words(&["forwards", name, "owner"], &forward.owner, &at, missing("owner"), why);
        let reason = desk.words(
            &["forwards", name, "reason"],
            &forward.reason,
            &at,
            missing("reason"),
            why,
        );
        let why = "a permission without an end outlives its reason";
        let until = desk.need(&["forwards", name, "until"], &forward.until, &at, missing("until"), why);
        let why = "a forward leads from an address of ours to another";
        let from = desk.need(&["forwards", name, "from"], &forward.from, &at, missing("from"), why);
        let to = desk.need(&["forwards", name, "to"], &forward.to, &at, missing("to"), why);
        if let Some(last) = until {
            ended(last, desk, "this forward");
        }
        let (Some(from), Some(to)) = (from, to) else { continue };
        let key = from.to_string().to_lowercase();
        let former = taken
            .iter()
            .find(|(former, _)| *former == key)
            .map(|(_, at)| at.clone());
        taken.push((key, from.span()));
        let ours = from.domain().map(|domain| DomainPattern::Exactly(domain.clone()));
        if !ours.is_some_and(|ours| is_ours(&rulebook.organisation.domains, &ours)) {
            let problem = Problem::error(from.span(), "this address is in none of our domains");
            desk.say(
                problem
                    .why("only mail to ourselves can be sent on")
                    .advise("forward an address of ours"),
            );
        }
        if let Some(former) = former {
            desk.say(Problem::error(from.span(), "this address is forwarded already").also(former, "here"));
        }
        if ***from == ***to {
            desk.say(Problem::error(to.span(), "this forward leads to itself"));
        }
        if let (Some(owner), Some(reason), Some(until)) = (owner, reason, until) {
            rulebook.forwards.push(Forward {
                name: declared,
                from: (***from).clone(),
                to: (***to).clone(),
                owner: owner.to_owned(),
                reason: reason.to_owned(),
                until: until.end(),
                place,
            });
        }
    }
}
