//! The yearly list of each department: its day, and whom it asks.

use mail::Mailbox;
use policy::Organisation;
use registry::{Heads, Person, YearlyDay};

use super::desk::{Desk, in_order};
use super::organisation::is_ours;
use crate::config::Problem;
use crate::config::file::{self, At, Named, Text};

/// Switches it off.
const NEVER: &str = "never";

/// The day, where there is to be one.
pub(super) fn day(written: &file::Registry, desk: &mut Desk<'_>) -> Option<YearlyDay> {
    let Some(day) = &written.attestation else {
        return Some(YearlyDay::USUAL);
    };
    if day.trim() == NEVER {
        if let Some((name, _)) = in_order(&written.heads).first() {
            desk.say(
                Problem::warning(name.span(), "no head is ever asked: `attestation` is \"never\"")
                    .advise("name a day there, or make the lists by hand: `portcullis access attest --department`"),
            );
        }
        return None;
    }
    match day.parse() {
        Ok(day) => Some(day),
        Err(why) => {
            desk.say(
                Problem::error(day.span(), format!("{:?}: {why}", day.get()))
                    .why("on that day each head is asked which grants of their department are still needed")
                    .advise("write a day that every year has, or \"never\""),
            );
            None
        }
    }
}

/// The heads that are named.
pub(super) fn heads(
    written: &Named<At<Text<Mailbox>>>,
    scope: &str,
    organisation: &Organisation,
    desk: &mut Desk<'_>,
) -> Heads {
    let mut named: Vec<(String, Person)> = Vec::new();
    let mut before: Vec<&At<String>> = Vec::new();
    for (name, head) in in_order(written) {
        if name.trim().is_empty() {
            desk.say(
                Problem::error(name.span(), "this names no department")
                    .advise("name one as its grants do; \"*\" is every department that is not named"),
            );
            continue;
        }
        if let Some(former) = before.iter().find(|former| Heads::is_same(former, name)) {
            desk.say(
                Problem::error(name.span(), format!("the head of {:?} is named twice", name.trim()))
                    .label("again")
                    .also(former.span(), "here first")
                    .why("how a department is spelt, in capitals or not, makes no other one of it"),
            );
        }
        let domain = head.domain().cloned().map(mail::DomainPattern::Exactly);
        let is_one_of_us = domain.is_some_and(|domain| is_ours(&organisation.domains, &domain));
        if !is_one_of_us {
            desk.say(
                Problem::warning(head.span(), format!("{} is not in a domain of ours", ***head))
                    .why("whoever reads that mailbox is shown every grant of the department, and may end them"),
            );
        }
        named.push((name.get().clone(), Person::new(&head.to_string())));
        before.push(name);
    }
    Heads::new(scope, named)
}
