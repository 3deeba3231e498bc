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
    /// What an event remembers: one for each recipient of a message, one for a client or a sender that was refused.
    #[must_use]
    pub fn of(event: &Event) -> Vec<Self> {
        let read = match event {
            Event::Accepted(facts) => {
                let recipients = facts.recipients.iter();
                let asked: Vec<&Words> = recipients.map(|one| one.asked.as_ref().unwrap_or(&one.rcpt)).collect();
                let size = Some(facts.size);
                let known = facts.judged.as_ref();
                known.and_then(|judged| {
                    Self::read(
                        &facts.origin,
                        Some(&facts.from),
                        &asked,
                        size,
                        &facts.header_from,
                        judged,
                    )
                })
            }
            Event::Refused(facts) => {
                let one = facts.rcpt.iter();
                let asked: Vec<&Words> = one.chain(&facts.recipients).collect();
                let known = facts.judged.as_ref();
                known.and_then(|judged| {
                    let sender = facts.from.as_ref();
                    Self::read(&facts.origin, sender, &asked, facts.size, &facts.header_from, judged)
                })
            }
            _ => None,
        };
        read.unwrap_or_default()
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
            facts.pin = Fact::NotYet;
        }
        facts
    }

    /// `None` where a fact cannot be read: nothing is decided on half of them.
    fn read(
        origin: &Origin,
        from: Option<&Words>,
        recipients: &[&Words],
        size: Option<u64>,
        authors: &[Words],
        judged: &Judged,
    ) -> Option<Vec<Self>> {
        if !judged.is_understood() {
            return None;
        }
        let form = match judged.from {
            Fact::Known(FromForm::Missing) => Fact::Known(FromScan::Missing),
            Fact::Known(FromForm::Malformed) => Fact::Known(FromScan::Malformed),
            Fact::Known(FromForm::Mailboxes) => {
                let mailboxes = authors.iter().map(|words| words.as_str().parse().ok());
                Fact::Known(FromScan::Mailboxes(mailboxes.collect::<Option<_>>()?))
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
            return Some(vec![nobody_yet]);
        }
        let each = recipients.iter().map(|words| {
            Some(Self {
                recipient: Some(forward_path(words.as_str())?),
                ..nobody_yet.clone()
            })
        });
        each.collect()
    }
}

fn reverse_path(text: &str) -> Option<ReversePath> {
    match inner(text)? {
        "" => Some(ReversePath::Null),
        mailbox => Some(ReversePath::Mailbox(mailbox.parse::<Mailbox>().ok()?)),
    }
}

fn forward_path(text: &str) -> Option<ForwardPath> {
    match inner(text)? {
        "postmaster" => Some(ForwardPath::Postmaster),
        mailbox => Some(ForwardPath::Mailbox(mailbox.parse::<Mailbox>().ok()?)),
    }
}

fn inner(path: &str) -> Option<&str> {
    path.strip_prefix('<')?.strip_suffix('>')
}
