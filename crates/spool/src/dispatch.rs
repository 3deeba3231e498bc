//! The handle that leases and settles.

use mail::{Domain, ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, Timestamp};
use policy::{Basis, Generation, Name, Permit, Reason};

use crate::{Body, BodyError, ChangeError, Content, Settlement};

/// Hands out what is due and records what became of it.
#[derive(Clone)]
pub struct Dispatch {}

/// One message with the recipients that were due, for one worker alone. Dropping it gives back, half a minute later,
/// what was not settled.
pub struct Lease {
    /// The message.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// What was said with MAIL.
    pub params: MailParams,
    /// Who hears of delays and failures of a device's mail.
    pub grant_contact: Option<Mailbox>,
    /// What is known of the content.
    pub content: Content,
    /// Octets as delivered.
    pub octets: u64,
    /// The recipients that were due.
    pub recipients: Vec<LeasedRecipient>,
}

/// One recipient of a lease.
#[derive(Clone, Debug)]
pub struct LeasedRecipient {
    /// Its index in the letter.
    pub index: u32,
    /// To whom.
    pub path: ForwardPath,
    /// What was said with RCPT.
    pub params: RcptParams,
    /// On what ground it was accepted.
    pub basis: Basis,
    /// The generation that was asked.
    pub generation: Generation,
    /// Attempts made before.
    pub attempts: u32,
    /// Whether its sender was told of the delay.
    pub delay_told: bool,
    /// An operator wants it given back: no attempt, settle it `Failed` with a notice.
    pub bounce: bool,
}

/// Which messages (or recipients of them) a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// These messages.
    Ids(Vec<MessageId>),
    /// Messages of this sender.
    Sender(Mailbox),
    /// Recipients accepted on this grant.
    Grant(Name),
    /// Recipients in this domain.
    RecipientDomain(Domain),
    /// Everything.
    All,
}

/// What an operator does with queued recipients. Done ones are never touched; leased ones change when the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Holds what would be delivered.
    Hold {
        /// Why.
        reason: Reason,
        /// Who.
        by: crate::Holder,
        /// An operator's hold may end by itself.
        until: Option<Timestamp>,
    },
    /// Frees what operators hold. Held by judgement, suspension or quarantine stays: see [`Dispatch::release`].
    Release,
    /// Tries deferred ones now.
    RetryNow,
    /// Takes them out; nobody is told.
    Remove,
    /// Gives them back to their sender with a notice (by the worker, at once).
    Bounce,
}

impl Dispatch {
    /// Returns when something is due. It may return early; [`lease`](Self::lease) then finds nothing.
    pub async fn work(&self) {
        std::future::pending::<()>().await;
    }

    /// Leases up to `max` messages that are due at `now`, the longest due first.
    #[must_use]
    pub fn lease(&self, now: Timestamp, max: usize) -> Vec<Lease> {
        let _ = (now, max);
        Vec::new()
    }

    /// Gives back what the lease has not settled, to be due again at `until`. In memory only: for busy destinations.
    pub fn put_back(&self, lease: Lease, until: Timestamp) {
        let _ = (lease, until);
    }

    /// Opens the message for reading.
    pub async fn open(&self, lease: &Lease) -> Result<Body, BodyError> {
        let _ = lease;
        Err(BodyError::Gone)
    }

    /// Records what became of recipients of the lease; durable when it returns, together with everything else that is
    /// being written. May be called several times for one lease, as destinations answer.
    pub async fn settle(&self, lease: &Lease, settlements: Vec<Settlement>) -> Result<(), ChangeError> {
        let _ = (lease, settlements);
        Err(ChangeError::Closed)
    }

    /// Carries out an operator's change; durable when it returns. Says how many recipients it changed.
    pub async fn change(&self, selector: Selector, change: Change) -> Result<u64, ChangeError> {
        let _ = (selector, change);
        Err(ChangeError::Closed)
    }

    /// Frees a recipient that judgement, a suspension or quarantine holds back, on a new decision: it then stands as
    /// the new permit says.
    pub async fn release(&self, id: MessageId, recipient: u32, permit: Permit) -> Result<(), ChangeError> {
        let _ = (id, recipient, permit);
        Err(ChangeError::Closed)
    }

    /// Stops handing out what the selector names, now and in future, until [`resume`](Self::resume). `Ids` cannot be
    /// suspended; hold them instead.
    pub async fn suspend(&self, selector: Selector) -> Result<(), ChangeError> {
        let _ = selector;
        Err(ChangeError::Closed)
    }

    /// Ends a suspension.
    pub async fn resume(&self, selector: Selector) -> Result<(), ChangeError> {
        let _ = selector;
        Err(ChangeError::Closed)
    }

    /// What is suspended.
    #[must_use]
    pub fn suspended(&self) -> Vec<Selector> {
        Vec::new()
    }
}
