//! What is told of everything that is decided.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use mail::{Domain, EventId, ForwardPath, Mailbox, MessageId, Reply, ReversePath, SessionId, Timestamp};
use policy::{AuthRefusal, BoxFuture, CertificateId, Fact, Generation, Name, NoticeKind, Permit, Role};

use crate::facts::{FromScan, Learned};
use crate::transaction::Rejection;

/// Who is at the door: what is known of one session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The session.
    pub session: SessionId,
    /// The listener it came to.
    pub listener: Name,
    /// What the listener is for.
    pub role: Role,
    /// Where it comes from, in canonical form.
    pub client: IpAddr,
    /// Its port there.
    pub port: u16,
    /// What it calls itself; empty before HELO.
    pub hello: Box<str>,
    /// Whether it said EHLO.
    pub extended: bool,
    /// Its reverse name, once confirmed by a forward look-up.
    pub ptr: Option<Domain>,
    /// How the session is protected.
    pub tls: Option<TlsSeen>,
    /// The login it proved.
    pub login: Option<Arc<str>>,
    /// What is known of the certificate it proved; empty where it proved none.
    pub certificate: Vec<CertificateId>,
}

/// How a session is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSeen {
    /// As in `TLSv1.3`.
    pub version: Box<str>,
    /// As in `TLS13_AES_256_GCM_SHA384`.
    pub cipher: Box<str>,
    /// Why authorities do not vouch for the certificate that was shown; empty where one does, or none is asked.
    pub doubt: Box<str>,
}

/// What testimony remembers of a message.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Who it came from.
    pub visitor: Visitor,
    /// What its From header is.
    pub from: Fact<FromScan>,
    /// Its octets as they were judged: as it came, without what we added.
    pub octets: u64,
    /// Its Received headers, as it came.
    pub hops: Fact<u32>,
    /// For each recipient, in the order in which they are stored, the address that was asked for where a forward led from
    /// there to the one that is stored.
    pub asked: Vec<Option<ForwardPath>>,
}

/// Something was refused or deferred.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// The id the client was told.
    pub event: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub visitor: &'a Visitor,
    /// The stable reason code.
    pub reason: &'static str,
    /// The verdict, where it was judgement that refused; otherwise the dialogue, the doors or the disk did.
    pub rejection: Option<&'a Rejection>,
    /// The envelope sender, where one was named.
    pub sender: Option<&'a ReversePath>,
    /// The recipient, where one was named.
    pub recipient: Option<&'a ForwardPath>,
    /// What the client was told.
    pub reply: &'a Reply,
}

/// A message was accepted and is durable.
#[derive(Clone, Debug)]
pub struct Accepted<'a> {
    /// The message.
    pub id: MessageId,
    /// When.
    pub at: Timestamp,
    /// From whom; `None` for what we wrote ourselves.
    pub visitor: Option<&'a Visitor>,
    /// Octets as they came, without what we added.
    pub octets: u64,
    /// The envelope sender.
    pub sender: &'a ReversePath,
    /// The mailboxes of the From header.
    pub authors: &'a [Mailbox],
    /// The subject.
    pub subject: Option<&'a str>,
    /// The Message-ID it came with.
    pub message_id: Option<&'a str>,
    /// The rulebook that was asked.
    pub generation: Generation,
    /// The digest of that rulebook.
    pub rulebook: u64,
    /// Each recipient with its permit.
    pub recipients: Vec<AcceptedRecipient<'a>>,
    /// What else it was judged on.
    pub learned: &'a Learned,
    /// What was set right on the way, in words; empty where nothing was.
    pub mended: &'a str,
}

/// One recipient of an accepted message.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedRecipient<'a> {
    /// Where its mail goes.
    pub path: &'a ForwardPath,
    /// The address that was asked for, where a forward leads from there to `path`.
    pub asked: Option<&'a ForwardPath>,
    /// The ground.
    pub permit: &'a Permit,
}

/// A login was tried.
#[derive(Clone, Debug)]
pub struct LoginTold<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub visitor: &'a Visitor,
    /// The login that was proved, or that the client named where it failed: then a stranger's text, and people type
    /// passwords into the wrong field.
    pub login: Option<&'a str>,
    /// The mechanism.
    pub mechanism: &'static str,
    /// Where it failed: why, and what the client was told under which id.
    pub failed: Option<(AuthRefusal, EventId, &'a Reply)>,
}

/// Hears of everything that admission decides. Calls must not block: they are made on the way of the mail.
pub trait Witness: Send + Sync + 'static {
    /// The testimony that is stored with the message under the same sync, so that the ledger can be completed from it.
    fn testimony(&self, accepted: &Accepted<'_>) -> Bytes;
    /// What that testimony tells of a message; `None` where it cannot be read, or none is kept.
    fn recall(&self, testimony: &[u8]) -> Option<Recalled> {
        let _ = testimony;
        None
    }
    /// A message was accepted and is durable, with the testimony given before. Waits only where testimony has piled up.
    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, testimony: Bytes) -> BoxFuture<'a, ()>;
    /// Something was refused.
    fn refused(&self, refused: &Refused<'_>);
    /// A session began, greeted or not.
    fn connected(&self, visitor: &Visitor);
    /// A session ended, in words.
    fn closed(&self, visitor: &Visitor, why: &str);
    /// A client proved who it is, or failed to.
    fn login(&self, told: &LoginTold<'_>);
    /// Something worth noting about a session: a ClientHello in the clear, an early talker, an old TLS version.
    fn noted(&self, visitor: &Visitor, what: &str);
    /// A notice about `parent` was posted.
    fn noticed(&self, parent: MessageId, kind: NoticeKind, notice: MessageId, to: &ForwardPath);
}
