//! What served last, in the state folder: the text of the configuration, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use mail::Domain;
use policy::{Generation, Snapshot};
use serde::{Deserialize, Serialize};

use super::judge::Former;
use super::proofs::{self, Proofs};
use crate::config::{self, Change, Machine};

/// What served last, read again.
#[derive(Debug)]
pub enum Served {
    /// Nothing did.
    Nothing,
    /// This did, and is read as it was then.
    Read {
        /// As judgement reads it.
        snapshot: Box<Snapshot>,
        /// Who answered for it.
        change: Option<Change>,
        /// Whether this engine has proven it.
        proven: bool,
    },
    /// It cannot be read any more.
    Unreadable {
        /// Why.
        why: String,
        /// The text, where there is one.
        text: Option<String>,
    },
}

/// What is kept of it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The digest of its declarations, by which a version knows that it reads the text as the one did that served it.
    digest: String,
    text: String,
}

impl Served {
    /// What lies in the folder.
    #[must_use]
    pub fn last(folder: &Path, proofs: &Proofs) -> Self {
        let octets = match fs::read(file(folder)) {
            Ok(octets) => octets,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Self::Nothing,
            Err(why) => return Self::unreadable(why.to_string(), None),
        };
        match serde_json::from_slice(&octets) {
            Ok(Kept { digest, text }) => Self::read(text, &digest, proofs),
            Err(why) => Self::unreadable(format!("its record is damaged: {why}"), None),
        }
    }

    /// Reads a text that has served with declarations of this digest. That a file it names is gone by now, or that it has
    /// turned doubtful, does not change what it allowed; that it means something else does.
    #[must_use]
    pub fn read(text: String, digest: &str, proofs: &Proofs) -> Self {
        // Judgement does not read the name of the machine; without any name there would be no configuration.
        let machine = Machine {
            hostname: Domain::parse("served.invalid").ok(),
            ..Machine::default()
        };
        let reading = config::read_as_written("what served last", text, Path::new("/"), &machine);
        let text = || Some(reading.report.source().text().to_owned());
        let Some(mut config) = reading
            .config
            .filter(|config| proofs::digest(&config.rulebook) == digest)
        else {
            return Self::unreadable(
                "this version reads it otherwise than the one that served it".to_owned(),
                text(),
            );
        };
        let known = proofs.find(digest);
        config.rulebook.intent.bounds.written = known.as_ref().map(|known| known.written);
        match config.snapshot(Generation(0)) {
            Ok(snapshot) => Self::Read {
                snapshot: Box::new(snapshot),
                change: config.change.clone(),
                proven: known.is_some_and(|known| known.engine == policy::ENGINE),
            },
            Err(_) => Self::unreadable("this version finds a contradiction in it".to_owned(), text()),
        }
    }

    const fn unreadable(why: String, text: Option<String>) -> Self {
        Self::Unreadable { why, text }
    }

    /// As `next` is compared with it.
    #[must_use]
    pub fn former(&self, next: &str) -> Former<'_> {
        match self {
            Self::Nothing => Former::Nothing,
            Self::Read {
                snapshot,
                change,
                proven,
            } => Former::Served {
                snapshot,
                change: change.as_ref(),
                proven: *proven,
            },
            // Another version of the program is no change for an operator to answer for.
            Self::Unreadable { text: Some(text), .. } if text == next => Former::Nothing,
            Self::Unreadable { why, .. } => Former::Unreadable(why),
        }
    }

    /// Notes that this text serves from now on, with declarations of this digest.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn note(folder: &Path, text: &str, digest: &str) -> io::Result<()> {
        let kept = Kept {
            digest: digest.to_owned(),
            text: text.to_owned(),
        };
        write_whole(&file(folder), &serde_json::to_vec(&kept)?)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("served.json")
}

/// Writes a file that is there as a whole or not at all, for its owner alone.
pub(super) fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let half = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    File::open(folder)?.sync_all()
}
