//! `[grants.*]` and `[forwards.*]`: who may, and who answers for it.

use ipnet::IpNet;
use mail::{Mailbox, SubjectName};
use policy::{Class, HelloPattern, SenderPattern};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Count, Day, List, Maybe, Named, Octets, Pin, Text, Words};

/// What kind of sender a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawClass {
    /// Copiers, UPSes, building control.
    Device,
    /// An exception for something old.
    Legacy,
    /// A program.
    Application,
    /// A program that sends in bulk and may.
    Bulk,
    /// A department's mail server.
    Department,
    /// A person.
    User,
}

impl From<RawClass> for Class {
    fn from(raw: RawClass) -> Self {
        match raw {
            RawClass::Device => Self::Device,
            RawClass::Legacy => Self::Legacy,
            RawClass::Application => Self::Application,
            RawClass::Bulk => Self::Bulk,
            RawClass::Department => Self::Department,
            RawClass::User => Self::User,
        }
    }
}

/// A fault of old devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerance {
    /// Lines that end with LF alone.
    BareLf,
    /// Lines longer than 998 octets.
    LongLines,
    /// Messages without a From field.
    MissingFrom,
    /// Devices that stumble over the offer of STARTTLS.
    NoStarttlsAdvertised,
}

/// A grant: who may relay, for whom, how much, until when, and who answers for it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Who answers for it.
    pub owner: Maybe<String>,
    /// Who is told of its troubles.
    pub contact: Maybe<Text<Mailbox>>,
    /// What it is for.
    pub reason: Maybe<String>,
    /// The first day. Default: it has begun.
    pub starts: Maybe<Day>,
    /// The last day, in UTC.
    pub until: Maybe<Day>,
    /// How a client shows that the grant is its own; exactly one of password, token, directory, certificate, subject, address.
    pub by: Maybe<By>,
    /// Where its clients must be, beside what `by` says. Default: anywhere.
    pub networks: List<IpNet>,
    /// What its clients call themselves in HELO, as in "RNP*", where `by` is an address; what calls itself otherwise is held.
    /// Default: whatever they like.
    pub hello: List<HelloPattern>,
    /// The zone its clients must be in.
    pub zone: Maybe<String>,
    /// The listeners it holds on. Default: all that may relay.
    pub listeners: Vec<At<String>>,
    /// Envelope senders it may use.
    pub from: List<SenderPattern>,
    /// From headers it may use. Default: those of `from`.
    pub header_from: List<SenderPattern>,
    /// Whether senders outside of our own domains are meant. Default: false.
    pub foreign_senders: Maybe<bool>,
    /// To whom it may send: "internal", "any", or a list of domains beside our own.
    pub to: Maybe<Words>,
    /// What kind of sender it is for; sets the default limits and what happens above them.
    pub class: Maybe<RawClass>,
    /// What is tolerated of its clients.
    pub tolerate: Vec<At<Tolerance>>,
    /// Limits that differ from those of the class.
    pub limits: GrantLimits,
    /// Why it is not in force at the moment; without, it is.
    pub suspended: Maybe<String>,
}

/// How a client shows that a grant is its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct By {
    /// It logs in under this name.
    pub password: Maybe<String>,
    /// The Argon2id hash of its secret; `portcullis config secret` makes both.
    pub hash: Maybe<String>,
    /// What SCRAM checks the same secret by; `portcullis config secret` makes it too.
    pub scram: Maybe<String>,
    /// The secret that this one takes the place of; it holds beside it until its end.
    pub former: Maybe<FormerSecret>,
    /// It logs in under this name with a password that the directory knows.
    pub directory: Maybe<String>,
    /// It shows a token for this login, issued by `issuer`.
    pub token: Maybe<String>,
    /// Which of `identities.issuers` issues the token.
    pub issuer: Maybe<String>,
    /// What the token has to claim. Default: that the login is this one.
    pub claims: Named<At<String>>,
    /// It presents a certificate whose public key has this SHA-256.
    pub certificate: Maybe<Text<Pin>>,
    /// It presents a certificate with this name in it, as in "dns:ups-7.example.edu", for which `authority` vouches.
    pub subject: Maybe<Text<SubjectName>>,
    /// Which of `identities.authorities` vouches for `subject`.
    pub authority: Maybe<String>,
    /// It comes from one of these addresses: an exception for what cannot authenticate.
    pub address: Option<List<IpNet>>,
}

/// A secret on its way out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FormerSecret {
    /// Its Argon2id hash.
    pub hash: Maybe<String>,
    /// What SCRAM checks it by, where it had that.
    pub scram: Maybe<String>,
    /// Its last day, in UTC.
    pub until: Maybe<Day>,
}

/// Limits of a grant that differ from those of its class.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GrantLimits {
    /// Messages in any minute.
    pub messages_per_minute: Count,
    /// Messages in any hour.
    pub messages_per_hour: Count,
    /// Messages in any day.
    pub messages_per_day: Count,
    /// Recipients of one message.
    pub recipients_per_message: Count,
    /// Recipients in any day.
    pub recipients_per_day: Count,
    /// The largest message.
    pub message_size: Maybe<Octets>,
    /// Messages accepted above the limits and held.
    pub held_messages: Count,
    /// Octets accepted above the limits and held.
    pub held_size: Maybe<Octets>,
}

/// An address of ours whose mail goes on elsewhere.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// The address of ours.
    pub from: Maybe<Text<Mailbox>>,
    /// Where its mail goes.
    pub to: Maybe<Text<Mailbox>>,
    /// Who answers for it.
    pub owner: Maybe<String>,
    /// What for.
    pub reason: Maybe<String>,
    /// The last day, in UTC.
    pub until: Maybe<Day>,
}
