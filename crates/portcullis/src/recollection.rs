//! What the ledger remembers of a decision, ready to be decided again: by the rules of then, of now, or by others.
//!
//! Only what judgement decided comes back: what the dialogue, the doors or the disk refused rests on no rule that could
//! be another. Records from before facts were kept, and of a version to come, come back as nothing.

use admission::{FromScan, Learned, Visitor, gather};
use ledger::{Event, FromForm, Judged, Origin, Words};
use mail::{ForwardPath, Mailbox, ReversePath, Timestamp};
use policy::{Fact, Facts, Snapshot};

use crate::witness::visitor;

/// What was known when something was decided, of one recipient or of none yet.
#[derive(Clone, Debug)]
pub struct Recollection {
    /// When it was decided.
    pub now: Timestamp,
    visitor: Visitor,
    /// `None` where the client was refused before it named one.
    sender: Option<ReversePath>,
    recipient: Option<ForwardPath>,
    learned: Learned,
}

impl Recollection {
    /// What an event remembers: one for each recipient of a message in their order, one for a client or a sender that was
    /// refused; nothing where it was no decision of judgement about somebody's message, or cannot be read.
    #[must_use]
    pub fn of(event: &Event) -> Vec<Self> {
        Self::recall(event).unwrap_or_default()
    }

    /// The same, with why it cannot be decided again.
    ///
    /// # Errors
    /// The first reason there is; nothing is decided on half of the facts.
    pub fn recall(event: &Event) -> Result<Vec<Self>, Unreadable> {
        match event {
            Event::Accepted(facts) => {
                let recipients = facts.recipients.iter();
                let asked: Vec<&Words> = recipients.map(|one| one.asked.as_ref().unwrap_or(&one.rcpt)).collect();
                let judged = facts.judged.as_ref().ok_or(Unreadable::Old)?;
                let (from, size) = (Some(&facts.from), Some(facts.size));
                Self::read(&facts.origin, from, &asked, size, &facts.header_from, judged)
            }
            Event::Refused(facts) => {
                let asked: Vec<&Words> = facts.rcpt.iter().chain(&facts.recipients).collect();
                let judged = facts.judged.as_ref().ok_or(Unreadable::NotJudged)?;
                let from = facts.from.as_ref();
                Self::read(&facts.origin, from, &asked, facts.size, &facts.header_from, judged)
            }
            _ => Err(Unreadable::NotJudged),
        }
    }

    /// The facts, as judgement by this snapshot takes them.
    #[must_use]
    pub fn facts(&self, snapshot: &Snapshot) -> Facts<'_> {
        // A listener that is not there judges like one that allows nothing.
        let listener = snapshot.listener_named(&self.visitor.listener).unwrap_or(u32::MAX);
        let sender = self.sender.as_ref().map_or(Fact::NotYet, Fact::Known);
        let recipient = self.recipient.as_ref().map_or(Fact::NotYet, Fact::Known);
        let mut facts = gather(listener, &self.visitor, self.now, sender, recipient, &self.learned);
        if self.sender.is_none() {
            // Asked at the door, before anybody could prove anything.
            facts.login = Fact::NotYet;
            facts.certificate = Fact::NotYet;
        }
        facts
    }

    fn read(
        origin: &Origin,
        from: Option<&Words>,
        recipients: &[&Words],
        size: Option<u64>,
        authors: &[Words],
        judged: &Judged,
    ) -> Result<Vec<Self>, Unreadable> {
        if !judged.is_understood() {
            return Err(Unreadable::Later);
        }
        let form = match judged.from {
            Fact::Known(FromForm::Missing) => Fact::Known(FromScan::Missing),
            Fact::Known(FromForm::Malformed) => Fact::Known(FromScan::Malformed),
            Fact::Known(FromForm::Mailboxes) => {
                let mailboxes = authors.iter().map(|words| mailbox(words.as_str()));
                Fact::Known(FromScan::Mailboxes(mailboxes.collect::<Result<_, _>>()?))
            }
            Fact::Unknown => Fact::Unknown,
            Fact::NotYet => Fact::NotYet,
        };
        let nobody_yet = Self {
            now: judged.now,
            visitor: visitor(origin),
            sender: match from {
                Some(words) => Some(reverse_path(words.as_str())?),
                None => None,
            },
            recipient: None,
            learned: Learned {
                octets: size.map_or(Fact::NotYet, Fact::Known),
                hops: judged.hops,
                from: form,
                usage: judged.usage,
                masked: judged.masked,
                content: judged.content,
            },
        };
        if recipients.is_empty() {
            return Ok(vec![nobody_yet]);
        }
        let each = recipients.iter().map(|words| {
            Ok(Self {
                recipient: Some(forward_path(words.as_str())?),
                ..nobody_yet.clone()
            })
        });
        each.collect()
    }
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
    /// It was refused by the dialogue, the doors or the disk: nobody asked who may send.
    NotJudged,
    /// It is one of many that were only counted.
    Counted,
}

impl Unreadable {
    /// In words that follow a number of records.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Old => "were written before records carried all facts",
            Self::Later => "were written by a later version of this program",
            Self::Address => "have an address that was cut or is none",
            Self::Counted => "were only counted, among many like some that were decided again",
            Self::NotJudged => "were refused by the dialogue, the doors or the disk, not by who may send what",
        }
    }
}

fn mailbox(text: &str) -> Result<Mailbox, Unreadable> {
    text.parse().map_err(|_| Unreadable::Address)
}

fn reverse_path(text: &str) -> Result<ReversePath, Unreadable> {
    match inner(text)? {
        "" => Ok(ReversePath::Null),
        text => mailbox(text).map(ReversePath::Mailbox),
    }
}

/// Reads a recipient back as it is recorded.
pub(crate) fn forward_path(text: &str) -> Result<ForwardPath, Unreadable> {
    match inner(text)? {
        "postmaster" => Ok(ForwardPath::Postmaster),
        text => mailbox(text).map(ForwardPath::Mailbox),
    }
}

/// Paths are recorded in their angle brackets.
fn inner(path: &str) -> Result<&str, Unreadable> {
    let inner = path.strip_prefix('<').and_then(|path| path.strip_suffix('>'));
    inner.ok_or(Unreadable::Address)
}
