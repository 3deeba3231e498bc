//! A message as its record tells of it.

use admission::{FromScan, Learned, Visitor};
use ledger::{Event, FromForm, Judged, Line, Words};
use mail::{ForwardPath, Mailbox, ReversePath, Timestamp};
use policy::{Fact, Name, Reason};

use super::Fate;
use crate::witness::visitor;

/// Everything that is needed to decide it again.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The id of the message, or of the refusal.
    pub id: String,
    /// When it was decided.
    pub now: Timestamp,
    /// The grant it stood on.
    pub grant: Option<Name>,
    /// The envelope sender, as written.
    pub from: String,
    /// Who sent it, from where.
    pub visitor: Visitor,
    /// The envelope sender.
    pub sender: Fact<ReversePath>,
    /// What else was known.
    pub learned: Learned,
    /// To whom, and what became of it.
    pub recipients: Vec<Addressee>,
}

/// One recipient of it.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// The address that was asked for; not yet known where the client was refused before it named one.
    pub path: Fact<ForwardPath>,
    /// What became of it.
    pub was: Fate,
}

/// Why a record cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unreadable {
    /// It was written before records carried all facts.
    Old,
    /// It was written by a later version of this program.
    Later,
    /// An address in it was cut, or is none.
    Address,
    /// It was refused by the dialogue, the doors or the disk: no configuration of who may send was asked.
    NotJudged,
}

impl Unreadable {
    /// In words that follow a number of records.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Old => "were written before records carried all facts",
            Self::Later => "were written by a later version of this program",
            Self::Address => "have an address that was cut or is none",
            Self::NotJudged => "were refused by the dialogue, the doors or the disk, not by who may send what",
        }
    }
}

impl Recorded {
    /// The message a line tells of; `None` where it tells of something else.
    #[must_use]
    pub fn of(line: &Line) -> Option<Result<Self, Unreadable>> {
        match &line.event {
            // Nobody decides about our own notices.
            Event::Accepted(facts) => (!is_notice(facts)).then(|| Self::accepted(facts)),
            Event::Refused(facts) => Some(Self::refused(facts)),
            _ => None,
        }
    }

    fn accepted(facts: &ledger::Accepted) -> Result<Self, Unreadable> {
        let judged = understood(facts.judged.as_ref(), Unreadable::Old)?;
        let recipients = facts.recipients.iter().map(|one| {
            let was = match one.held.as_ref().map(reason).transpose()? {
                None => Fate::Accepted,
                Some(why) if one.quarantined => Fate::Quarantined(why),
                Some(why) => Fate::Held(why),
            };
            let path = forward_path(one.asked.as_ref().unwrap_or(&one.rcpt))?;
            Ok(Addressee {
                path: Fact::Known(path),
                was,
            })
        });
        Ok(Self {
            id: facts.message.to_string(),
            now: judged.now,
            grant: facts.origin.grant.clone(),
            from: facts.from.to_string(),
            visitor: visitor(&facts.origin),
            sender: Fact::Known(reverse_path(&facts.from)?),
            learned: learned(judged, Some(facts.size), &facts.header_from)?,
            recipients: recipients.collect::<Result<_, _>>()?,
        })
    }

    fn refused(facts: &ledger::Refused) -> Result<Self, Unreadable> {
        let judged = understood(facts.judged.as_ref(), Unreadable::NotJudged)?;
        let why = reason(&facts.reason)?;
        let was = if facts.code < 500 {
            Fate::Deferred(why)
        } else {
            Fate::Refused(why)
        };
        let mut named: Vec<&Words> = facts.recipients.iter().chain(&facts.rcpt).collect();
        named.dedup();
        let mut recipients = Vec::with_capacity(named.len().max(1));
        for one in named {
            recipients.push(Addressee {
                path: Fact::Known(forward_path(one)?),
                was,
            });
        }
        if recipients.is_empty() {
            recipients.push(Addressee {
                path: Fact::NotYet,
                was,
            });
        }
        Ok(Self {
            id: facts.event.to_string(),
            now: judged.now,
            grant: facts.origin.grant.clone(),
            from: facts.from.as_ref().map_or_else(String::new, Words::to_string),
            visitor: visitor(&facts.origin),
            sender: match &facts.from {
                Some(from) => Fact::Known(reverse_path(from)?),
                None => Fact::NotYet,
            },
            learned: learned(judged, facts.size, &facts.header_from)?,
            recipients,
        })
    }
}

/// Whether we wrote it ourselves: it came from nowhere.
fn is_notice(facts: &ledger::Accepted) -> bool {
    facts.judged.is_none() && facts.origin.client.is_unspecified()
}

fn understood(judged: Option<&Judged>, absent: Unreadable) -> Result<&Judged, Unreadable> {
    let judged = judged.ok_or(absent)?;
    judged.is_understood().then_some(judged).ok_or(Unreadable::Later)
}

fn learned(judged: &Judged, octets: Option<u64>, authors: &[Words]) -> Result<Learned, Unreadable> {
    let mailboxes = || authors.iter().map(mailbox).collect::<Result<Vec<_>, _>>();
    let from = match judged.from {
        Fact::Known(FromForm::Missing) => Fact::Known(FromScan::Missing),
        Fact::Known(FromForm::Malformed) => Fact::Known(FromScan::Malformed),
        Fact::Known(FromForm::Mailboxes) => Fact::Known(FromScan::Mailboxes(mailboxes()?)),
        Fact::Unknown => Fact::Unknown,
        Fact::NotYet => Fact::NotYet,
    };
    Ok(Learned {
        octets: octets.map_or(Fact::NotYet, Fact::Known),
        hops: judged.hops,
        from,
        usage: judged.usage,
        masked: judged.masked,
        content: judged.content,
    })
}

/// A reason that this version does not have was written by a later one.
fn reason(words: &Words) -> Result<Reason, Unreadable> {
    words.as_str().parse().map_err(|()| Unreadable::Later)
}

fn mailbox(words: &Words) -> Result<Mailbox, Unreadable> {
    bare(words).parse().map_err(|_| Unreadable::Address)
}

fn reverse_path(words: &Words) -> Result<ReversePath, Unreadable> {
    match bare(words) {
        "" => Ok(ReversePath::Null),
        _ => mailbox(words).map(ReversePath::Mailbox),
    }
}

fn forward_path(words: &Words) -> Result<ForwardPath, Unreadable> {
    match bare(words) {
        text if text.eq_ignore_ascii_case("postmaster") => Ok(ForwardPath::Postmaster),
        _ => mailbox(words).map(ForwardPath::Mailbox),
    }
}

/// Paths are recorded in their angle brackets.
fn bare(words: &Words) -> &str {
    let text = words.as_str();
    text.strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text)
}
