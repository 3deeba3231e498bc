//! `[routes.*]`

use std::path::PathBuf;

use mail::DomainPattern;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Certificate, Count, List, Maybe, Words};

/// What a route asks of TLS, as written; names of what is not built yet are recognised so that the answer is clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawTls {
    /// Where offered, else in the clear.
    Opportunistic,
    /// Never in the clear; the certificate is not looked at.
    Require,
    /// Never in the clear, and with a certificate that is valid for the host in `to`.
    Verify,
    /// Not available yet.
    #[schemars(skip)]
    Dane,
    /// Not available yet.
    #[schemars(skip)]
    Sts,
    /// Not available yet.
    #[schemars(skip)]
    DaneOrStsOrOpportunistic,
}

/// Where mail for some domains goes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Whose mail. Without: everything no other route takes.
    pub domains: List<DomainPattern>,
    /// "mx" for the MX hosts of the domain, or a list of hosts with ports.
    pub to: Maybe<Words>,
    /// What is asked of TLS. Default: opportunistic.
    pub tls: Maybe<RawTls>,
    /// TLS from the first octet on, as on port 465. Default: false.
    pub implicit_tls: Maybe<bool>,
    /// The certificate we show.
    pub client_certificate: Maybe<Certificate>,
    /// How we log in, as to a smart host.
    pub login: Maybe<Login>,
    /// For our own domains: which recipients exist, "any" or a list of addresses.
    pub recipients: Maybe<Words>,
    /// Authorities trusted on this route in place of the system's, PEM.
    pub ca: Maybe<PathBuf>,
    /// Connections to one destination at once at most, where it is not as [delivery] says.
    pub connections: Count,
}

/// How we log in to a next hop.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// The user.
    pub user: Maybe<String>,
    /// A file whose first line is the secret.
    pub secret_file: Maybe<PathBuf>,
}
