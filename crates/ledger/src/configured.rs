//! What happened to the configuration: it was loaded, it was tested, another one ran beside it as a shadow.

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Words;

/// A configuration that serves from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigLoaded {
    /// Its generation.
    pub generation: u64,
    /// Its hash.
    #[serde(rename = "rulebook")]
    pub hash: u64,
    /// How it came; absent in old records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<LoadedBy>,
    /// The generation whose text serves again, where it came by a rollback or a return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The operator who asked for it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Words>,
    /// Who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Words>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// How a configuration came to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadedBy {
    /// The gate started with it.
    Start,
    /// A gate started with it that took the place of another.
    Upgrade,
    /// The file was read again.
    Reload,
    /// An operator asked for the text of an earlier generation.
    Rollback,
    /// The self-test failed under another one.
    Return,
}

/// The relay self-test ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTested {
    /// What served meanwhile.
    pub generation: u64,
    /// Whether nothing was wrong.
    pub green: bool,
    /// What it followed on: `start`, `change` or `operator`.
    pub after: Words,
    /// The name it gave in HELO, by which its refusals are known.
    pub helo: Words,
    /// Listeners that were tried.
    pub listeners: u64,
    /// Attempts that were made.
    pub tried: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those that were put off with a code that says: later.
    pub put_off: u64,
    /// What was wrong: the listener and the form that was let through, or why nobody gets in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub red: Vec<Words>,
    /// What could not be tried, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Words>,
    /// What was done about it; absent where nothing was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Words>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A configuration decides beside the one that serves from now on, and only counts where it would decide otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowStarted {
    /// The file it was read from.
    pub file: Words,
    /// SHA-256 of its text.
    pub sha256: Words,
    /// Its hash.
    pub rulebook: u64,
    /// What serves meanwhile.
    pub generation: u64,
    /// Until when it is to decide: milliseconds since 1970.
    #[serde(with = "crate::text::millis")]
    pub until: Timestamp,
    /// Who started it.
    pub by: Words,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// It decides no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowEnded {
    /// The file it was read from.
    pub file: Words,
    /// Its hash.
    pub rulebook: u64,
    /// Why it ended, and who ended it where an operator did.
    pub why: Words,
    /// Decisions that were made again.
    pub decided: u64,
    /// Those that differ, or are unknown.
    pub differ: u64,
    /// Records that were left out, because they came too fast.
    pub skipped: u64,
}
