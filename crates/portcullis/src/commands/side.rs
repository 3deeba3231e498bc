//! What is compared: a file, or a generation that has served.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use policy::{Generation, Snapshot};

use super::config::found::Gate;
use super::say_aside;
use crate::change::Served;
use crate::config::{self, Machine};

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// The generation of this number.
    Generation(u64),
    /// What stands in this file.
    File(PathBuf),
}

impl FromStr for Side {
    type Err = std::convert::Infallible;

    /// Digits alone are a generation; a file of such a name is written `./3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Generation))
    }
}

impl Side {
    /// What to call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Generation(number) => format!("generation {number}"),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// What judgement reads in it: of a generation as it read it when it served, of a file wise or not.
    pub(super) fn snapshot(&self, gate: &Gate) -> anyhow::Result<Box<Snapshot>> {
        match self {
            Self::Generation(number) => of_generation(*number, gate),
            Self::File(path) => of_file(path).map(Box::new),
        }
    }
}

fn of_generation(number: u64, gate: &Gate) -> anyhow::Result<Box<Snapshot>> {
    match gate.served(&gate.generations()?, number)? {
        Served::Read { snapshot, .. } => Ok(snapshot),
        Served::Nothing => bail!("there is no generation {number}"),
        Served::Unreadable { why, .. } => bail!("generation {number}: {why}"),
    }
}

fn of_file(path: &Path) -> anyhow::Result<Snapshot> {
    let now = crate::drill::now()?;
    let reading = config::load_as_written(path, &Machine::look(now))
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let built = reading.config.and_then(|config| config.snapshot(Generation(0)).ok());
    built.with_context(|| {
        say_aside(&reading.report.render());
        format!("{} is not understood; mend it and compare again", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_generation_and_everything_else_a_file() {
        let read = |text: &str| text.parse::<Side>().unwrap();
        assert_eq!(read("41"), Side::Generation(41));
        for file in ["./41", "41.toml", "next", "-1"] {
            assert_eq!(read(file), Side::File(file.into()));
        }
    }
}
