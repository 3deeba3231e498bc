//! `[[never]]`, `[[always]]` and `[organisation.bounds]`: what is meant, apart from what is declared.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Count, List, Maybe, RawRole, Words};

/// Something that must never, or must always, be possible. What is left out is open.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assertion {
    /// What it says, in your words.
    pub name: Maybe<String>,
    /// "none" for whoever shows neither login nor certificate. Default: "any".
    pub identity: Maybe<RawIdentity>,
    /// Whoever has logged in under this name.
    pub login: Maybe<String>,
    /// Whoever is judged by this grant.
    pub grant: Maybe<String>,
    /// From which addresses. Default: from anywhere.
    pub networks: List<IpNet>,
    /// Over which listener. Default: over any (never), over at least one (always).
    pub listener: Maybe<String>,
    /// Over each listener with this role.
    pub role: Maybe<RawRole>,
    /// As whom: "internal" for our own domains, "external" for all others, "<>", a@b, *@b or *@*.b; one, or a list.
    pub from: Maybe<Words>,
    /// To whom: "internal", "external", domains or addresses; one, or a list.
    pub to: Maybe<Words>,
    /// Whether the session is encrypted. Default: either (never), yes (always).
    pub tls: Maybe<bool>,
}

/// Who a sender shows to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawIdentity {
    /// Anybody.
    Any,
    /// Somebody who shows neither login nor certificate.
    None,
}

/// How wide exceptions may be, and how long grants and forwards may last. Default of each class and number: as the
/// documentation of proofs says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Days a grant may last, by class, as in { device = 400 }.
    pub days: ByClass,
    /// Days an address exception may last, whatever its class.
    pub exception_days: Count,
    /// Days a forward may last.
    pub forward_days: Count,
    /// The shortest prefix of an exception over IPv4, by class, as in { device = 24 }.
    pub prefix_v4: ByClass,
    /// The same over IPv6.
    pub prefix_v6: ByClass,
}

/// A number for some classes of grants.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ByClass {
    /// Copiers, UPSes, building control.
    pub device: Count,
    /// Exceptions for something old.
    pub legacy: Count,
    /// Programs.
    pub application: Count,
    /// Programs that send in bulk and may.
    pub bulk: Count,
    /// Departments' mail servers.
    pub department: Count,
    /// People.
    pub user: Count,
}
