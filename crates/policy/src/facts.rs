//! What is known of one message, and how judgement reads it.
//!
//! Judgement never sees a fact. It asks a [`Reader`] to compare facts with what is declared, and the answers are small:
//! so that the live reader is a plain struct, an explaining reader can write down what was asked, and a proving reader
//! can answer each question every way there is.

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{DomainPattern, ForwardPath, Mailbox, ReversePath, Timestamp};

use crate::certificate::CertificateId;
use crate::model::{Route, SenderPattern};
use crate::ports::Usage;
use crate::snapshot::{AddressTable, CertificateTable, DomainTable, ForwardTable, LoginTable};

/// A fact, or the answer to a comparison with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact<T> {
    /// This is so.
    Known(T),
    /// Nobody can say now; never more permissive than the strictest `Known`.
    Unknown,
    /// It will be known later in the dialogue.
    NotYet,
}

impl<T> Fact<T> {
    /// Applies `f` to what is known.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(f(value)),
            Self::Unknown => Fact::Unknown,
            Self::NotYet => Fact::NotYet,
        }
    }
}

/// The From header as the scan found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromHeader<'a> {
    /// There is none, or none with a mailbox in it.
    Missing,
    /// It cannot be read safely: duplicate fields, broken syntax.
    Malformed,
    /// These mailboxes.
    Mailboxes(&'a [Mailbox]),
}

/// What a comparison with a From header gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FromAnswer {
    /// Every mailbox is among the granted.
    Granted,
    /// Some mailbox is not.
    Other,
    /// There is no usable From header.
    Missing,
    /// It cannot be read safely.
    Malformed,
}

/// What a login is worth here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginAnswer {
    /// The client did not log in.
    None,
    /// It did, and no grant is bound to it.
    WithoutGrant,
    /// It did, and this grant is bound to it.
    Grant(u32),
}

/// What kind of address a recipient is, before anybody asks whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipientForm {
    /// A plain mailbox of a domain.
    Plain,
    /// `<postmaster>`, or postmaster or abuse of some domain.
    Role,
    /// A second destination hides in the local part: `%`, `!`, `@` or `:`.
    Smuggled,
    /// An address literal.
    Literal,
}

/// What content scanners say, as one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentClass {
    /// Nothing to say.
    Below,
    /// Set aside.
    Quarantine,
    /// Refuse.
    Refuse,
}

/// What is known of one message for one recipient.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Index of the listener in the rulebook.
    pub listener: u32,
    /// The client's address, in canonical form.
    pub client: Fact<IpAddr>,
    /// Whether the session is encrypted.
    pub encrypted: Fact<bool>,
    /// The login the client proved, if any.
    pub login: Fact<Option<&'a str>>,
    /// What is known of the certificate the client proved; empty where it proved none.
    pub certificate: Fact<&'a [CertificateId]>,
    /// The present moment.
    pub now: Timestamp,
    /// The envelope sender.
    pub sender: Fact<&'a ReversePath>,
    /// The recipient.
    pub recipient: Fact<&'a ForwardPath>,
    /// Whether the recipient exists, where a route says it is asked.
    pub exists: Fact<bool>,
    /// The From header.
    pub from: Fact<FromHeader<'a>>,
    /// Octets of the message: as declared, later as counted.
    pub octets: Fact<u64>,
    /// Received headers in the message.
    pub hops: Fact<u32>,
    /// Where the grant's use stands.
    pub usage: Fact<Usage>,
    /// Whether several clients hide behind the client's address.
    pub masked: Fact<bool>,
    /// What content scanners say.
    pub content: Fact<ContentClass>,
}

/// Answers comparisons between the facts and what is declared.
pub trait Reader {
    /// The listener the client came to.
    fn listener(&mut self) -> u32;
    /// Whether the client's address lies in one of the networks.
    fn client_in(&mut self, networks: &[IpNet]) -> Fact<bool>;
    /// Whether the session is encrypted.
    fn encrypted(&mut self) -> Fact<bool>;
    /// What the login is worth.
    fn login(&mut self, table: &LoginTable) -> Fact<LoginAnswer>;
    /// The grant bound to the client's certificate.
    fn certificate(&mut self, table: &CertificateTable) -> Fact<Option<u32>>;
    /// The grant whose address exception is the narrowest around the client.
    fn address(&mut self, table: &AddressTable) -> Fact<Option<u32>>;
    /// Whether now is before the instant.
    fn now_before(&mut self, instant: Timestamp) -> bool;
    /// Whether the envelope sender is one of those meant.
    fn sender_in(&mut self, patterns: &[SenderPattern]) -> Fact<bool>;
    /// Whether the envelope sender's domain is in the table.
    fn sender_domain_in(&mut self, table: &DomainTable<()>) -> Fact<bool>;
    /// What form the recipient has.
    fn recipient_form(&mut self) -> Fact<RecipientForm>;
    /// Whether the recipient's domain is in the table.
    fn recipient_domain_in(&mut self, table: &DomainTable<()>) -> Fact<bool>;
    /// The route of the recipient's domain.
    fn recipient_route(&mut self, table: &DomainTable<u32>) -> Fact<Option<u32>>;
    /// Whether the recipient's domain is one of those meant.
    fn recipient_matches(&mut self, domains: &[DomainPattern]) -> Fact<bool>;
    /// The forward of exactly this recipient.
    fn recipient_forward(&mut self, table: &ForwardTable) -> Fact<Option<u32>>;
    /// Whether the route knows the recipient to exist.
    fn recipient_exists(&mut self, route: &Route) -> Fact<bool>;
    /// What the From header is against those meant.
    fn header_from_in(&mut self, patterns: &[SenderPattern]) -> Fact<FromAnswer>;
    /// Whether the message has more octets.
    fn larger_than(&mut self, octets: u64) -> Fact<bool>;
    /// Whether the message has more Received headers.
    fn hops_above(&mut self, hops: u32) -> Fact<bool>;
    /// Where the grant's use stands.
    fn usage(&mut self) -> Fact<Usage>;
    /// Whether several clients hide behind the client's address.
    fn masked(&mut self) -> Fact<bool>;
    /// What content scanners say.
    fn content(&mut self) -> Fact<ContentClass>;
}
