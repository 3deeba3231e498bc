//! A cell: all messages that judgement answers in one way, for one reason.

use std::sync::Arc;

use mail::{ForwardPath, Mailbox, ReversePath, Timestamp};

use super::names::Names;
use super::ranges::Ranges;
use crate::basis::Name;
use crate::certificate::CertificateId;
use crate::facts::{ContentClass, Fact, Facts, FromHeader};
use crate::ports::Usage;
use crate::snapshot::Snapshot;

/// What a cell says of one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It was not read: it may be anything.
    Unread,
    /// It is known, and is this, or one of these.
    Known(T),
    /// Nobody can say.
    Unknown,
    /// It will be known later.
    NotYet,
}

impl<T> Seen<T> {
    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether nothing was read yet.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Unread)
    }

    /// Whether the fact is among what the cell says of it.
    pub(crate) fn holds<F: Copy>(&self, fact: Fact<F>, among: impl FnOnce(&T, F) -> bool) -> bool {
        match (self, fact) {
            (Self::Unread, _) | (Self::Unknown, Fact::Unknown) | (Self::NotYet, Fact::NotYet) => true,
            (Self::Known(value), Fact::Known(fact)) => among(value, fact),
            _ => false,
        }
    }
}

/// What a client logged in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nothing.
    None,
    /// This name, to which a grant is bound.
    Named(Name),
    /// Some name to which no grant is bound.
    Other,
}

/// What certificate a client proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// None, or one to which no grant is bound.
    Unbound,
    /// One that is known by this.
    Is(CertificateId),
}

/// What the From header is.
#[derive(Clone, Debug)]
pub enum From {
    /// There is none.
    Missing,
    /// It cannot be read safely.
    Malformed,
    /// One mailbox, one of these. Several are granted where each of them alone is.
    One(Names),
}

/// A conjunction of what was answered; each concrete message lies in exactly one cell of an exploration.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The listener, by its index.
    pub listener: Option<u32>,
    /// The client's address.
    pub client: Seen<Arc<Ranges>>,
    /// Whether the session is encrypted.
    pub encrypted: Seen<bool>,
    /// The login.
    pub login: Seen<Login>,
    /// The certificate.
    pub certificate: Seen<Certificate>,
    /// The first instant.
    pub from_time: Timestamp,
    /// The last instant.
    pub until: Timestamp,
    /// The envelope sender.
    pub sender: Seen<Names>,
    /// The recipient.
    pub recipient: Seen<Names>,
    /// Whether the recipient exists, where somebody is asked.
    pub exists: Seen<bool>,
    /// The From header.
    pub from: Seen<From>,
    /// Octets, from and to.
    pub octets: Seen<(u64, u64)>,
    /// Received headers, from and to.
    pub hops: Seen<(u64, u64)>,
    /// Where the grant's use stands.
    pub usage: Seen<Usage>,
    /// Whether several clients hide behind the address.
    pub masked: Seen<bool>,
    /// What content scanners say.
    pub content: Seen<ContentClass>,
}

impl Cell {
    /// Every message.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            listener: None,
            client: Seen::Unread,
            encrypted: Seen::Unread,
            login: Seen::Unread,
            certificate: Seen::Unread,
            from_time: Timestamp(i64::MIN),
            until: Timestamp(i64::MAX),
            sender: Seen::Unread,
            recipient: Seen::Unread,
            exists: Seen::Unread,
            from: Seen::Unread,
            octets: Seen::Unread,
            hops: Seen::Unread,
            usage: Seen::Unread,
            masked: Seen::Unread,
            content: Seen::Unread,
        }
    }

    /// Whether the message lies in this cell. A header with several mailboxes is none of those a cell speaks of.
    #[must_use]
    pub fn holds(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> bool {
        self.listener.is_none_or(|listener| listener == facts.listener)
            && (self.from_time..=self.until).contains(&facts.now)
            && self.holds_client(snapshot, facts)
            && self
                .sender
                .holds(facts.sender, |names, path| names.holds(ReversePath::mailbox(path)))
            && self
                .recipient
                .holds(facts.recipient, |names, path| names.holds(ForwardPath::mailbox(path)))
            && self.exists.holds(facts.exists, |own, exists| *own == exists)
            && self.from.holds(facts.from, From::holds)
            && self
                .octets
                .holds(facts.octets, |(first, last), octets| (*first..=*last).contains(&octets))
            && self.hops.holds(facts.hops, |(first, last), hops| {
                (*first..=*last).contains(&u64::from(hops))
            })
            && self.usage.holds(facts.usage, |own, usage| *own == usage)
            && self.masked.holds(facts.masked, |own, masked| *own == masked)
            && self.content.holds(facts.content, |own, content| *own == content)
    }

    fn holds_client(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> bool {
        self.client
            .holds(facts.client, |ranges, client| ranges.contains(client))
            && self
                .encrypted
                .holds(facts.encrypted, |own, encrypted| *own == encrypted)
            && self.login.holds(facts.login, |own, login| match (own, login) {
                (Login::None, None) => true,
                (Login::Named(name), Some(login)) => name.eq_ignore_ascii_case(login),
                (Login::Other, Some(login)) => snapshot.logins.find(login).is_none(),
                _ => false,
            })
            && self.certificate.holds(facts.certificate, |own, shown| {
                match (own, snapshot.certificates.bound(shown)) {
                    (Certificate::Unbound, bound) => bound.is_none(),
                    (Certificate::Is(own), Some((by, _))) => own == by,
                    (Certificate::Is(own), None) => shown.contains(own),
                }
            })
    }
}

impl From {
    fn holds(&self, header: FromHeader<'_>) -> bool {
        match (self, header) {
            (Self::Missing, FromHeader::Missing | FromHeader::Mailboxes([]))
            | (Self::Malformed, FromHeader::Malformed) => true,
            (Self::One(names), FromHeader::Mailboxes([one])) => names.holds(Some(one)),
            _ => false,
        }
    }
}

/// A message of a cell, with every fact in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The listener, by its index.
    pub listener: u32,
    /// The client's address.
    pub client: Fact<std::net::IpAddr>,
    /// Whether the session is encrypted.
    pub encrypted: Fact<bool>,
    /// The login.
    pub login: Fact<Option<Name>>,
    /// What is known of the certificate.
    pub certificate: Fact<Vec<CertificateId>>,
    /// The instant.
    pub now: Timestamp,
    /// The envelope sender.
    pub sender: Fact<ReversePath>,
    /// The recipient.
    pub recipient: Fact<ForwardPath>,
    /// Whether the recipient exists.
    pub exists: Fact<bool>,
    /// The From header: `None` where it cannot be read, empty where there is none.
    pub from: Fact<Option<Vec<Mailbox>>>,
    /// Octets of the message.
    pub octets: Fact<u64>,
    /// Received headers.
    pub hops: Fact<u32>,
    /// Where the grant's use stands.
    pub usage: Fact<Usage>,
    /// Whether several clients hide behind the address.
    pub masked: Fact<bool>,
    /// What content scanners say.
    pub content: Fact<ContentClass>,
}

/// As [`Fact::map`], over what can only be borrowed.
fn borrowed<'w, T, U>(fact: &'w Fact<T>, of: impl FnOnce(&'w T) -> U) -> Fact<U> {
    match fact {
        Fact::Known(value) => Fact::Known(of(value)),
        Fact::Unknown => Fact::Unknown,
        Fact::NotYet => Fact::NotYet,
    }
}

impl Witness {
    /// The facts of this message, as live traffic would bring them.
    #[must_use]
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            listener: self.listener,
            client: self.client,
            encrypted: self.encrypted,
            login: borrowed(&self.login, Option::as_deref),
            certificate: borrowed(&self.certificate, Vec::as_slice),
            now: self.now,
            sender: borrowed(&self.sender, |path| path),
            recipient: borrowed(&self.recipient, |path| path),
            exists: self.exists,
            from: borrowed(&self.from, |from| match from {
                None => FromHeader::Malformed,
                Some(mailboxes) if mailboxes.is_empty() => FromHeader::Missing,
                Some(mailboxes) => FromHeader::Mailboxes(mailboxes),
            }),
            octets: self.octets,
            hops: self.hops,
            usage: self.usage,
            masked: self.masked,
            content: self.content,
        }
    }
}
