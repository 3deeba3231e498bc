//! One message's story, from what the spool and the ledger know of it.
//!
//! Pure: [`tell`] takes what was read and gives a [`Tale`], which shows itself as text and as JSON. The ledger says what
//! happened; the spool knows the subject, where each recipient stands now, and the last attempts the ledger may lag
//! behind with. Where only one of them knows of the message the tale is told from that one.

mod moments;
mod show;
#[cfg(test)]
mod tests;

use ledger::{Event, Line};
use mail::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use moments::{bare, standing};
pub(crate) use show::Printable;
pub use show::size;

/// What happened to a message, in a session, or with a refusal; ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tale {
    /// The id that was asked for.
    pub id: String,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<u64>,
    /// The envelope sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The session it came in; its own trace tells what else was said there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// Where each recipient that is not done stands now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Where its beginning is not known: how far back the ledger is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

impl Tale {
    /// Whether it is told from its beginning on.
    #[must_use]
    pub fn begins(&self) -> bool {
        self.moments.iter().any(|moment| moment.what == "received")
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When: milliseconds since 1970.
    pub at_ms: i64,
    /// When, RFC 3339.
    pub at: String,
    /// What, in one word: `received`, `judged`, `stored`, `delivered`, `deferred`, `failed`, `held`, ...
    pub what: String,
    /// To whom, where it is about recipients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The particulars.
    pub text: String,
    /// How long it took, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// How long after the message was received, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

/// A recipient whose fate is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// To whom.
    pub to: String,
    /// `ready`, `deferred`, `held`, `quarantined` or `bouncing`.
    pub state: String,
    /// Why, until when, and what to do about it.
    pub text: String,
}

/// Tells what is known of a message; `None` where nothing is.
#[must_use]
pub fn tell(story: Option<&spool::Story>, lines: &[Line]) -> Option<Tale> {
    let accepted = lines.iter().find_map(|line| match &line.event {
        Event::Accepted(facts) => Some((line.at, facts.as_ref())),
        _ => None,
    });
    let id = match (story, accepted) {
        (Some(story), _) => story.id,
        (None, Some((_, facts))) => facts.message,
        (None, None) => lines.iter().find_map(|line| line.event.message())?,
    };
    let mut tale = Tale {
        id: id.to_string(),
        ..Tale::default()
    };
    if let Some((_, facts)) = accepted {
        tale.octets = Some(facts.size);
        tale.from = Some(facts.from.to_string());
        tale.session = session(facts.origin.session);
    }
    if let Some(story) = story {
        tale.subject = story.subject.as_deref().map(str::to_owned);
        tale.octets = Some(story.octets);
        tale.from = Some(story.reverse.to_string());
        tale.session = session(story.session);
        tale.waiting = moments::waiting(story);
    }
    moments::arrival(&mut tale, story, accepted);
    moments::afterwards(&mut tale, story, lines);
    let received = story.map(|story| story.received).or(accepted.map(|(at, _)| at));
    tale.put_in_order(received);
    Some(tale)
}

/// Tells what happened in a session, or of the refusal a client was told of; `None` where nothing is known.
#[must_use]
pub fn tell_session(id: &str, lines: &[Line]) -> Option<Tale> {
    let mut tale = Tale {
        id: id.to_owned(),
        ..Tale::default()
    };
    let origin = lines.iter().find_map(|line| match &line.event {
        Event::Refused(facts) => Some(&facts.origin),
        Event::RefusedMany(many) => Some(&many.sample_of(id)?.origin),
        Event::Login(facts) => Some(&facts.origin),
        Event::Accepted(facts) => Some(&facts.origin),
        _ => None,
    })?;
    tale.session = session(origin.session).filter(|session| session != id);
    moments::in_session(&mut tale, lines);
    tale.put_in_order(None);
    Some(tale)
}

/// Our own notices come in no session.
fn session(id: mail::SessionId) -> Option<String> {
    (id.number() != 0).then(|| id.to_string())
}

impl Moment {
    fn new(at: Timestamp, what: &str, text: impl Into<String>) -> Self {
        Self {
            at_ms: at.0,
            at: at.to_rfc3339(),
            what: what.to_owned(),
            to: Vec::new(),
            text: text.into(),
            took_ms: None,
            after_ms: None,
        }
    }

    fn to(mut self, recipient: impl Into<String>) -> Self {
        self.to.push(recipient.into());
        self
    }

    fn took(mut self, ms: u64) -> Self {
        self.took_ms = Some(ms);
        self
    }
}

impl Tale {
    /// Whether this happened to anybody.
    #[must_use]
    pub fn has(&self, what: &str) -> bool {
        self.moments.iter().any(|moment| moment.what == what)
    }

    /// How long after it was received the last recipient had it, in milliseconds; `None` while somebody has not.
    #[must_use]
    pub fn delivered_after_ms(&self) -> Option<u64> {
        if !self.waiting.is_empty() {
            return None;
        }
        self.moments
            .iter()
            .filter(|moment| moment.what == "delivered")
            .filter_map(|moment| moment.after_ms)
            .max()
    }

    /// Sorts by time, joins what happened to several recipients at once, and counts from `received`.
    fn put_in_order(&mut self, received: Option<Timestamp>) {
        self.moments.sort_by_key(|moment| moment.at_ms);
        let mut joined: Vec<Moment> = Vec::with_capacity(self.moments.len());
        for moment in self.moments.drain(..) {
            match joined.last_mut().filter(|last| last.is_one_with(&moment)) {
                Some(last) => last.to.extend(moment.to),
                None => joined.push(moment),
            }
        }
        for moment in &mut joined {
            moment.after_ms = received
                .map(|received| Timestamp(moment.at_ms).since(received))
                .map(millis);
        }
        self.moments = joined;
    }
}

impl Moment {
    /// Recipients of one transaction are told within moments of each other, in the same words.
    fn is_one_with(&self, next: &Self) -> bool {
        !self.to.is_empty()
            && !next.to.is_empty()
            && self.what == next.what
            && self.text == next.text
            && next.at_ms.saturating_sub(self.at_ms) < 1000
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
