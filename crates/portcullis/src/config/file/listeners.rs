//! `[listeners.*]` and `[tls]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use mail::Domain;
use policy::Role;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Lapse, List, Maybe, Octets, Text};

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawRole {
    /// Port 25 to the outside: our own recipients only, never AUTH.
    Mx,
    /// Port 587: AUTH after STARTTLS, by grant.
    Submission,
    /// Port 465: AUTH under implicit TLS, by grant.
    Submissions,
    /// Devices and applications: by credential, certificate or address exception.
    Relay,
    /// Plain HTTP: health and metrics.
    Health,
}

impl RawRole {
    /// The role as judgement knows it; `None` where no mail comes in.
    #[must_use]
    pub const fn smtp(self) -> Option<Role> {
        match self {
            Self::Mx => Some(Role::Mx),
            Self::Submission => Some(Role::Submission),
            Self::Submissions => Some(Role::Submissions),
            Self::Relay => Some(Role::Relay),
            Self::Health => None,
        }
    }
}

/// What a relay listener does for clients without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawUngranted {
    /// Nothing.
    Deny,
    /// From our own networks, as one of us, to our own recipients.
    InternalOnly,
}

/// A place where clients come in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listener {
    /// What it is for.
    pub role: Maybe<RawRole>,
    /// Addresses and ports.
    pub listen: List<SocketAddr>,
    /// The zone it serves; clients from elsewhere are refused.
    pub zone: Maybe<String>,
    /// On relay listeners: what clients without a grant may do. Default: deny.
    pub ungranted: Maybe<RawUngranted>,
    /// The name it greets with, where it is not the organisation's.
    pub hostname: Maybe<Text<Domain>>,
    /// On relay and health listeners at a public address: yes, we mean it.
    pub exposed: Maybe<bool>,
    /// Proxies and load balancers that speak the PROXY protocol to it.
    pub proxies: List<IpNet>,
    /// Whether STARTTLS is offered, for a zone of devices that stumble over it. Default: true.
    pub advertise_starttls: Maybe<bool>,
    /// Whether SCRAM is offered to who logs in, for a listener of people whose logins have no part in it. Default: true.
    pub scram: Maybe<bool>,
    /// The largest message. Default: 50 MB.
    pub size_max: Maybe<Octets>,
    /// How long the banner waits for clients that talk too early. Default: none.
    pub greet_delay: Maybe<Text<Lapse>>,
    /// Its own certificates, in place of those of [tls].
    pub certificates: Vec<At<Certificate>>,
}

/// Certificates of all listeners that name none of their own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Chains and keys; several, as RSA beside ECDSA, or one per name.
    pub certificates: Vec<At<Certificate>>,
}

/// A certificate chain and its private key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// The chain in PEM, our own certificate first.
    pub chain: Maybe<PathBuf>,
    /// The private key in PEM.
    pub key: Maybe<PathBuf>,
    /// Not available yet: a name to fetch a certificate for.
    #[schemars(skip)]
    pub acme: Maybe<String>,
}
