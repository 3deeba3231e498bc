//! What is committed: the envelope, the facts, and the permits.

use bytes::Bytes;
use mail::{ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use policy::Permit;

/// A message about to be stored, beside its octets (which are in the [`Draft`](crate::Draft)).
#[derive(Clone, Debug)]
pub struct Letter {
    /// From [`Intake::new_id`](crate::Intake::new_id); our Received line already names it.
    pub id: MessageId,
    /// The session it came in.
    pub session: SessionId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// What the client said with MAIL.
    pub params: MailParams,
    /// Header lines of ours that go before the message; whole lines, CRLF.
    pub prepend: Bytes,
    /// Changes to the octets that came, applied whenever they are read; ascending, none overlapping.
    pub edits: Vec<Edit>,
    /// The subject, for the trace; cut at [`Letter::SUBJECT_OCTETS_MAX`].
    pub subject: Option<Box<str>>,
    /// Where it came from, for the story: listener, client, login.
    pub source: Box<str>,
    /// Who hears of delays and failures of a device's mail.
    pub grant_contact: Option<Mailbox>,
    /// What is known of the content.
    pub content: Content,
    /// What the ledger will be told, opaque here, stored under the same sync; at most [`Letter::TESTIMONY_OCTETS_MAX`].
    pub testimony: Bytes,
    /// To whom, each with the proof that it was judged. At least one.
    pub recipients: Vec<Addressee>,
}

impl Letter {
    /// Octets of a subject that are kept.
    pub const SUBJECT_OCTETS_MAX: usize = 200;
    /// Octets of a testimony at most; more is [`CommitError::TooLarge`](crate::CommitError::TooLarge).
    pub const TESTIMONY_OCTETS_MAX: usize = 64 * 1024;
    /// Recipients of one letter at most.
    pub const RECIPIENTS_MAX: usize = 10_000;
}

/// What the next hop must be able to carry, and what may be changed on the way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Octets above 127 are in it.
    pub has_8bit: bool,
    /// It carries a signature that a conversion would break.
    pub signed: bool,
    /// We made it ourselves (a notice), or a grant's device did.
    pub originated: bool,
}

/// One recipient and its permit.
#[derive(Clone, Debug)]
pub struct Addressee {
    /// To whom.
    pub path: ForwardPath,
    /// What the client said with RCPT.
    pub params: RcptParams,
    /// The proof that it was judged; its standing is the state it enters with.
    pub permit: Permit,
}

/// One change to the octets that came: from `at` on, `drop` octets are left out and `insert` stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where, counted in the octets that came.
    pub at: u64,
    /// Octets left out.
    pub drop: u64,
    /// Octets put there.
    pub insert: Bytes,
}

/// Proof that a letter is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: MessageId,
    /// Octets that will be delivered: what came, changed as the edits say, behind what we prepended.
    pub octets: u64,
}
