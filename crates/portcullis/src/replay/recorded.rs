//! A message as its record tells of it: what was known, and what became of it.

use std::net::IpAddr;

use ledger::{Event, Words};
use policy::{Name, Reason};

use super::Fate;
use crate::recollection::{Recollection, Unreadable};

/// Everything that is needed to decide it again, and to say whose it was.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The id of the message, or of the refusal.
    pub id: String,
    /// The grant it stood on.
    pub grant: Option<Name>,
    /// The envelope sender, as written; empty where none was named.
    pub from: String,
    /// The listener it came to.
    pub listener: Name,
    /// The address it came from.
    pub client: IpAddr,
    /// One for each recipient; one where the client was refused before it named any.
    pub decisions: Vec<Made>,
}

/// A decision that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// What was known.
    pub recollection: Recollection,
    /// The recipient, as written; empty where none was named.
    pub to: String,
    /// What became of the message.
    pub fate: Fate,
    /// On what ground it was taken, in words; empty where it was not.
    pub ground: String,
}

impl Recorded {
    /// The message an event tells of; `None` where it tells of something else, or of many.
    #[must_use]
    pub fn of(event: &Event) -> Option<Result<Self, Unreadable>> {
        match event {
            // Nobody decides about our own notices.
            Event::Accepted(facts) => (!is_notice(facts)).then(|| Self::accepted(facts, event)),
            Event::Refused(facts) => Some(Self::refused(facts, event)),
            _ => None,
        }
    }

    /// The same, with each refusal that an event about many has whole.
    #[must_use]
    pub fn all_of(event: &Event) -> Vec<Result<Self, Unreadable>> {
        let Event::RefusedMany(many) = event else {
            return Self::of(event).into_iter().collect();
        };
        let samples = many.samples.iter();
        samples
            .map(|one| Self::refused(one, &Event::Refused(Box::new(one.clone()))))
            .collect()
    }

    /// How many refusals an event counts without telling what was known of them.
    #[must_use]
    pub fn only_counted_in(event: &Event) -> u64 {
        match event {
            Event::RefusedMany(many) => many.times.saturating_sub(many.samples.len() as u64),
            _ => 0,
        }
    }

    fn accepted(facts: &ledger::Accepted, event: &Event) -> Result<Self, Unreadable> {
        let recalled = Recollection::recall(event)?.into_iter().zip(&facts.recipients);
        let decisions = recalled.map(|(recollection, one)| {
            let fate = match one.held.as_ref().map(reason).transpose()? {
                None => Fate::Accepted,
                Some(why) if one.quarantined => Fate::Quarantined(why),
                Some(why) => Fate::Held(why),
            };
            Ok(Made {
                recollection,
                to: one.asked.as_ref().unwrap_or(&one.rcpt).to_string(),
                fate,
                ground: ground(&one.basis),
            })
        });
        Ok(Self {
            id: facts.message.to_string(),
            grant: facts.origin.grant.clone(),
            from: facts.from.to_string(),
            listener: facts.origin.listener.clone(),
            client: facts.origin.client,
            decisions: decisions.collect::<Result<_, _>>()?,
        })
    }

    fn refused(facts: &ledger::Refused, event: &Event) -> Result<Self, Unreadable> {
        let recalled = Recollection::recall(event)?;
        let why = reason(&facts.reason)?;
        let fate = if facts.code < 500 {
            Fate::Deferred(why)
        } else {
            Fate::Refused(why)
        };
        let asked = facts.rcpt.iter().chain(&facts.recipients).map(Words::to_string);
        let asked = asked.chain(std::iter::repeat(String::new()));
        let decisions = recalled.into_iter().zip(asked).map(|(recollection, to)| Made {
            recollection,
            to,
            fate,
            ground: String::new(),
        });
        Ok(Self {
            id: facts.event.to_string(),
            grant: facts.origin.grant.clone(),
            from: facts.from.as_ref().map_or_else(String::new, Words::to_string),
            listener: facts.origin.listener.clone(),
            client: facts.origin.client,
            decisions: decisions.collect(),
        })
    }
}

/// Whether we wrote it ourselves: it came from nowhere.
fn is_notice(facts: &ledger::Accepted) -> bool {
    facts.judged.is_none() && facts.origin.client.is_unspecified()
}

/// A reason that this version does not have was written by a later one.
fn reason(words: &Words) -> Result<Reason, Unreadable> {
    words.as_str().parse().map_err(|()| Unreadable::Later)
}

/// In the words of [`Again::ground`](super::Again::ground).
fn ground(basis: &ledger::Ground) -> String {
    match basis {
        ledger::Ground::Grant(name) => format!("grant {name}"),
        ledger::Ground::Route(name) => format!("route {name}"),
        ledger::Ground::Forward(name) => format!("forward {name}"),
        ledger::Ground::Notice { parent, .. } => format!("notice about {parent}"),
    }
}
