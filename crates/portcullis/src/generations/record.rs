//! What is told of a generation, beside its text.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use mail::Timestamp;
use policy::diff::{Diff, Flow};
use serde::{Deserialize, Serialize};

use crate::change::Remembered;

/// How a generation came to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Came {
    /// The gate started with it.
    Start,
    /// A gate started with it that took the place of another.
    Upgrade,
    /// The file was read again.
    Reload,
    /// An operator asked for the text of an earlier generation.
    Rollback {
        /// Whose text serves again.
        of: u64,
        /// What served until then.
        from: u64,
    },
    /// The self-test failed under another one, so that the text of the one before serves again.
    Return {
        /// Whose text serves again.
        of: u64,
        /// Which one failed.
        from: u64,
    },
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Upgrade => f.write_str("upgrade"),
            Self::Reload => f.write_str("reload"),
            Self::Rollback { of, .. } => write!(f, "rollback to {of}"),
            Self::Return { of, .. } => write!(f, "return to {of}"),
        }
    }
}

/// What is to be told of a generation that does not have its number yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writing {
    /// When it was written down.
    #[serde(with = "super::at")]
    pub at: Timestamp,
    /// How it came.
    #[serde(flatten)]
    pub came: Came,
    /// Who changed the file, as the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The file it was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Who asked for it, where an operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The digest by which the ledger and each accepted message name it.
    pub rulebook: u64,
    /// The digest of what it declares, by which a version of the program knows whether it reads the text as this one did.
    pub declarations: String,
    /// What became possible and impossible by it; nothing is known of that where nothing was known of the former one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<Flows>,
    /// What is remembered of its proof.
    pub proof: Remembered,
    /// The version of the program.
    pub program: String,
}

/// What became possible and impossible, in sentences, the widest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// How many became possible.
    pub gained: usize,
    /// How many became impossible.
    pub lost: usize,
    /// The widest of those that became possible.
    pub newly: Vec<String>,
    /// The widest of those that became impossible.
    pub no_longer: Vec<String>,
}

/// Sentences of each kind that are kept; `config diff` tells the others.
const SENTENCES_MAX: usize = 50;

impl Flows {
    /// Those of a difference.
    #[must_use]
    pub fn of(diff: &Diff) -> Self {
        let sentences = |flows: &[Flow]| flows.iter().take(SENTENCES_MAX).map(ToString::to_string).collect();
        Self {
            gained: diff.gained.len(),
            lost: diff.lost.len(),
            newly: sentences(&diff.gained),
            no_longer: sentences(&diff.lost),
        }
    }
}

/// What is told of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub generation: u64,
    /// What served before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<u64>,
    /// SHA-256 of its text.
    pub sha256: String,
    /// The particulars.
    #[serde(flatten)]
    pub written: Writing,
}

/// SHA-256 of a text, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}
