//! When which generation served: lines that are only ever added.

use std::io;
use std::path::Path;

use mail::Timestamp;
use serde::{Deserialize, Serialize};
use world::{Disk, OpenMode};

/// What happened to a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// It serves from now on.
    Serves,
    /// The gate stopped in good order.
    Stopped,
    /// The self-test ended.
    Tested {
        /// Whether nothing was wrong.
        green: bool,
        /// What came of it, in words.
        text: String,
    },
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    #[serde(with = "super::at")]
    pub at: Timestamp,
    /// Which generation.
    pub generation: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Adds a line and syncs it.
pub(super) fn append(disk: &dyn Disk, path: &Path, moment: &Moment) -> io::Result<()> {
    let (file, is_new) = match disk.open(path, OpenMode::ReadWrite) {
        Ok(file) => (file, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (disk.open(path, OpenMode::CreateNew)?, true),
        Err(error) => return Err(error),
    };
    let end = file.len()?;
    let mut line = Vec::new();
    // What a power cut left of a line ends here, so that it spoils none but itself.
    if !ends_in_line_end(&*file, end)? {
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, moment)?;
    line.push(b'\n');
    file.write_at(end, &[&line])?;
    file.sync()?;
    if is_new && let Some(folder) = path.parent() {
        disk.sync_dir(folder)?;
    }
    Ok(())
}

fn ends_in_line_end(file: &dyn world::DiskFile, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else {
        return Ok(true);
    };
    let mut octet = [0];
    Ok(file.read_at(last, &mut octet)? == 1 && octet == *b"\n")
}

/// Every line that can be read, and the numbers of those that cannot.
pub(super) fn parse(octets: &[u8]) -> (Vec<Moment>, Vec<usize>) {
    let (mut moments, mut torn) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(octets.split(|octet| *octet == b'\n')) {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(moment) => moments.push(moment),
            Err(_) => torn.push(number),
        }
    }
    (moments, torn)
}
