//! What happens at the back gate, as events for whoever logs, counts and keeps testimony.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use mail::{AttemptId, EnhancedCode, ForwardPath, Mailbox, MessageId, ReversePath, Timestamp};
use policy::{Basis, NoticeKind};

/// Is told what happens. Called between deliveries, so it must not block.
pub trait Watcher: Send + Sync + 'static {
    /// Notes an event.
    fn noted(&self, event: &Event<'_>);

    /// What testimony will say of a fate; stored with the fate under the same sync, so that it outlives a crash.
    fn testimony(&self, fate: &Event<'_>) -> Bytes {
        let _ = fate;
        Bytes::new()
    }

    /// Whether mail for this recipient is read before it is delivered.
    fn reads(&self, recipient: &ForwardPath) -> bool {
        let _ = recipient;
        false
    }

    /// Reads the beginning of a message, before it is delivered for the first time.
    fn read(&self, from: &ReversePath, beginning: &[u8]) {
        let _ = (from, beginning);
    }

    /// Notes a fate that is on disk, with what [`testimony`](Self::testimony) said of it.
    fn settled(&self, fate: &Event<'_>, testimony: Bytes) {
        let _ = testimony;
        self.noted(fate);
    }
}

/// Notes nothing.
pub struct Blind;

impl Watcher for Blind {
    fn noted(&self, _: &Event<'_>) {}
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A connection for a message is about to be used; its recipients follow one by one.
    Attempted {
        /// The message.
        message: MessageId,
        /// The attempt.
        attempt: AttemptId,
        /// The host that is spoken to.
        host: &'a str,
        /// Recipients in the transaction.
        recipients: usize,
    },
    /// `deliver.ok`: the next hop took it.
    Delivered(Report<'a>),
    /// `queue.defer`: not now.
    Deferred {
        /// The particulars.
        report: Report<'a>,
        /// When it is tried again.
        until: Timestamp,
    },
    /// `deliver.fail`: not ever.
    Failed {
        /// The particulars.
        report: Report<'a>,
        /// Whether it could have gone on, had its life time not been over.
        expired: bool,
    },
    /// A destination stopped answering and is left alone for a while.
    DestinationDown {
        /// Its key, such as `mx:internet:mx.example.org`.
        destination: &'a str,
        /// Why.
        why: &'a str,
    },
    /// A notice was handed in.
    NoticePosted {
        /// The message it tells about.
        parent: MessageId,
        /// What it tells.
        kind: NoticeKind,
        /// To whom.
        to: &'a Mailbox,
    },
    /// Something went wrong on our side; the message stays queued.
    Trouble {
        /// The message, where it is about one.
        message: Option<MessageId>,
        /// What, in words.
        what: &'a str,
    },
}

/// What is known when the fate of a recipient is recorded.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The message.
    pub message: MessageId,
    /// The attempt; `None` where an operator decided.
    pub attempt: Option<AttemptId>,
    /// When the fate was known.
    pub at: Timestamp,
    /// When the message was accepted.
    pub received: Timestamp,
    /// Who sent it.
    pub from: &'a ReversePath,
    /// To whom.
    pub recipient: &'a ForwardPath,
    /// On what ground it was accepted.
    pub basis: &'a Basis,
    /// Octets as delivered.
    pub octets: u64,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// The route; empty where none was chosen.
    pub route: &'a str,
    /// The host that was spoken to, or whose name was asked for.
    pub host: &'a str,
    /// Its address, where one was reached.
    pub ip: Option<IpAddr>,
    /// How the channel was protected; empty where it was not.
    pub tls: &'a str,
    /// The reply's code, where the host replied.
    pub code: Option<u16>,
    /// The enhanced code.
    pub enhanced: EnhancedCode,
    /// The reply or the reason.
    pub text: &'a str,
    /// How long the attempt took.
    pub took: Duration,
}
