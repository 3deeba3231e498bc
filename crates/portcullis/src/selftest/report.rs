//! What the self-test found.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ledger::{SelfTested, Words};
use policy::{Generation, Name};
use serde::{Deserialize, Serialize};

/// Findings of a kind that the ledger keeps; the history has all.
const TOLD_MAX: usize = 100;

/// What is wrong at a door.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// A stranger may relay.
    Relays {
        /// What was said.
        form: String,
        /// What the door answered.
        said: String,
    },
    /// Nobody gets in, for this reason.
    Fails(String),
}

/// A finding and where it was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Found {
    /// The listener.
    pub listener: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// What is wrong.
    pub what: Finding,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listener,
            address,
            what,
        } = self;
        match what {
            Finding::Relays { form, said } => {
                write!(
                    f,
                    "listener {listener} at {address} relays for strangers: {form} was answered {said:?}"
                )
            }
            Finding::Fails(why) => write!(f, "listener {listener} at {address} lets nobody in: {why}"),
        }
    }
}

/// What came of a self-test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What could not be tried, in words.
    pub missed: Vec<String>,
    /// Doors that were tried.
    pub doors: usize,
    /// Attempts that were refused.
    pub refused: usize,
    /// Attempts that were put off with a code that says: later. They were not let through, and show no more than that.
    pub put_off: usize,
    /// How long it took.
    #[serde(rename = "took_ms", with = "millis")]
    pub took: Duration,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.found.is_empty()
    }

    /// As the ledger keeps it: `after` is what the test followed on, `done` what was done about what it found.
    #[must_use]
    pub fn testimony(&self, generation: Generation, after: &str, done: Option<&str>) -> SelfTested {
        let relayed = self
            .found
            .iter()
            .filter(|one| matches!(one.what, Finding::Relays { .. }));
        SelfTested {
            generation: generation.0,
            green: self.is_green(),
            after: Words::new(after),
            helo: Words::new(super::HELLO),
            listeners: self.doors as u64,
            tried: (self.refused + self.put_off + relayed.count()) as u64,
            refused: self.refused as u64,
            put_off: self.put_off as u64,
            red: self.found.iter().take(TOLD_MAX).map(Words::of).collect(),
            missed: self.missed.iter().take(TOLD_MAX).map(|why| Words::new(why)).collect(),
            done: done.map(Words::new),
            took_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn add(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.missed.append(&mut other.missed);
        self.doors += other.doors;
        self.refused += other.refused;
        self.put_off += other.put_off;
    }

    pub(super) fn sort(&mut self) {
        self.found.sort();
        self.missed.sort();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_green() { "ok" } else { "RED" };
        let doors = if self.doors == 1 { "listener" } else { "listeners" };
        write!(
            f,
            "{word}: {} attempts to relay at {} {doors} refused",
            self.refused, self.doors
        )?;
        if self.put_off > 0 {
            write!(f, ", {} put off", self.put_off)?;
        }
        writeln!(f, ", in {} ms", self.took.as_millis())?;
        for found in &self.found {
            writeln!(f, "  {found}")?;
        }
        for missed in &self.missed {
            writeln!(f, "  not tried: {missed}")?;
        }
        Ok(())
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
