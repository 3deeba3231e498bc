//! One message on its way in, from MAIL to the end of its body.

use std::sync::Arc;

use bytes::Bytes;
use mail::{ForwardPath, HeaderScan, MailParams, MessageId, RcptParams, ReversePath, Timestamp};
use policy::{Demand, Fact, LimitSpec, Name, Reason, Snapshot, Usage, Verdict};
use spool::{CommitError, Draft, DraftError};

use crate::facts::Learned;

/// One message on its way in. Dropping it abandons the draft.
pub struct Transaction {
    pub(crate) sender: ReversePath,
    pub(crate) params: MailParams,
    pub(crate) recipients: Vec<(ForwardPath, RcptParams)>,
    pub(crate) learned: Learned,
    pub(crate) body: Option<IncomingBody>,
    pub(crate) reserved: Option<Reservation>,
}

/// The body as it streams in.
pub(crate) struct IncomingBody {
    pub(crate) draft: Draft,
    pub(crate) scan: HeaderScan,
    /// The first thing that went wrong with the disk; what follows is swallowed.
    pub(crate) broken: Option<DraftError>,
}

/// What was taken from a grant's limits and is given back unless the message is stored.
pub(crate) struct Reservation {
    pub(crate) grant: Name,
    pub(crate) demand: Demand,
    /// The limits it was taken from, and what they said.
    pub(crate) limits: LimitSpec,
    pub(crate) usage: Usage,
}

impl Transaction {
    pub(crate) fn new(sender: ReversePath, params: MailParams) -> Self {
        let octets = params.size.map_or(Fact::NotYet, Fact::Known);
        let learned = Learned {
            octets,
            ..Learned::NOTHING
        };
        Self {
            sender,
            params,
            recipients: Vec::new(),
            learned,
            body: None,
            reserved: None,
        }
    }

    /// The envelope sender.
    #[must_use]
    pub fn sender(&self) -> &ReversePath {
        &self.sender
    }

    /// Recipients accepted so far.
    #[must_use]
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// Takes octets of the body. A failing disk is remembered and told at the end: SMTP has no word in between.
    pub async fn append(&mut self, octets: Bytes) {
        if self.take(&octets) {
            self.spill().await;
        }
    }

    /// As [`append`](Self::append), as far as nobody has to wait; says whether [`spill`](Self::spill) is due before more
    /// come.
    pub fn take(&mut self, octets: &[u8]) -> bool {
        let Some(body) = self.body.as_mut().filter(|body| body.broken.is_none()) else {
            return false;
        };
        body.scan.feed(octets);
        body.draft.take(octets)
    }

    /// Has what was taken written to the disk, to keep little of a large message in memory.
    pub async fn spill(&mut self) {
        let Some(body) = &mut self.body else { return };
        if let Err(error) = body.draft.spill().await {
            body.broken = Some(error);
        }
    }
}

/// A verdict that does not accept, with the snapshot it was asked of.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Refuse or defer.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The grant that was selected, by name.
    pub grant: Option<Name>,
    /// What it was decided on, besides the client and what the question was about.
    pub weighed: Box<Weighed>,
}

/// What a rejection was decided on: with this it can be decided again.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// When.
    pub now: Timestamp,
    /// What was known of the message by then.
    pub learned: Learned,
    /// Everybody it was for, where the whole message is rejected; otherwise nobody.
    pub recipients: Vec<ForwardPath>,
}

/// What became of a whole message.
#[derive(Debug)]
pub enum Admitted {
    /// It is durable.
    Stored {
        /// Its id.
        id: MessageId,
    },
    /// Judgement refused or deferred it for every recipient.
    Rejected(Rejection),
    /// The disk could not take it.
    NotStored(CommitError),
}
