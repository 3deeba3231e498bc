//! What an event says: the facts of each kind.
//!
//! Names in the record are those of the log, so that one search finds both. No field is made for a secret; a field
//! that can hold a stranger's text is a [`Words`].

use std::net::{IpAddr, Ipv6Addr};

use mail::{AttemptId, EnhancedCode, EventId, MessageId, SessionId, Timestamp};
use policy::{Basis, Name, NoticeKind, Standing};
use serde::{Deserialize, Serialize};

use crate::text::{shown, shown_if_any};
use crate::{Event, Judged, Words};

/// Where something came from: the session and what is known of its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The session.
    #[serde(rename = "sess", with = "shown")]
    pub session: SessionId,
    /// The listener it came to.
    pub listener: Name,
    /// The client's address, and its port: behind address translation only both together name a machine.
    #[serde(rename = "src_ip")]
    pub client: IpAddr,
    /// The client's port.
    #[serde(rename = "src_port")]
    pub port: u16,
    /// What it called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<Words>,
    /// Its reverse name, where that leads back to the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ptr: Option<Words>,
    /// How the channel was protected; absent in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The login it proved to be.
    #[serde(rename = "user", default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Words>,
    /// The grant it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Name>,
}

/// How a channel was protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// As in `TLSv1.3`.
    #[serde(rename = "ver")]
    pub version: Words,
    /// The cipher suite.
    pub cipher: Words,
    /// Whether the peer's certificate was valid for the name we meant; absent where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// SHA-256 of the public key of the certificate the client proved, in hexadecimal; absent where it showed none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<Words>,
    /// The names in that certificate for which an authority of ours vouched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_names: Vec<Vouched>,
    /// Why none did, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_doubt: Option<Words>,
}

impl Tls {
    /// What its certificate says of a client, in words; `None` where nobody was asked.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let names = self.client_names.iter();
        let names: Vec<String> = names.map(|one| format!("{} of {}", one.name, one.by)).collect();
        match (&self.client_doubt, names.is_empty()) {
            (_, false) => Some(format!("certificate {}", names.join(", "))),
            (Some(doubt), true) => Some(format!("a certificate nobody vouches for ({doubt})")),
            (None, true) => None,
        }
    }
}

/// A name, and whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    /// As in `dns:ups-7.example.edu`.
    pub name: Words,
    /// The authority.
    pub by: Name,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The id the client was told.
    #[serde(rename = "id", with = "shown")]
    pub event: EventId,
    /// Whose.
    #[serde(flatten)]
    pub origin: Origin,
    /// The envelope sender, as far as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Words>,
    /// The recipient it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcpt: Option<Words>,
    /// Everybody it was for, where the whole message was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Words>,
    /// Octets of the message: as declared, and once all of it is there as counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The mailboxes of the From header, where it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_from: Vec<Words>,
    /// The reply code.
    pub code: u16,
    /// The enhanced code.
    #[serde(rename = "enh", default, skip_serializing_if = "Option::is_none", with = "enhanced")]
    pub enhanced: Option<EnhancedCode>,
    /// The stable reason code: one of [`policy::Reason`]'s or one of the protocol's, such as `bare-lf`.
    #[serde(rename = "rule")]
    pub reason: Words,
    /// What the client was told.
    pub text: Words,
    /// The rulebook's generation, where judgement refused; otherwise the dialogue, the doors or the disk did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// That rulebook's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rulebook: Option<u64>,
    /// What judgement knew besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// Refusals of one kind that are told of together: of one session, of one source, or of sources that nobody counted one by
/// one. Nothing of it says whether they were alike in more than what stands here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedMany {
    /// The client's address, or of an IPv6 client the first address of its /64; absent where they came from several.
    #[serde(rename = "src_net", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The reason code of all of them.
    #[serde(rename = "rule")]
    pub reason: Words,
    /// How many.
    pub times: u64,
    /// In how many sessions; as many or more where it is [`SESSIONS_COUNTED`](Self::SESSIONS_COUNTED).
    pub sessions: u64,
    /// When the first one was: milliseconds since 1970.
    #[serde(with = "crate::text::millis")]
    pub first: Timestamp,
    /// When the last one was.
    #[serde(with = "crate::text::millis")]
    pub last: Timestamp,
    /// The ids clients were told, as far as they are kept; those of the samples are among them.
    #[serde(with = "crate::text::shown_each")]
    pub ids: Vec<EventId>,
    /// Some of them, with all that is known of each.
    pub samples: Vec<Refused>,
}

impl RefusedMany {
    /// Sessions are counted up to here.
    pub const SESSIONS_COUNTED: u64 = 250;

    /// The sample that has this id, or is of the session with it; the first one where none is.
    #[must_use]
    pub fn sample_of(&self, id: &str) -> Option<&Refused> {
        let mut samples = self.samples.iter();
        let named = samples.find(|one| one.event.to_string() == id || one.origin.session.to_string() == id);
        named.or(self.samples.first())
    }

    /// How refusals of this client are counted: an IPv6 client has all of its /64 to come from.
    #[must_use]
    pub fn source_of(client: IpAddr) -> IpAddr {
        match client {
            IpAddr::V4(_) => client,
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        }
    }
}

/// An acceptance: 250 was said, the message is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The message.
    #[serde(rename = "qid", with = "shown")]
    pub message: MessageId,
    /// Whose.
    #[serde(flatten)]
    pub origin: Origin,
    /// The envelope sender.
    pub from: Words,
    /// Octets that came.
    pub size: u64,
    /// The rulebook's generation that was asked.
    pub generation: u64,
    /// The rulebook's hash.
    pub rulebook: u64,
    /// To whom, and on what ground each.
    pub recipients: Vec<AcceptedRecipient>,
    /// The mailboxes of the From header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header_from: Vec<Words>,
    /// The Message-ID it came with.
    #[serde(rename = "msgid", default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Words>,
    /// What was set right on the way, under the grant's tolerances; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<Words>,
    /// What judgement knew besides; absent in old records and for our own notices, which no fact decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// One accepted recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedRecipient {
    /// To whom.
    pub rcpt: Words,
    /// The address that was asked for, where a forward leads from there to `rcpt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Words>,
    /// On what ground.
    pub basis: Ground,
    /// A digest of the facts that were judged.
    pub digest: u64,
    /// Why it waits in the queue instead of leaving, as a stable reason code; absent where it leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Words>,
    /// Whether it waits for review rather than for a new decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
}

impl AcceptedRecipient {
    /// What a permit says of a recipient.
    #[must_use]
    pub fn new(rcpt: Words, permit: &policy::Permit) -> Self {
        let (held, quarantined) = match permit.standing() {
            Standing::Ready => (None, false),
            Standing::Held(reason) => (Some(Words::new(reason.code())), false),
            Standing::Quarantined(reason) => (Some(Words::new(reason.code())), true),
        };
        Self {
            rcpt,
            asked: None,
            basis: permit.basis().into(),
            digest: permit.digest().0,
            held,
            quarantined,
        }
    }
}

/// A testimony that cannot be read: written by another version, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("the testimony in the spool is not one this version writes: {0}")]
pub struct TestimonyError(#[from] serde_json::Error);

impl Accepted {
    /// Reads the facts of an acceptance from the octets the spool keeps with its message.
    ///
    /// # Errors
    /// The octets are not such a testimony.
    pub fn from_testimony(octets: &[u8]) -> Result<Self, TestimonyError> {
        Ok(serde_json::from_slice(octets)?)
    }
}

impl Event {
    /// Reads the octets the spool keeps under the same sync as what they tell, for
    /// [`Ledger::complete`](crate::Ledger::complete): an [`Entry`](crate::Entry).
    ///
    /// # Errors
    /// The octets are not such a testimony.
    pub fn from_testimony(octets: &[u8]) -> Result<Self, TestimonyError> {
        Ok(serde_json::from_slice(octets)?)
    }
}

/// The ground of an acceptance; [`Basis`] in the form of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ground {
    /// A grant of this name.
    Grant(Name),
    /// An inbound route of this name.
    Route(Name),
    /// A forward of this name.
    Forward(Name),
    /// A notice about a message of ours.
    Notice {
        /// The message it tells about.
        #[serde(with = "shown")]
        parent: MessageId,
        /// `failure`, `delay` or `success`.
        kind: Words,
    },
}

impl From<&Basis> for Ground {
    fn from(basis: &Basis) -> Self {
        match basis {
            Basis::Grant(name) => Self::Grant(name.clone()),
            Basis::Route(name) => Self::Route(name.clone()),
            Basis::Forward(name) => Self::Forward(name.clone()),
            Basis::Notice { parent, kind } => Self::Notice {
                parent: *parent,
                kind: Words::of(kind),
            },
        }
    }
}

/// One attempt to deliver to one recipient, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The message.
    #[serde(rename = "qid", with = "shown")]
    pub message: MessageId,
    /// The attempt; absent where none was made (given up, given back by an operator).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shown_if_any")]
    pub attempt: Option<AttemptId>,
    /// For whom.
    pub rcpt: Words,
    /// The host that was spoken to; empty where none was reached.
    #[serde(rename = "dst_mx")]
    pub host: Words,
    /// Its address.
    #[serde(rename = "dst_ip", default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// How the channel was protected; absent in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The enhanced code of the outcome.
    #[serde(rename = "enh", default, skip_serializing_if = "Option::is_none", with = "enhanced")]
    pub enhanced: Option<EnhancedCode>,
    /// What the host said, or why it could not be asked.
    pub text: Words,
    /// How long it took, in milliseconds.
    #[serde(rename = "lat_ms")]
    pub took_ms: u64,
}

/// An attempt that will be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// What was tried.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// When it is tried again: milliseconds since 1970.
    #[serde(with = "crate::text::millis")]
    pub until: Timestamp,
}

/// An operator's (or a rule's) change to queued mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The message.
    #[serde(rename = "qid", with = "shown")]
    pub message: MessageId,
    /// Which change, of however many recipients; absent in old records.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shown_if_any")]
    pub change: Option<EventId>,
    /// The recipient; absent where all of them are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcpt: Option<Words>,
    /// Who.
    pub by: Words,
    /// Why: a reason code or an operator's words.
    pub reason: Words,
}

/// A login that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Whose. Where it was refused, `login` is one that exists, or whose secret was right.
    #[serde(flatten)]
    pub origin: Origin,
    /// The name that was tried where it is none, or nobody looked; absent where it could be a secret in the wrong field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Words>,
    /// The mechanism.
    #[serde(rename = "mech")]
    pub mechanism: Words,
    /// The id the client was told, where it was refused.
    #[serde(
        rename = "id",
        default,
        skip_serializing_if = "Option::is_none",
        with = "shown_if_any"
    )]
    pub event: Option<EventId>,
    /// How it went.
    pub outcome: LoginOutcome,
}

/// Who was kept out for guessing is let in again, as somebody has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginReleased {
    /// A login, an address or a network.
    pub who: Words,
    /// Who said so.
    pub by: Words,
    /// Why.
    pub reason: Words,
}

/// How a login went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginOutcome {
    /// It is who it says.
    Proved,
    /// No such login.
    UnknownLogin,
    /// The secret is wrong.
    WrongSecret,
    /// The secret is right, but no grant is bound to the login.
    WithoutGrant,
    /// The response does not follow the mechanism.
    Malformed,
    /// It failed by a mechanism that not every login can be proved by, and was asked to come again with another.
    OtherMechanism,
    /// The login is stopped: too many failures in a row.
    Stopped,
    /// Too many failures before.
    LockedOut,
    /// Whoever knows could not be asked.
    Unavailable,
}

/// A notice about a message of ours that went into the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSent {
    /// The message it tells about.
    #[serde(rename = "qid", with = "shown")]
    pub parent: MessageId,
    /// The notice itself.
    #[serde(with = "shown")]
    pub notice: MessageId,
    /// What it tells: `failure`, `delay` or `success`.
    pub kind: Words,
    /// To whom it goes.
    pub rcpt: Words,
}

impl NoticeSent {
    /// A notice of this kind.
    #[must_use]
    pub fn new(parent: MessageId, notice: MessageId, kind: NoticeKind, rcpt: Words) -> Self {
        Self {
            parent,
            notice,
            kind: Words::of(&kind),
            rcpt,
        }
    }

    /// What the acceptance of a notice tells; `None` where it is none, or a letter that tells about no message.
    #[must_use]
    pub fn of(accepted: &Accepted) -> Option<Self> {
        accepted.recipients.iter().find_map(|recipient| match &recipient.basis {
            Ground::Notice { parent, kind } if *parent != accepted.message => Some(Self {
                parent: *parent,
                notice: accepted.message,
                kind: kind.clone(),
                rcpt: recipient.rcpt.clone(),
            }),
            Ground::Grant(_) | Ground::Route(_) | Ground::Forward(_) | Ground::Notice { .. } => None,
        })
    }
}

mod enhanced {
    use mail::EnhancedCode;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(code: &Option<EnhancedCode>, to: S) -> Result<S::Ok, S::Error> {
        match code {
            Some(code) => to.collect_str(code),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EnhancedCode>, D::Error> {
        let text = String::deserialize(from)?;
        match EnhancedCode::split_from(&text) {
            Some((code, "")) => Ok(Some(code)),
            _ => Err(D::Error::custom("not an enhanced status code")),
        }
    }
}
