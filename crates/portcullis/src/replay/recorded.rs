//! A message as its record tells of it: what was known, and what became of it.

use ledger::{Event, Line, Words};
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
    /// For each recipient what was known and what became of it; one where the client was refused before it named any.
    pub decisions: Vec<(Recollection, Fate)>,
}

impl Recorded {
    /// The message a line tells of; `None` where it tells of something else.
    #[must_use]
    pub fn of(line: &Line) -> Option<Result<Self, Unreadable>> {
        match &line.event {
            // Nobody decides about our own notices.
            Event::Accepted(facts) => (!is_notice(facts)).then(|| Self::accepted(facts, &line.event)),
            Event::Refused(facts) => Some(Self::refused(facts, &line.event)),
            _ => None,
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
            Ok((recollection, fate))
        });
        Ok(Self {
            id: facts.message.to_string(),
            grant: facts.origin.grant.clone(),
            from: facts.from.to_string(),
            listener: facts.origin.listener.clone(),
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
        Ok(Self {
            id: facts.event.to_string(),
            grant: facts.origin.grant.clone(),
            from: facts.from.as_ref().map_or_else(String::new, Words::to_string),
            listener: facts.origin.listener.clone(),
            decisions: recalled.into_iter().map(|recollection| (recollection, fate)).collect(),
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
