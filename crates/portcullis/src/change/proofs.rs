//! What was proven before: what once served starts again at once.

use std::fmt::{self, Write};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use mail::Timestamp;
use policy::Rulebook;
use serde::{Deserialize, Serialize};

/// Proofs that are kept; the oldest go first.
const KEPT: usize = 100;

/// What is remembered of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Which engine has proven it.
    pub engine: String,
    /// When these declarations were first shown: ends are measured from here.
    #[serde(with = "millis")]
    pub written: Timestamp,
    /// When it was proven.
    #[serde(with = "millis")]
    pub proven: Timestamp,
    /// How many cells were looked at.
    pub cells: u64,
    /// Whether it was proven on top of a former one.
    pub partial: bool,
    /// How many properties hold.
    pub properties: usize,
    /// How many findings there were.
    pub findings: usize,
    /// How long it took.
    pub millis: u64,
}

mod millis {
    use mail::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp)
    }
}

/// The proofs in a folder, each under the digest of its declarations.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    folder: Option<PathBuf>,
}

impl Proofs {
    /// No proofs, and none kept.
    #[must_use]
    pub const fn none() -> Self {
        Self { folder: None }
    }

    /// Those in a folder, which need not be there yet.
    #[must_use]
    pub const fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// What is remembered of these declarations. What cannot be read was never proven.
    #[must_use]
    pub fn find(&self, digest: &str) -> Option<Remembered> {
        serde_json::from_slice(&std::fs::read(self.file(digest)?).ok()?).ok()
    }

    /// Remembers one, and forgets the oldest of too many.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep(&self, digest: &str, remembered: &Remembered) -> io::Result<()> {
        let (Some(folder), Some(file)) = (&self.folder, self.file(digest)) else {
            return Ok(());
        };
        write_whole(&file, &serde_json::to_vec_pretty(remembered)?)?;
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            all.push((entry.metadata()?.modified()?, entry.path()));
        }
        all.sort();
        let excess = all.len().saturating_sub(KEPT);
        for (_, old) in all.into_iter().take(excess).filter(|(_, old)| *old != file) {
            std::fs::remove_file(old)?;
        }
        Ok(())
    }

    fn file(&self, digest: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{digest}.json")))
    }
}

/// Writes a file that is there as a whole or not at all, for its owner alone.
fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
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

/// The digest of all that is declared and meant, lines included, but for when it was first shown.
#[must_use]
pub fn digest(book: &Rulebook) -> String {
    let mut book = book.clone();
    book.intent.bounds.written = None;
    let mut digest = Digest(Context::new(&SHA256));
    // A digest takes whatever it is given. `Debug` shows every field, in order; should a compiler write it otherwise,
    // all is proven once more.
    let _ = write!(digest, "{book:?}");
    let octets = digest.0.finish();
    octets.as_ref().iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

struct Digest(Context);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
