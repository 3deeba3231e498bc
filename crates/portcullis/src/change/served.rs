//! What served, read again as judgement read it then.

use std::path::Path;

use mail::Domain;
use policy::{Generation, Snapshot};

use super::judge::Former;
use super::proofs::{self, Proofs};
use crate::config::{self, Change, Machine};
use crate::generations::{Generations, Last};

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

impl Served {
    /// The generation that served last.
    #[must_use]
    pub fn last(generations: &Generations, proofs: &Proofs) -> Self {
        match generations.last() {
            Last::Nothing => Self::Nothing,
            Last::Read(record, text) => Self::read(text, &record.written.declarations, proofs),
            Last::Unreadable { why, text } => Self::unreadable(why, text),
        }
    }

    /// The generation of this number.
    #[must_use]
    pub fn generation(generations: &Generations, number: u64, proofs: &Proofs) -> Self {
        let found = generations
            .record(number)
            .and_then(|record| Ok((record, generations.text(number)?)));
        match found {
            Ok((record, text)) => Self::read(text, &record.written.declarations, proofs),
            Err(why) => Self::unreadable(why.to_string(), None),
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
}
