//! `change`, `[organisation]` and `[zones.*]`.

use ipnet::IpNet;
use mail::{Domain, DomainPattern};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bounds, List, Maybe, Text};

/// Who changed the file last, and why; goes into the ledger.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Who.
    pub author: Maybe<String>,
    /// Why, with the number of the change where there is one.
    pub reason: Maybe<String>,
}

/// Who we are: independent intent, against which the rest is judged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    /// As people say it.
    pub name: Maybe<String>,
    /// The name of this host, as in mail.example.edu. Without it: the machine's own full name.
    pub hostname: Maybe<Text<Domain>>,
    /// Our own mail domains.
    pub domains: List<DomainPattern>,
    /// Our own networks.
    pub networks: List<IpNet>,
    /// Addresses behind which several machines hide: NAT, VPN, proxies, load balancers.
    pub never_a_client: List<IpNet>,
    /// Ranges that are given out dynamically: nobody there keeps an address.
    pub dynamic: List<IpNet>,
    /// How wide exceptions may be, and how long grants and forwards may last.
    pub bounds: Option<Bounds>,
    /// A page that explains refusals; the id of the event is put behind it.
    pub help: Maybe<String>,
}

/// A part of the network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Zone {
    /// Its networks.
    pub networks: List<IpNet>,
}
