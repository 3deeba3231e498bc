//! Which letter goes to whom, and when: alarms at once, everything else in one letter a day for each contact.

mod about;
mod heard;
mod listed;
mod pinned;
mod recipe;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mail::Timestamp;

use crate::attestation::{Heads, ListId};
use crate::handover::{Change, Handover};
use crate::notice::{Audience, Notice};
use crate::store::{A_DAY, Kept, Letter};

pub use about::{Relay, about};
pub use heard::{HEARD_OCTETS_MAX, Heard, heard};
pub use listed::about_list;
pub use pinned::{PinnedPosting, about_pinned, pinned_postings};
pub use recipe::Doors;

/// What is not urgent waits so long for its like.
const GATHERED: Duration = Duration::from_secs(10 * 60);

/// Where those are reached who stand in no form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Information security.
    pub security: Vec<String>,
    /// The network team.
    pub network: Vec<String>,
    /// Who runs the relay; hears also what reaches nobody else.
    pub admins: Vec<String>,
    /// The heads of departments.
    pub heads: Heads,
}

/// One message to be written: about one matter, or about several where there are more letters than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// To whom.
    pub to: Vec<String>,
    /// What it says, matter by matter, in the order in which they came up.
    pub matters: Vec<Matter>,
    /// Whether it was sent without waiting for its like.
    pub urgent: bool,
    /// The `Message-ID` under which it may have been sent before.
    pub again: Option<Box<str>>,
}

impl Posting {
    /// The letters it sends.
    #[must_use]
    pub fn numbers(&self) -> Vec<u64> {
        self.matters
            .iter()
            .flat_map(|matter| matter.numbers.iter().copied())
            .collect()
    }

    /// To whom it counts as the letter of the day.
    #[must_use]
    pub fn daily(&self) -> &[String] {
        match self.urgent || self.again.is_some() {
            true => &[],
            false => &self.to,
        }
    }
}

/// One thing a message speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// The letter to be written.
    pub letter: Letter,
    /// What it says.
    pub notice: Notice,
    /// Letters that are sent by it: the same for somebody who is reached as requestor and as technical contact alike.
    pub numbers: Vec<u64>,
}

/// What is to be written now. `last` is when each contact got a letter that was not urgent; `bad` are addresses that
/// take no mail.
#[must_use]
pub fn postings(
    waiting: &[(Letter, Kept)],
    addresses: &Addresses,
    last: &BTreeMap<String, Timestamp>,
    bad: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Posting> {
    let mut urgent = Vec::new();
    let mut gathered: BTreeMap<Vec<String>, Vec<Matter>> = BTreeMap::new();
    for (letter, kept) in waiting {
        let Some(notice) = Notice::of(&letter.notice) else {
            continue;
        };
        let to = reached(letter, kept, addresses, bad);
        if to.is_empty() || is_for_nobody(letter, kept) {
            continue;
        }
        let matter = Matter {
            letter: letter.clone(),
            notice,
            numbers: vec![letter.number],
        };
        if let Some(message) = &letter.message {
            join_again(&mut urgent, to, message, matter);
        } else if letter.urgent {
            join_urgent(&mut urgent, to, matter);
        } else {
            join(gathered.entry(to).or_default(), matter);
        }
    }
    let ripe = gathered
        .into_iter()
        .filter(|(to, matters)| is_ripe(to, matters, last, now));
    urgent.extend(ripe.map(|(to, matters)| Posting {
        to,
        matters,
        urgent: false,
        again: None,
    }));
    urgent
}

/// What was claimed together is posted together.
fn join_again(urgent: &mut Vec<Posting>, to: Vec<String>, message: &str, matter: Matter) {
    let same = |posting: &&mut Posting| posting.to == to && posting.again.as_deref() == Some(message);
    match urgent.iter_mut().find(same) {
        Some(posting) => join(&mut posting.matters, matter),
        None => urgent.push(Posting {
            to,
            urgent: matter.letter.urgent,
            matters: vec![matter],
            again: Some(message.into()),
        }),
    }
}

fn join_urgent(urgent: &mut Vec<Posting>, to: Vec<String>, matter: Matter) {
    let same = |posting: &&mut Posting| {
        let is_fresh = posting.to == to && posting.again.is_none();
        is_fresh && posting.matters.iter().any(|known| is_same(known, &matter))
    };
    match urgent.iter_mut().find(same) {
        Some(posting) => join(&mut posting.matters, matter),
        None => urgent.push(Posting {
            to,
            matters: vec![matter],
            urgent: true,
            again: None,
        }),
    }
}

/// Somebody who is requestor and owner at once reads a thing once.
fn join(matters: &mut Vec<Matter>, matter: Matter) {
    match matters.iter_mut().find(|known| is_same(known, &matter)) {
        Some(known) => known.numbers.extend(matter.numbers),
        None => matters.push(matter),
    }
}

fn is_same(one: &Matter, other: &Matter) -> bool {
    let what = |matter: &Matter| {
        let Letter { case, at, step, .. } = matter.letter;
        (case, at, step, matter.notice, list(&matter.letter))
    };
    what(one) == what(other)
}

fn list(letter: &Letter) -> Option<ListId> {
    letter.list.as_ref().map(|list| list.id)
}

fn is_ripe(to: &[String], matters: &[Matter], last: &BTreeMap<String, Timestamp>, now: Timestamp) -> bool {
    let since = matters.iter().map(|matter| matter.letter.at).min();
    let is_gathered = since.is_some_and(|since| since.plus(GATHERED) <= now);
    let is_rested = to
        .iter()
        .all(|to| last.get(to).is_none_or(|last| last.plus(A_DAY) <= now));
    is_gathered && is_rested
}

/// Whether what a letter asks is not asked any more, or of nobody. Such a letter is not written.
#[must_use]
pub fn is_for_nobody(letter: &Letter, kept: &Kept) -> bool {
    let nothing_is_proposed = kept.case.handover.is_none();
    match Notice::of(&letter.notice) {
        Some(Notice::ContactsAsked) => nothing_is_proposed,
        _ => {
            letter.list.is_none() && Audience::of(&letter.audience) == Some(Audience::Head) && kept.case.head.is_none()
        }
    }
}

/// Who comes.
fn next(kept: &Kept, which: impl Fn(&Handover) -> Option<&Change>) -> Vec<String> {
    let change = kept.case.handover.as_ref().and_then(which);
    let address = change.map(|change| change.to.email.trim().to_ascii_lowercase());
    address.into_iter().collect()
}

/// Where an audience of a case is reached; those who run the relay where it is nowhere else.
fn reached(letter: &Letter, kept: &Kept, addresses: &Addresses, bad: &BTreeSet<String>) -> Vec<String> {
    let form = &kept.form;
    let one = |address: &str| vec![address.trim().to_ascii_lowercase()];
    let Some(audience) = Audience::of(&letter.audience) else {
        return Vec::new();
    };
    let mut to = match audience {
        Audience::Requestor => one(&form.requestor.email),
        Audience::Technical => one(&form.technical.email),
        // Who asked answers for it where nobody else is named.
        Audience::Owner if form.owner.email.trim().is_empty() => one(&form.requestor.email),
        Audience::Owner => one(&form.owner.email),
        // A list asks the head of its department, whoever took the risk of a grant on it.
        Audience::Head => {
            let head = letter.list.as_ref().map_or(&kept.case.head, |list| &list.head);
            one(head.as_ref().map_or("", |head| head.address()))
        }
        Audience::Security => addresses.security.clone(),
        Audience::Network => addresses.network.clone(),
        Audience::Admin => addresses.admins.clone(),
        Audience::NextTechnical => next(kept, |proposed| proposed.technical.as_ref()),
        Audience::NextOwner => next(kept, |proposed| proposed.owner.as_ref()),
        Audience::Department => {
            let head = addresses.heads.of(&kept.scope, &form.department);
            one(head.map_or("", |head| head.address()))
        }
    };
    to.retain(|address| !address.is_empty() && !bad.contains(address));
    // A case without a head has nobody to tell; everybody else who cannot be reached is somebody's to look after.
    if to.is_empty() && (audience != Audience::Head || letter.list.is_some()) {
        to.clone_from(&addresses.admins);
    }
    to.sort();
    to.dedup();
    to
}
