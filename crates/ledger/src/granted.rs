//! What happened to the grants of the registry.

use mail::Timestamp;
use policy::Name;
use serde::{Deserialize, Serialize};

use crate::Words;

/// A case of the registry took a step: a request, or the grant it became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantStepped {
    /// The case, which is the grant's name; a grant of the configuration file that was suspended or reinstated; or the
    /// yearly list of a department, as in `list-7`.
    pub grant: Name,
    /// The number of the step within the case; of all others, among the steps of all cases. After a crash a step may be told again, under the same number.
    pub step: u64,
    /// When it was taken: milliseconds since 1970. It may be told later, where no gate ran.
    #[serde(with = "crate::text::millis")]
    pub taken: Timestamp,
    /// What happened.
    pub what: Words,
    /// Where it stood; nowhere before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Words>,
    /// Where it stands since.
    pub to: Words,
    /// Who caused it: a person in a role, or a rule.
    pub by: Words,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// A grant of the registry does not serve beside the configuration, or does again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLeftOut {
    /// The grant.
    pub grant: Name,
    /// The generation of the configuration it is held against.
    pub generation: u64,
    /// Why it is left out; absent where it serves again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Words>,
}
