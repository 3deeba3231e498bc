//! Why something was treated as it was, for whoever answers the telephone.
//!
//! Pure: [`account`] takes what the ledger has of a source, a grant, a login, an address or an id and gives an
//! [`Account`], which shows itself as text and as JSON. Of each decision it says the reason in words, what was answered,
//! and what to do next; of a refusal also whether the rules that serve now would decide the same.

mod advice;
mod line;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ledger::{Event, Key, Line, Reader, RefusedMany};
use mail::{EventId, MessageId, SessionId, Timestamp};
use policy::{Grant, GrantState, Live, Snapshot, decide};
use registry::CaseId;
use serde::{Deserialize, Serialize};

use crate::kept::Kept;
use crate::recollection::Recollection;
use crate::story::bare;
use line::told;

pub(crate) use line::more;

/// Decisions told unless more are asked for.
pub const LAST_DEFAULT: usize = 10;
/// Decisions told at most.
pub const LAST_MAX: usize = 1000;

/// The last decisions about something, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What was asked about.
    pub about: String,
    /// What was decided.
    pub decisions: Vec<Decision>,
    /// Where the grants that were decided by stand now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Where there are fewer than were asked for: how far back the ledger is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When, RFC 3339.
    pub at: String,
    /// What, in a word or two: `refused`, `not now`, `accepted`, `held`, `delivered`, ...
    pub what: String,
    /// The id it can be traced by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it came from: the client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The listener it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// The login it proved, or failed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// What its certificate says of it, where an authority was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The grant it stood on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The envelope sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The recipients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The stable reason code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The reason, in words.
    pub because: String,
    /// What was answered: by us to a client, or by another server to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// How many more were like it, where they are told of together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
    /// What to do next.
    pub next: String,
    /// What the rules that serve now would decide, where it was a refusal of theirs and they can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

/// The rules that serve, and what time it is.
#[derive(Clone, Copy)]
pub struct Present<'a> {
    /// The rules.
    pub snapshot: &'a Snapshot,
    /// The moment.
    pub now: Timestamp,
}

/// Tells the last decisions about an id, an address of a machine or a person, a grant or a login. Blocks.
///
/// # Errors
/// In words: nothing is known of it, or the ledger cannot be read.
pub fn account(reader: &Reader, about: &str, most: usize, present: Option<Present<'_>>) -> Result<Account, String> {
    let about = about.trim();
    let most = most.clamp(1, LAST_MAX);
    for key in keys(about) {
        let lines = last_of(reader, &key, most).map_err(|error| format!("the ledger cannot be read: {error}"))?;
        let decisions = lines.iter().rev().filter_map(|line| told(line, &key, present));
        let decisions: Vec<Decision> = decisions.take(most).collect();
        if !decisions.is_empty() {
            let kept = Some(reader).filter(|_| lines.len() < most).and_then(Kept::of);
            return Ok(Account {
                about: about.to_owned(),
                grants: present.map_or_else(Vec::new, |present| standing(&decisions, present)),
                decisions,
                kept: kept.map(|kept| kept.to_string()),
            });
        }
    }
    let nothing = format!(
        "the ledger knows nothing of {about}: no message, refusal, session, source, address, grant or login is called so, \
         unless it is one of many refusals that were only counted"
    );
    Err(Kept::beside(reader, nothing))
}

/// Where the grants stand by which was decided; what has ended and was taken out stands nowhere.
fn standing(decisions: &[Decision], present: Present<'_>) -> Vec<String> {
    let names: BTreeSet<&str> = decisions
        .iter()
        .filter_map(|decision| decision.grant.as_deref())
        .collect();
    let grants = names.into_iter().filter_map(|name| present.snapshot.grant_named(name));
    grants.map(|grant| stands(grant, present.now)).collect()
}

fn stands(grant: &Grant, now: Timestamp) -> String {
    let what = if CaseId::parse(&grant.name).is_some() {
        "case"
    } else {
        "grant"
    };
    let state = match &grant.state {
        GrantState::Suspended(why) => format!("does not serve: {why}"),
        GrantState::Active if grant.until < now => "has ended".to_owned(),
        GrantState::Active if now < grant.from_time => "has not begun".to_owned(),
        GrantState::Active => "serves".to_owned(),
    };
    format!(
        "{what} {} of {} {state}; its end is {}",
        grant.name,
        grant.owner,
        grant.until.to_date()
    )
}

/// What the words may mean, the likeliest first.
fn keys(about: &str) -> Vec<Key> {
    let bare = bare(about);
    if let Ok(ip) = about.trim_matches(['[', ']']).parse::<IpAddr>() {
        return vec![Key::Source(ip.to_canonical())];
    }
    if bare.contains('@') {
        return vec![Key::Address(bare.as_str().into()), Key::MessageId(bare.as_str().into())];
    }
    let mut keys = Vec::new();
    if let Ok(id) = about.parse::<MessageId>() {
        let number = id.number();
        keys.push(Key::Event(EventId::new(number)));
        keys.push(Key::Message(id));
        keys.push(Key::Session(SessionId::new(number)));
    }
    keys.push(Key::Grant(about.into()));
    keys
}

/// The last lines about it. What an IPv6 client was refused may be told of with all that its /64 was; who guesses at a
/// grant's login is told with what its mail did.
fn last_of(reader: &Reader, key: &Key, most: usize) -> io::Result<Vec<Line>> {
    let mut lines = reader.last_of(key, most)?;
    if let Key::Grant(name) = key {
        let of_login = reader.last_of(&Key::Login(name.clone()), most)?.into_iter();
        lines.extend(of_login.filter(|line| !key.fits(&line.event)));
        lines.sort_by_key(|line| (line.at, line.seq));
    }
    if let Key::Source(ip) = key
        && let network = Key::Source(RefusedMany::source_of(*ip))
        && network != *key
    {
        let of_network = reader.last_of(&network, most)?.into_iter();
        lines.extend(of_network.filter(|line| matches!(line.event, Event::RefusedMany(_)) && !key.fits(&line.event)));
        lines.sort_by_key(|line| (line.at, line.seq));
    }
    Ok(lines)
}

/// What the rules that serve would decide at this moment on the same facts.
fn again(event: &Event, present: Option<Present<'_>>) -> Option<String> {
    let present = present?;
    let mut accepted = None;
    let mut other = None;
    let recollected = Recollection::of(event);
    if recollected.is_empty() {
        return None;
    }
    for mut one in recollected {
        one.now = present.now;
        let decision = decide(present.snapshot, &mut Live::new(&one.facts(present.snapshot)));
        if decision.verdict.accepts() {
            accepted = Some(decision.grant(present.snapshot).map(|grant| grant.name.to_string()));
        } else {
            other = Some(decision.reason);
        }
    }
    Some(match (accepted, other) {
        (Some(Some(grant)), None) => format!("it would be accepted now, by grant {grant}"),
        (Some(None), None) => "it would be accepted now, as far as it was asked".to_owned(),
        (Some(_), Some(reason)) => format!("some of its recipients would be accepted now, others not: {reason}"),
        (None, Some(reason)) => format!("it would be refused again: {reason}"),
        (None, None) => return None,
    })
}
