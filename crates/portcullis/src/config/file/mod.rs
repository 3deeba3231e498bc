//! The raw layer: what was written, word for word, with the place of each word.
//!
//! One small file per section. Field docs become the descriptions in the JSON Schema. Nothing here has a meaning yet:
//! what is missing, contradictory or unwise is for [`resolve`](super::resolve) to say.

mod grants;
mod identities;
mod intent;
mod listeners;
mod organisation;
mod read;
mod registry;
mod routes;
mod service;
mod spot;
mod timeouts;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::registry::{Answers, ByRisk, Registry, Roles, Terms, Unshown, WidestPrefix};
pub use grants::{By, FormerSecret, Forward, Grant, GrantLimits, RawClass, Tolerance};
pub use identities::{Authority, Directory, Identities, Issuer};
pub use intent::{Assertion, Bounds, ByClass, RawIdentity};
pub use listeners::{Certificate, Listener, RawRole, RawUngranted, Tls};
pub use organisation::{Change, Organisation, Zone};
pub(crate) use read::nearest;
pub use read::{Read, read};
pub use routes::{Login, RawTls, Route};
pub use service::{Delivery, Dns, Ledger, Limits, LimitsFor, Log, Spool};
pub use spot::At;
pub use timeouts::Timeouts;
pub use words::{Day, Lapse, Octets, Pin, Rate, Spelled, Text, Words};

/// A number in the file.
pub type Count = Option<At<u32>>;
/// Something with a place that need not be there.
pub type Maybe<T> = Option<At<T>>;
/// A list of values that are written as text.
pub type List<T> = Vec<At<Text<T>>>;
/// Declarations by name, as in `[grants.erp]`.
pub type Named<T> = BTreeMap<At<String>, T>;

/// A configuration of Portcullis.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The version of this format: 1.
    pub version: Count,
    /// Who changed this file last, and why.
    pub change: Maybe<Change>,
    /// Who we are.
    pub organisation: Maybe<Organisation>,
    /// Parts of the network that are treated alike.
    pub zones: Named<Zone>,
    /// Where clients come in.
    pub listeners: Named<Listener>,
    /// Certificates of all listeners that name none of their own.
    pub tls: Tls,
    /// Where mail goes: who receives inside, and how everything else leaves.
    pub routes: Named<Route>,
    /// Addresses of ours whose mail goes on elsewhere.
    pub forwards: Named<Forward>,
    /// Who may relay: an owner, a purpose, a scope, limits and an end date each.
    pub grants: Named<Grant>,
    /// Who may relay beside: asked for, approved and kept in the registry.
    pub registry: Maybe<Registry>,
    /// Who vouches for clients beside us.
    pub identities: Identities,
    /// What clients may use before they are judged.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How delivery is tried.
    pub delivery: Delivery,
    /// Where the queue lives.
    pub spool: Spool,
    /// Where the ledger lives.
    pub ledger: Ledger,
    /// Whom we ask about names.
    pub dns: Dns,
    /// What is logged, and how.
    pub log: Log,
    /// What must never be possible, whatever else this file says.
    pub never: Vec<At<Assertion>>,
    /// What must always be possible.
    pub always: Vec<At<Assertion>>,
}
