//! The folder of generations: written durably, read with patience.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use parking_lot::Mutex;
use world::{Disk, DiskFile, OpenMode};

use super::history::History;
use super::record::{Record, Writing, sha256};
use super::served::{self, Moment, What};
use crate::change;

/// Octets of a file that is read here at most; a configuration has 64 MiB at most.
const FILE_OCTETS_MAX: u64 = 256 << 20;
/// The moments.
const SERVED: &str = "served.jsonl";
/// Held while somebody writes: a gate that takes over does so while the former one still runs.
const LOCK: &str = "lock";
/// How often it is tried. Whoever has it writes two small files.
const LOCK_TRIES: usize = 100;
/// How long to wait between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why the text of a generation cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// There is none of this number.
    #[error("there is no generation {0}; `portcullis config history` shows those there are")]
    NoSuch(u64),
    /// It cannot be read.
    #[error("generation {0} cannot be read: {1}")]
    Unreadable(u64, io::Error),
    /// It is not what was written.
    #[error("the text of generation {0} is not the one that served: it was changed or damaged since")]
    Altered(u64),
}

/// The generation that served last.
#[derive(Clone, Debug)]
pub enum Last {
    /// None ever served.
    Nothing,
    /// This one.
    Read(Box<Record>, String),
    /// One did, and what is known of it cannot be trusted any more.
    Unreadable {
        /// Why.
        why: String,
        /// The text that lies there, where one does.
        text: Option<String>,
    },
}

/// The folder. Every call blocks.
#[derive(Clone)]
pub struct Generations {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Held while one of us writes; the lock on disk is for other processes.
    turn: Arc<Mutex<()>>,
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generations").field(&self.folder).finish()
    }
}

impl Generations {
    /// Those of the gate of this spool.
    #[must_use]
    pub fn of_spool(disk: Arc<dyn Disk>, spool: &Path) -> Self {
        Self {
            disk,
            folder: change::folder(spool),
            turn: Arc::default(),
        }
    }

    /// Where they lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that is known of them, without the texts.
    ///
    /// # Errors
    /// The folder cannot be read. A file that cannot be read is a line of [`History::damage`].
    pub fn history(&self) -> io::Result<History> {
        let mut damage = Vec::new();
        let mut records = Vec::new();
        let numbers = self.numbers()?;
        for number in numbers.iter().filter(|one| one.has_record) {
            match self.record(number.number) {
                Ok(record) => records.push(record),
                Err(why) => damage.push(why.to_string()),
            }
        }
        for number in numbers.iter().filter(|one| !one.has_record) {
            damage.push(format!(
                "generation {} has a text and no record: the gate was stopped before it could serve",
                number.number
            ));
        }
        let mut moments_torn = false;
        let moments = match self.octets(SERVED) {
            Ok(octets) => {
                let (moments, torn) = served::parse(&octets);
                moments_torn = !torn.is_empty();
                let lines = torn
                    .iter()
                    .map(|line| format!("line {line} of {SERVED} cannot be read"));
                damage.extend(lines);
                moments
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                moments_torn = true;
                damage.push(format!("{SERVED} cannot be read: {error}"));
                Vec::new()
            }
        };
        let mut history = History::of(records, &moments, damage);
        history.moments_torn = moments_torn;
        Ok(history)
    }

    /// The text of a generation, as it was written.
    ///
    /// # Errors
    /// See [`TextError`].
    pub fn text(&self, number: u64) -> Result<String, TextError> {
        let record = self.record(number)?;
        let unreadable = |error| TextError::Unreadable(number, error);
        let octets = self.octets(&text_name(number)).map_err(unreadable)?;
        let text = String::from_utf8(octets).map_err(|_| TextError::Altered(number))?;
        if sha256(&text) == record.sha256 {
            Ok(text)
        } else {
            Err(TextError::Altered(number))
        }
    }

    /// The generation that served last, with its text.
    #[must_use]
    pub fn last(&self) -> Last {
        let unreadable = |why, text| Last::Unreadable { why, text };
        let history = match self.history() {
            Ok(history) => history,
            Err(error) => return unreadable(error.to_string(), None),
        };
        let Some(number) = history.serving() else {
            // With moments of which none can be read, something served.
            return match history.damage.first().filter(|_| history.moments_torn) {
                Some(why) => unreadable(why.clone(), None),
                None => Last::Nothing,
            };
        };
        let found = self.record(number).and_then(|record| Ok((record, self.text(number)?)));
        match found {
            Ok((record, text)) => Last::Read(Box::new(record), text),
            Err(why) => {
                let octets = self.octets(&text_name(number)).ok();
                unreadable(
                    why.to_string(),
                    octets.and_then(|octets| String::from_utf8(octets).ok()),
                )
            }
        }
    }

    /// Keeps a configuration that is about to serve and gives it a number, above `above`. A text that serves already, or
    /// that was kept and never served, has one.
    ///
    /// # Errors
    /// It is not kept; another gate writes, or the disk refuses.
    pub fn keep(&self, writing: &Writing, text: &str, above: u64) -> io::Result<u64> {
        let _turn = self.turn.lock();
        self.make_folder()?;
        let _lock = self.lock()?;
        let history = self.history()?;
        let sha256 = sha256(text);
        if let Some(entry) = history.newest_unless_followed()
            && entry.record.sha256 == sha256
            && entry.record.generation >= above
        {
            return Ok(entry.record.generation);
        }
        let generation = self.highest()?.max(above) + 1;
        let record = Record {
            generation,
            former: history.serving(),
            sha256,
            written: writing.clone(),
        };
        self.write(&text_name(generation), text.as_bytes())?;
        self.write(&record_name(generation), &serde_json::to_vec_pretty(&record)?)?;
        Ok(generation)
    }

    /// Notes that something happened to a generation.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note(&self, generation: u64, at: Timestamp, what: What) -> io::Result<()> {
        let _turn = self.turn.lock();
        self.make_folder()?;
        let _lock = self.lock()?;
        let moment = Moment { at, generation, what };
        served::append(&*self.disk, &self.folder.join(SERVED), &moment)
    }

    /// What lies in a file beside the generations.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub(crate) fn beside(&self, name: &str) -> io::Result<Vec<u8>> {
        self.octets(name)
    }

    /// Keeps a file beside the generations: whole, or not at all.
    ///
    /// # Errors
    /// The disk refuses, or another gate writes.
    pub(crate) fn keep_beside(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock();
        self.make_folder()?;
        let _lock = self.lock()?;
        self.write(name, octets)
    }

    /// The highest number there is, in whatever state; 0 where there is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn highest(&self) -> io::Result<u64> {
        Ok(self.numbers()?.last().map_or(0, |one| one.number))
    }

    /// What is told of a generation.
    ///
    /// # Errors
    /// See [`TextError`].
    pub fn record(&self, number: u64) -> Result<Record, TextError> {
        let octets = self.octets(&record_name(number)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TextError::NoSuch(number),
            _ => TextError::Unreadable(number, error),
        })?;
        let record: Record = serde_json::from_slice(&octets)
            .map_err(|why| TextError::Unreadable(number, io::Error::new(io::ErrorKind::InvalidData, why)))?;
        if record.generation == number {
            Ok(record)
        } else {
            Err(TextError::Altered(number))
        }
    }

    fn numbers(&self) -> io::Result<Vec<Number>> {
        let names = match self.disk.list(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let mut numbers: Vec<Number> = Vec::new();
        for name in names {
            let (Some(stem), Some(kind)) = (name.file_stem(), name.extension()) else {
                continue;
            };
            let Some(number) = stem.to_str().and_then(|digits| digits.parse().ok()) else {
                continue;
            };
            if kind != "json" && kind != "toml" {
                continue;
            }
            let has_record = kind == "json";
            match numbers.iter_mut().rev().find(|one| one.number == number) {
                Some(known) => known.has_record |= has_record,
                None => numbers.push(Number { number, has_record }),
            }
        }
        numbers.sort_unstable_by_key(|one| one.number);
        Ok(numbers)
    }

    fn octets(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(&self.folder.join(name), OpenMode::Read)?;
        let len = file.len()?;
        if len > FILE_OCTETS_MAX {
            return Err(io::Error::other(format!("{name} is larger than 256 MiB")));
        }
        let mut octets = vec![0; usize::try_from(len).unwrap_or(0)];
        let mut read = 0;
        while let Some(rest) = octets.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(read as u64, rest)? {
                0 => break,
                more => read += more,
            }
        }
        octets.truncate(read);
        Ok(octets)
    }

    /// Whole, or not at all.
    fn write(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        let half = self.folder.join(format!("{name}.new"));
        match self.disk.remove(&half) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.open(&half, OpenMode::CreateNew)?;
        file.write_at(0, &[octets])?;
        file.sync()?;
        self.disk.rename(&half, &self.folder.join(name))?;
        self.disk.sync_dir(&self.folder)
    }

    fn make_folder(&self) -> io::Result<()> {
        self.disk.create_dir(&self.folder)?;
        match self.folder.parent() {
            Some(spool) => self.disk.sync_dir(spool),
            None => Ok(()),
        }
    }

    fn lock(&self) -> io::Result<Box<dyn DiskFile>> {
        let path = self.folder.join(LOCK);
        let file = match self.disk.open(&path, OpenMode::CreateNew) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.disk.open(&path, OpenMode::ReadWrite)?,
            opened => opened?,
        };
        for _ in 0..LOCK_TRIES {
            if file.try_lock()? {
                return Ok(file);
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        let why = format!("another gate writes to {} all the time", self.folder.display());
        Err(io::Error::new(io::ErrorKind::WouldBlock, why))
    }
}

/// A number that is taken.
struct Number {
    number: u64,
    has_record: bool,
}

fn text_name(number: u64) -> String {
    format!("{number:06}.toml")
}

fn record_name(number: u64) -> String {
    format!("{number:06}.json")
}
