//! What is kept of a shadow over restarts, beside the generations.
//!
//! `shadow.toml` is the text that decides, `shadow.json` the terms and what was counted so far. The text is written first;
//! a text that is not the one the terms speak of decides nothing.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Counts, Ended, Terms};
use crate::generations::{Generations, sha256};

/// The version of `shadow.json`; another one is not guessed at.
const VERSION: u32 = 1;
const RECORD: &str = "shadow.json";
const TEXT: &str = "shadow.toml";

/// A shadow, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What was agreed.
    #[serde(flatten)]
    pub terms: Terms,
    /// What it counted.
    pub counts: Counts,
    /// When and why it ended; absent while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(flatten)]
    kept: Kept,
}

/// Only the version, which is looked at first.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Why what was kept is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Torn {
    /// It cannot be read.
    #[error("{RECORD} cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Another version of the program wrote it.
    #[error("{RECORD} is of version {0}, which this program does not know")]
    Version(u32),
}

impl Kept {
    /// What is kept; `None` where nothing is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(generations: &Generations) -> Result<Option<Self>, Torn> {
        let octets = match generations.beside(RECORD) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let torn = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let Versioned { version } = serde_json::from_slice(&octets).map_err(torn)?;
        if version != VERSION {
            return Err(Torn::Version(version));
        }
        let written: Written = serde_json::from_slice(&octets).map_err(torn)?;
        Ok(Some(written.kept))
    }

    /// The text it decides by.
    ///
    /// # Errors
    /// It cannot be read, or is another one.
    pub fn text(&self, generations: &Generations) -> io::Result<String> {
        let text = String::from_utf8(generations.beside(TEXT)?).unwrap_or_default();
        if sha256(&text) == self.terms.sha256 {
            Ok(text)
        } else {
            Err(io::Error::other(format!("{TEXT} is not the text that was started")))
        }
    }

    /// Where that text lies.
    #[must_use]
    pub fn text_path(generations: &Generations) -> PathBuf {
        generations.folder().join(TEXT)
    }

    /// Keeps it, with the text it decides by.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_with(&self, text: &str, generations: &Generations) -> io::Result<()> {
        generations.keep_beside(TEXT, text.as_bytes())?;
        self.write(generations)
    }

    /// Keeps what it counted since.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, generations: &Generations) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            kept: self.clone(),
        };
        generations.keep_beside(RECORD, &serde_json::to_vec_pretty(&written)?)
    }
}
