//! Legal holds: what must not be removed, however old it is.
//!
//! They stand in `holds.json` beside the ledger's files, which the removal reads each time, and the ledger testifies to
//! each that is added or released, in the chain of a writer of its own, `holds`. So a hold is set whether a gate runs or
//! not, and one that is only in the ledger, because the file was lost or edited, counts as well. Whoever changes holds has
//! that chain open, and the removal its lock: a hold that was added is seen before the next file goes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use mail::{MessageId, Timestamp};
use serde::{Deserialize, Serialize};
use world::{Disk, OpenMode};

use crate::text::millis;
use crate::{Event, Key, Reader, Words};

/// The writer whose chain tells of holds, and whose lock is held by whoever changes or heeds them.
pub const HOLDS_WRITER: &str = "holds";
/// The file.
const FILE: &str = "holds.json";
/// Its version; another one is refused rather than guessed at.
const VERSION: u8 = 1;

/// What a hold covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// What an address sent or was sent, and what else happened to those messages.
    Address(Words),
    /// What was decided on or about a grant, and what else happened to those messages.
    Grant(Words),
    /// One message.
    Message(#[serde(with = "crate::text::shown")] MessageId),
    /// All there is.
    Everything,
}

impl Scope {
    /// What to look for; `None` for all there is.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Address(address) => Some(Key::Address(address.as_str().into())),
            Self::Grant(grant) => Some(Key::Grant(grant.as_str().into())),
            Self::Message(id) => Some(Key::Message(*id)),
            Self::Everything => None,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address}"),
            Self::Grant(grant) => write!(f, "grant {grant}"),
            Self::Message(id) => write!(f, "message {id}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number, by which it is released.
    pub number: u64,
    /// What it covers.
    pub covers: Scope,
    /// Why.
    pub reason: Words,
    /// Who set it.
    pub by: Words,
    /// When it was set.
    #[serde(rename = "since", with = "millis")]
    pub since: Timestamp,
    /// Until when it is in force, in milliseconds since 1970; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

impl Hold {
    /// Until when it is in force.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        self.until_ms.map(Timestamp)
    }

    /// Whether it is in force.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until().is_none_or(|until| now <= until)
    }
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Its number.
    pub number: u64,
    /// Who released it.
    pub by: Words,
    /// Why.
    pub reason: Words,
}

/// All holds that were set and not released.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    next: u64,
    holds: Vec<Hold>,
}

#[derive(Serialize, Deserialize)]
struct File {
    v: u8,
    next: u64,
    holds: Vec<Hold>,
}

impl Holds {
    /// Reads the file, and adds what only the ledger knows. Blocks.
    ///
    /// # Errors
    /// The file or the ledger cannot be read: then nobody knows what is held.
    pub fn read(disk: &Arc<dyn Disk>, dir: &Path) -> io::Result<Self> {
        let mut all = Self::from_file(&**disk, dir)?;
        let told = Reader::new(disk.clone(), dir).events_of(&Key::Hold)?;
        let is_released = |number| {
            told.iter()
                .any(|line| matches!(&line.event, Event::HoldReleased(one) if one.number == number))
        };
        for line in &told {
            let Event::HoldAdded(hold) = &line.event else { continue };
            all.next = all.next.max(hold.number.saturating_add(1));
            if !is_released(hold.number) && all.get(hold.number).is_none() {
                all.holds.push((**hold).clone());
            }
        }
        all.holds.sort_by_key(|hold| hold.number);
        Ok(all)
    }

    /// In the order of their numbers.
    #[must_use]
    pub fn all(&self) -> &[Hold] {
        &self.holds
    }

    /// The one with this number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.number == number)
    }

    /// The number the next one gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next.max(1)
    }

    /// Adds a hold and writes the file; it is in force when this returns, and to be testified to then. Only for who has the
    /// chain of [`HOLDS_WRITER`] open. Blocks.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn add(&mut self, disk: &dyn Disk, dir: &Path, hold: Hold) -> io::Result<()> {
        self.next = self.next.max(hold.number.saturating_add(1));
        self.holds.push(hold);
        self.write(disk, dir)
    }

    /// Takes a hold out and writes the file; it is to be testified to before. Only for who has the chain of
    /// [`HOLDS_WRITER`] open. Blocks.
    ///
    /// # Errors
    /// The file cannot be written; then the hold is still in force.
    pub fn release(&mut self, disk: &dyn Disk, dir: &Path, number: u64) -> io::Result<()> {
        self.holds.retain(|hold| hold.number != number);
        self.write(disk, dir)
    }

    fn from_file(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let file = match disk.open(&dir.join(FILE), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut octets = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
        let read = file.read_at(0, &mut octets)?;
        octets.truncate(read);
        let unreadable =
            |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} cannot be read: {why}"));
        let File { v, next, holds } = serde_json::from_slice(&octets).map_err(|why| unreadable(why.to_string()))?;
        if v != VERSION {
            return Err(unreadable(format!("version {v} is not ours")));
        }
        Ok(Self { next, holds })
    }

    fn write(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let object = File {
            v: VERSION,
            next: self.next(),
            holds: self.holds.clone(),
        };
        let mut octets = serde_json::to_vec_pretty(&object)?;
        octets.push(b'\n');
        let fresh = dir.join(format!("{FILE}.new"));
        match disk.remove(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.open(&fresh, OpenMode::CreateNew)?;
        file.write_at(0, &[&octets])?;
        file.sync()?;
        disk.rename(&fresh, &dir.join(FILE))?;
        disk.sync_dir(dir)
    }
}
