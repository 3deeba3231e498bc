//! Letters to the people of grants that stand in the configuration file: to the contact that the file names, and of abuse
//! to security as well.

use std::collections::{BTreeMap, BTreeSet};

use mail::Timestamp;
use policy::{By, Grant};

use super::{Addresses, GATHERED, Relay};
use crate::letters::About;
use crate::notice::{Audience, Notice};
use crate::store::{A_DAY, PinnedLetter};

/// One message to be written about grants of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedPosting {
    /// To whom.
    pub to: Vec<String>,
    /// What it says, in the order in which it came up.
    pub letters: Vec<PinnedLetter>,
    /// To whom it counts as the letter of the day.
    pub daily: Vec<String>,
    /// The `Message-ID` under which it may have been sent before.
    pub again: Option<Box<str>>,
}

/// What is to be written now: alarms at once, everything else in one letter a day for each contact.
#[must_use]
pub fn pinned_postings(
    waiting: &[PinnedLetter],
    grants: &[Grant],
    addresses: &Addresses,
    last: &BTreeMap<String, Timestamp>,
    bad: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<PinnedPosting> {
    let mut postings: Vec<PinnedPosting> = Vec::new();
    let mut gathered: BTreeMap<Vec<String>, Vec<PinnedLetter>> = BTreeMap::new();
    for letter in waiting {
        let to = reached(letter, grants, addresses, bad);
        if to.is_empty() {
            continue;
        }
        if let Some(message) = &letter.message {
            join_again(&mut postings, to, message, letter);
        } else if letter.notice.is_urgent() {
            postings.push(PinnedPosting {
                to,
                letters: vec![letter.clone()],
                daily: Vec::new(),
                again: None,
            });
        } else {
            gathered.entry(to).or_default().push(letter.clone());
        }
    }
    let is_rested = |to: &String| last.get(to).is_none_or(|last| last.plus(A_DAY) <= now);
    let ripe = gathered.into_iter().filter(|(to, letters)| {
        let since = letters.iter().map(|letter| letter.at).min();
        since.is_some_and(|since| since.plus(GATHERED) <= now) && to.iter().all(is_rested)
    });
    postings.extend(ripe.map(|(to, letters)| PinnedPosting {
        daily: to.clone(),
        to,
        letters,
        again: None,
    }));
    postings
}

/// What was claimed together is posted together.
fn join_again(postings: &mut Vec<PinnedPosting>, to: Vec<String>, message: &str, letter: &PinnedLetter) {
    let same = |posting: &&mut PinnedPosting| posting.to == to && posting.again.as_deref() == Some(message);
    match postings.iter_mut().find(same) {
        Some(posting) => posting.letters.push(letter.clone()),
        None => postings.push(PinnedPosting {
            to,
            letters: vec![letter.clone()],
            daily: Vec::new(),
            again: Some(message.into()),
        }),
    }
}

/// Its contact, with security where it is an alarm; those who run the relay where that reaches nobody.
fn reached(letter: &PinnedLetter, grants: &[Grant], addresses: &Addresses, bad: &BTreeSet<String>) -> Vec<String> {
    let grant = named(grants, &letter.name);
    let contact = grant.map(|grant| grant.contact.to_string().to_ascii_lowercase());
    let mut to: Vec<String> = contact.into_iter().collect();
    to.retain(|address| !bad.contains(address));
    if to.is_empty() {
        to.clone_from(&addresses.admins);
    }
    if letter.notice.audience().contains(&Audience::Security) {
        to.extend(addresses.security.iter().cloned());
    }
    to.sort();
    to.dedup();
    to
}

fn named<'a>(grants: &'a [Grant], name: &str) -> Option<&'a Grant> {
    grants.iter().find(|grant| *grant.name == *name)
}

/// What the words of such a letter speak of.
#[must_use]
pub fn about_pinned(relay: &Relay, grants: &[Grant], letter: &PinnedLetter) -> About {
    let grant = named(grants, &letter.name);
    About {
        id: letter.name.to_string(),
        what: grant.map_or_else(
            || "a grant that the configuration file had".to_owned(),
            |grant| format!("the grant {} ({})", grant.name, grant.owner),
        ),
        said: letter.said.clone(),
        until: grant.map(|grant| relay.calendar.date(grant.until)).unwrap_or_default(),
        recipe: grant
            .filter(|_| letter.notice == Notice::Refused)
            .map(granted)
            .unwrap_or_default(),
        help: relay.help.clone(),
        organisation: relay.organisation.clone(),
        ..About::default()
    }
}

/// What the file grants, in words.
fn granted(grant: &Grant) -> String {
    let senders: Vec<String> = grant.senders.iter().map(ToString::to_string).collect();
    let networks = match &grant.by {
        By::Address(networks) => networks,
        By::Login(_) | By::Certificate(_) => &grant.networks,
    };
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        ("for", grant.reason.clone()),
        ("sends as", senders.join(", ")),
        ("from", networks.join(", ")),
    ];
    lines.retain(|(_, said)| !said.trim().is_empty());
    let lines: Vec<String> = lines.iter().map(|(name, said)| format!("  {name:<9} {said}")).collect();
    lines.join("\n")
}
