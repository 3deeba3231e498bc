//! The handle that reads.

use bytes::Bytes;
use mail::{Domain, ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use policy::{Basis, FactDigest, Generation, Name};

use crate::{AttemptRecord, BodyError, Content, Damage, Selector, State};

/// Shows the queue; changes nothing.
#[derive(Clone)]
pub struct View {}

/// How much is in the queue. The states count recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages not finished.
    pub messages: u64,
    /// Octets of these messages, as delivered.
    pub octets: u64,
    /// To be delivered now.
    pub ready: u64,
    /// To be tried again.
    pub deferred: u64,
    /// Held.
    pub held: u64,
    /// Set aside.
    pub quarantined: u64,
    /// To be given back to their senders.
    pub bouncing: u64,
    /// Recipients workers are busy with; they count in their state as well.
    pub leased: u64,
    /// When the oldest unfinished message was accepted.
    pub oldest: Option<Timestamp>,
}

/// A state without its particulars, to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKind {
    /// [`State::Ready`]
    Ready,
    /// [`State::Deferred`]
    Deferred,
    /// [`State::Held`]
    Held,
    /// [`State::Quarantined`]
    Quarantined,
    /// [`State::Bouncing`]
    Bouncing,
    /// [`State::Done`]
    Done,
}

/// Which messages to list: those that fulfil everything that is set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Some recipient is in this state.
    pub state: Option<StateKind>,
    /// Of this sender.
    pub sender: Option<Mailbox>,
    /// Some recipient was accepted on this grant.
    pub grant: Option<Name>,
    /// Some recipient is in this domain.
    pub recipient_domain: Option<Domain>,
    /// Later than this id: where the last page ended.
    pub after: Option<MessageId>,
}

/// One line of a list.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The message.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// Octets as delivered.
    pub octets: u64,
    /// Its recipients and where they stand.
    pub recipients: Vec<(ForwardPath, State)>,
}

/// All that is known of one message.
#[derive(Clone, Debug)]
pub struct Story {
    /// The message.
    pub id: MessageId,
    /// The session it came in.
    pub session: SessionId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// What was said with MAIL.
    pub params: MailParams,
    /// The subject.
    pub subject: Option<Box<str>>,
    /// Where it came from.
    pub source: Box<str>,
    /// Who hears of delays and failures of a device's mail.
    pub grant_contact: Option<Mailbox>,
    /// What is known of the content.
    pub content: Content,
    /// Octets as delivered.
    pub octets: u64,
    /// What the ledger was told.
    pub testimony: Bytes,
    /// The recipients, in the order of the letter.
    pub recipients: Vec<RecipientStory>,
}

/// All that is known of one recipient.
#[derive(Clone, Debug)]
pub struct RecipientStory {
    /// To whom.
    pub path: ForwardPath,
    /// What was said with RCPT.
    pub params: RcptParams,
    /// On what ground it was accepted.
    pub basis: Basis,
    /// The generation that was asked last.
    pub generation: Generation,
    /// The rulebook that was asked last.
    pub rulebook: u64,
    /// The facts it was asked about last.
    pub digest: FactDigest,
    /// Where it stands.
    pub state: State,
    /// Whether a worker is busy with it.
    pub leased: bool,
    /// Attempts made, all counted.
    pub attempts_made: u32,
    /// The last of them, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// Whether its sender was told of the delay.
    pub delay_told: bool,
}

impl View {
    /// How much is in the queue. Cheap.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// Unfinished messages, oldest first, at most `limit`.
    #[must_use]
    pub fn list(&self, filter: &Filter, limit: usize) -> Vec<Summary> {
        let _ = (filter, limit);
        Vec::new()
    }

    /// One message: queued, or finished not long ago. `None` where it is neither.
    pub async fn get(&self, id: MessageId) -> Result<Option<Story>, BodyError> {
        let _ = id;
        Ok(None)
    }

    /// What could not be read, at the start and since.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        Vec::new()
    }

    /// What is suspended.
    #[must_use]
    pub fn suspended(&self) -> Vec<Selector> {
        Vec::new()
    }
}
