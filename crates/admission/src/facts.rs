//! Facts of one message for judgement, from what the session and the transaction know.

use mail::{ForwardPath, Mailbox, ReversePath, Timestamp};
use policy::{ContentClass, Fact, Facts, FromHeader, Usage};

use crate::witness::Visitor;

/// What a transaction has learned so far, besides its client and its envelope.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Octets, as declared and later as counted.
    pub octets: Fact<u64>,
    /// Received headers.
    pub hops: Fact<u32>,
    /// What the From header is.
    pub from: Fact<FromScan>,
    /// Where the grant's use stands.
    pub usage: Fact<Usage>,
    /// Whether several clients hide behind the exception.
    pub masked: Fact<bool>,
    /// What content scanners say.
    pub content: Fact<ContentClass>,
}

/// The From header, owned.
#[derive(Clone, Debug)]
pub enum FromScan {
    /// There is none, or none with a mailbox in it.
    Missing,
    /// It cannot be read safely.
    Malformed,
    /// These mailboxes.
    Mailboxes(Vec<Mailbox>),
}

impl Learned {
    /// Nothing yet.
    pub const NOTHING: Self = Self {
        octets: Fact::NotYet,
        hops: Fact::NotYet,
        from: Fact::NotYet,
        usage: Fact::NotYet,
        masked: Fact::NotYet,
        content: Fact::NotYet,
    };
}

/// Everything known for one recipient. `listener` is its index in the snapshot that will be asked.
pub fn gather<'a>(
    listener: u32,
    visitor: &'a Visitor,
    now: Timestamp,
    sender: Fact<&'a ReversePath>,
    recipient: Fact<&'a ForwardPath>,
    learned: &'a Learned,
) -> Facts<'a> {
    let from = match &learned.from {
        Fact::Known(FromScan::Missing) => Fact::Known(FromHeader::Missing),
        Fact::Known(FromScan::Malformed) => Fact::Known(FromHeader::Malformed),
        Fact::Known(FromScan::Mailboxes(mailboxes)) => Fact::Known(FromHeader::Mailboxes(mailboxes)),
        Fact::Unknown => Fact::Unknown,
        Fact::NotYet => Fact::NotYet,
    };
    Facts {
        listener,
        client: Fact::Known(visitor.client),
        encrypted: Fact::Known(visitor.tls.is_some()),
        login: Fact::Known(visitor.login.as_deref()),
        certificate: Fact::Known(&visitor.certificate),
        now,
        sender,
        recipient,
        // Routes that ask somebody at RCPT time are not declared yet; until then nobody knows.
        exists: Fact::Unknown,
        from,
        octets: learned.octets,
        hops: learned.hops,
        usage: learned.usage,
        masked: learned.masked,
        content: learned.content,
    }
}
