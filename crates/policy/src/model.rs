//! What an operator declares: who exists. Rules are derived from it, never written.

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{Domain, DomainPattern, Mailbox, ReversePath, Timestamp, Tolerances};

use crate::basis::Name;
use crate::certificate::CertificateId;
use crate::hello::HelloPattern;
use crate::intent::Intent;

/// Where a declaration stands in the operator's file; line 0 where it stands in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
}

/// Everything that is declared, before it is indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulebook {
    /// Who we are.
    pub organisation: Organisation,
    /// Parts of the network that are treated alike.
    pub zones: Vec<Zone>,
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Who receives inside.
    pub routes: Vec<Route>,
    /// Addresses of ours whose mail goes on elsewhere.
    pub forwards: Vec<Forward>,
    /// Who may relay.
    pub grants: Vec<Grant>,
    /// What is meant by all this, for proofs; judgement does not read it.
    pub intent: Intent,
}

/// Who we are: independent intent, against which the rest is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organisation {
    /// As people say it.
    pub name: String,
    /// Our own mail domains.
    pub domains: Vec<DomainPattern>,
    /// Our own networks.
    pub networks: Vec<IpNet>,
    /// Addresses behind which several machines hide: NAT, VPN, proxies, gateways, our own interfaces.
    pub never_a_client: Vec<IpNet>,
    /// Ranges that are given out dynamically: machines of ours are there, today one and tomorrow another. Read by
    /// proofs only.
    pub dynamic: Vec<IpNet>,
    /// A page that explains refusals; the event id is put behind it.
    pub help: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// A part of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name.
    pub name: Name,
    /// Its networks.
    pub networks: Vec<IpNet>,
    /// Where it is declared.
    pub place: Place,
}

/// What a listener is for; it limits what is possible there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The front gate on port 25: our own recipients only, never AUTH.
    Mx,
    /// Port 587: AUTH after STARTTLS, by grant.
    Submission,
    /// Port 465: AUTH under implicit TLS, by grant.
    Submissions,
    /// Devices and applications: by credential, certificate or address exception.
    Relay,
}

impl Role {
    /// As the configuration writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Relay => "relay",
        }
    }
}

/// What a relay listener does for clients without a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ungranted {
    /// Nothing.
    #[default]
    Deny,
    /// From our own networks, as one of us, to our own recipients.
    InternalOnly,
}

/// A place where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// The zone it serves; clients from elsewhere are refused.
    pub zone: Option<Name>,
    /// What clients without a grant may do; read on relay listeners only.
    pub ungranted: Ungranted,
    /// Where it is declared.
    pub place: Place,
}

/// Which recipients of a route's domains exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Every address.
    Any,
    /// These local parts or whole addresses, and no others.
    Listed(Vec<Mailbox>),
    /// Somebody is asked at RCPT time; the answer reaches judgement as a fact.
    Asked,
}

/// An inbound route: who receives inside. Where it leads is the back gate's knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// Whose mail it takes.
    pub domains: Vec<DomainPattern>,
    /// Which recipients exist.
    pub recipients: Recipients,
    /// Where it is declared.
    pub place: Place,
}

/// An address of ours whose mail goes on elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Its name.
    pub name: Name,
    /// The address of ours.
    pub from: Mailbox,
    /// Where its mail goes.
    pub to: Mailbox,
    /// Who answers for it.
    pub owner: String,
    /// What for.
    pub reason: String,
    /// The last instant at which it holds.
    pub until: Timestamp,
    /// Where it is declared.
    pub place: Place,
}

/// How a client shows that a grant is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// It logs in under this name.
    Login(Name),
    /// It presents a certificate that is known by one of these.
    Certificate(Vec<CertificateId>),
    /// It comes from one of these addresses: an exception for what cannot authenticate.
    Address(Vec<IpNet>),
}

/// An envelope or header address that a grant may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderPattern {
    /// `<>`.
    Null,
    /// `billing@example.edu`.
    Exactly(Mailbox),
    /// `*@example.edu`: everybody of exactly this domain.
    AnyAt(Domain),
    /// `*@*.example.edu`: everybody of every domain below.
    AnyBelow(Domain),
}

impl SenderPattern {
    /// Whether the mailbox is one of those meant. Domains compare without case, local parts too: no two people differ
    /// by case alone, and a grant that did not match its own device's capitals would only cost help-desk calls.
    #[must_use]
    pub fn matches(&self, mailbox: &Mailbox) -> bool {
        match (self, mailbox.domain()) {
            (Self::Null, _) => false,
            (Self::Exactly(own), _) => own.host() == mailbox.host() && own.local().is(mailbox.local().as_str()),
            (Self::AnyAt(domain), Some(theirs)) => domain == theirs,
            (Self::AnyBelow(parent), Some(theirs)) => theirs.is_below(parent),
            (_, None) => false,
        }
    }

    /// Whether the path is one of those meant.
    #[must_use]
    pub fn matches_path(&self, path: &ReversePath) -> bool {
        match path {
            ReversePath::Null => *self == Self::Null,
            ReversePath::Mailbox(mailbox) => self.matches(mailbox),
        }
    }

    /// Reads `<>`, `a@b`, `*@b` or `*@*.b`.
    pub fn parse(text: &str) -> Result<Self, mail::MailboxError> {
        let domain = |text: &str, at| {
            Domain::parse(text).map_err(|why| mail::MailboxError {
                at,
                fault: mail::MailboxFault::Domain(why),
            })
        };
        if text == "<>" {
            return Ok(Self::Null);
        }
        match text.strip_prefix("*@") {
            Some(rest) => match rest.strip_prefix("*.") {
                Some(parent) => domain(parent, 4).map(Self::AnyBelow),
                None => domain(rest, 2).map(Self::AnyAt),
            },
            None => Mailbox::parse(text).map(Self::Exactly),
        }
    }
}

impl std::fmt::Display for SenderPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Exactly(mailbox) => write!(f, "{mailbox}"),
            Self::AnyAt(domain) => write!(f, "*@{domain}"),
            Self::AnyBelow(parent) => write!(f, "*@*.{parent}"),
        }
    }
}

/// To whom a grant may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Our own domains.
    Internal,
    /// Our own domains and these.
    Domains(Vec<DomainPattern>),
    /// Everybody.
    Any,
}

/// What kind of sender a grant is for; it sets the default limits and what happens above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Copiers, UPSes, building control: what is above a limit is accepted and held, for they lose mail on a 4yz.
    Device,
    /// An exception for something old.
    Legacy,
    /// A program.
    Application,
    /// A program that sends in bulk and may.
    Bulk,
    /// A department's mail server.
    Department,
    /// A person: above a limit they are asked to wait.
    User,
}

impl Class {
    /// Whether mail above a soft limit is accepted and held rather than deferred.
    #[must_use]
    pub const fn holds_over_limit(self) -> bool {
        matches!(self, Self::Device | Self::Legacy | Self::Application)
    }

    /// As the configuration writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Legacy => "legacy",
            Self::Application => "application",
            Self::Bulk => "bulk",
            Self::Department => "department",
            Self::User => "user",
        }
    }

    /// The limits that hold where a grant names none.
    #[must_use]
    pub const fn limits(self) -> LimitSpec {
        let (minute, hour, day, per_message, rcpts_day, octets) = match self {
            Self::Device => (10, 100, 500, 20, 1_000, 35_000_000),
            Self::Legacy => (5, 60, 200, 10, 400, 25_000_000),
            Self::Application => (60, 1_000, 5_000, 100, 10_000, 25_000_000),
            Self::Bulk => (300, 10_000, 100_000, 1, 100_000, 5_000_000),
            Self::Department => (120, 3_000, 30_000, 100, 3_000_000, 50_000_000),
            Self::User => (30, 300, 2_000, 100, 5_000, 35_000_000),
        };
        LimitSpec {
            messages_per_minute: minute,
            messages_per_hour: hour,
            messages_per_day: day,
            recipients_per_message: per_message,
            recipients_per_day: rcpts_day,
            octets_per_message: octets,
            held_messages: 1_000,
            held_octets: 1_000_000_000,
        }
    }
}

/// The limits of a grant. Counts are per grant, not per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitSpec {
    /// Messages in any minute.
    pub messages_per_minute: u32,
    /// Messages in any hour.
    pub messages_per_hour: u32,
    /// Messages in any day.
    pub messages_per_day: u32,
    /// Recipients of one message.
    pub recipients_per_message: u32,
    /// Recipients in any day.
    pub recipients_per_day: u32,
    /// Octets of one message.
    pub octets_per_message: u64,
    /// Messages accepted above the limits and held, until the hard cap is reached.
    pub held_messages: u32,
    /// Octets accepted above the limits and held, until the hard cap is reached.
    pub held_octets: u64,
}

/// Whether a grant is in force, validity apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// It is.
    Active,
    /// It is not, for this reason.
    Suspended(String),
}

/// A grant: who may relay, for whom, how much, until when, and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// Who is told of its troubles.
    pub contact: Mailbox,
    /// What it is for.
    pub reason: String,
    /// The first instant at which it holds.
    pub from_time: Timestamp,
    /// The last instant at which it holds.
    pub until: Timestamp,
    /// How a client shows it.
    pub by: By,
    /// Where its clients must be, beside what `by` says; empty: anywhere.
    pub networks: Vec<IpNet>,
    /// The zone its clients must be in.
    pub zone: Option<Name>,
    /// What its clients call themselves, where they come by their address; empty: whatever they like.
    pub hellos: Vec<HelloPattern>,
    /// The listeners it holds on; empty: all that may relay.
    pub listeners: Vec<Name>,
    /// Envelope senders it may use.
    pub senders: Vec<SenderPattern>,
    /// From headers it may use; empty: those of `senders`.
    pub header_from: Vec<SenderPattern>,
    /// To whom it may send.
    pub scope: Scope,
    /// What kind of sender it is for.
    pub class: Class,
    /// Its limits.
    pub limits: LimitSpec,
    /// What is tolerated of its clients.
    pub tolerances: Tolerances,
    /// Whether it is in force.
    pub state: GrantState,
    /// Where it is declared.
    pub place: Place,
}

impl Grant {
    /// The From headers it may use.
    #[must_use]
    pub fn from_patterns(&self) -> &[SenderPattern] {
        if self.header_from.is_empty() {
            &self.senders
        } else {
            &self.header_from
        }
    }

    /// Whether a client that calls itself so is one of those meant. Where it shows a login or a certificate, its name says
    /// nothing.
    #[must_use]
    pub fn expects(&self, hello: &str) -> bool {
        let named = || self.hellos.iter().any(|pattern| pattern.matches(hello));
        self.hellos.is_empty() || !matches!(self.by, By::Address(_)) || named()
    }

    /// Whether the other says the same, wherever it stands.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let elsewhere = |grant: &Self| Self {
            place: Place::default(),
            ..grant.clone()
        };
        self == other || (self.place != other.place && elsewhere(self) == elsewhere(other))
    }

    /// Whether it is in force at `now`: begun, not ended, not suspended.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.from_time <= now && now <= self.until && self.state == GrantState::Active
    }
}

/// The address a client is judged by: v4-mapped v6 addresses are the v4 addresses they are.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sender_patterns_read_and_match() {
        let any = SenderPattern::parse("*@devices.example.edu").unwrap();
        assert!(any.matches(&"scan@devices.example.edu".parse().unwrap()));
        assert!(!any.matches(&"scan@a.devices.example.edu".parse().unwrap()));
        let below = SenderPattern::parse("*@*.example.edu").unwrap();
        assert!(below.matches(&"scan@devices.example.edu".parse().unwrap()));
        assert!(!below.matches(&"scan@example.edu".parse().unwrap()));
        assert!(SenderPattern::parse("<>").unwrap().matches_path(&ReversePath::Null));
        assert!(!any.matches_path(&ReversePath::Null));
        assert!(
            SenderPattern::parse("Billing@example.edu")
                .unwrap()
                .matches(&"billing@EXAMPLE.edu".parse().unwrap())
        );
        assert!(SenderPattern::parse("*@").is_err());
        assert!(SenderPattern::parse("nobody").is_err());
    }
}
