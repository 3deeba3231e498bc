//! Judges changes against what lies in the state folder, and keeps there what has served.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mail::Timestamp;
use parking_lot::Mutex;
use policy::Snapshot;
use world::OsDisk;

use super::judge::{Former, Next, Passed, Refused, judge};
use super::proofs::Proofs;
use super::served::Served;
use crate::config::{Change, Config};
use crate::generations::{Flows, Generations, What, Wish, Writing};

/// A configuration that passed, with the text it was read from.
#[derive(Debug)]
pub struct Decided {
    /// What passed.
    pub passed: Passed,
    /// The file it was read from.
    pub file: PathBuf,
    /// The text.
    pub text: String,
}

/// Stands between the file and the gate. All it does may take seconds and touches files: not for a runtime's workers.
#[derive(Debug)]
pub struct Keeper {
    generations: Generations,
    proofs: Proofs,
    /// Who answered for what serves now.
    answered: Mutex<Option<Change>>,
}

impl Keeper {
    /// The one of the gate with this queue.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let spool = &config.spool.dir;
        Self {
            proofs: Proofs::at(super::folder(spool).join("proofs")),
            generations: Generations::of_spool(Arc::new(OsDisk), spool),
            answered: Mutex::default(),
        }
    }

    /// What served so far.
    #[must_use]
    pub const fn generations(&self) -> &Generations {
        &self.generations
    }

    /// Judges what is to be started, against what served last.
    ///
    /// # Errors
    /// It may not serve.
    pub fn judge_start(&self, name: &str, config: &Config, text: &str, now: Timestamp) -> Result<Decided, Refused> {
        let served = Served::last(&self.generations, &self.proofs);
        self.judge(served.former(text), name, config, text, now)
    }

    /// Judges what is to be loaded, against what serves and was proven by this program.
    ///
    /// # Errors
    /// It may not serve.
    pub fn judge_reload(
        &self,
        live: &Snapshot,
        name: &str,
        config: &Config,
        text: &str,
        now: Timestamp,
    ) -> Result<Decided, Refused> {
        let answered = self.answered.lock().clone();
        let former = Former::Served {
            snapshot: live,
            change: answered.as_ref(),
            proven: true,
        };
        self.judge(former, name, config, text, now)
    }

    fn judge(
        &self,
        former: Former<'_>,
        name: &str,
        config: &Config,
        text: &str,
        now: Timestamp,
    ) -> Result<Decided, Refused> {
        let next = Next {
            name,
            config,
            change: config.change.as_ref(),
        };
        Ok(Decided {
            passed: judge(former, next, &self.proofs, now)?,
            file: name.into(),
            text: text.to_owned(),
        })
    }

    /// What a generation allowed, as far as this program reads it as the one did that served it.
    #[must_use]
    pub fn served(&self, number: u64) -> Served {
        Served::generation(&self.generations, number, &self.proofs)
    }

    /// Keeps what passed, before it serves; its number, which is above `above` or that of the same text that serves.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn keep(&self, decided: &Decided, wish: &Wish, above: u64, now: Timestamp) -> io::Result<u64> {
        let Decided { passed, file, text } = decided;
        let proof = passed.remember(now);
        self.proofs.keep(&passed.digest, &proof)?;
        let change = passed.config.change.as_ref();
        let writing = Writing {
            at: now,
            came: wish.came,
            author: change.map(|change| change.author.clone()),
            reason: change.map(|change| change.reason.clone()),
            file: Some(file.clone()),
            by: wish.by.clone(),
            rulebook: passed.config.hash,
            declarations: passed.digest.clone(),
            flows: passed.diff.as_ref().map(Flows::of),
            proof,
            program: crate::version::version().to_owned(),
        };
        self.generations.keep(&writing, text, above)
    }

    /// Notes that it serves from now on, under this number.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn serves(&self, decided: &Decided, number: u64, now: Timestamp) -> io::Result<()> {
        self.answered.lock().clone_from(&decided.passed.config.change);
        self.generations.note(number, now, What::Serves)
    }
}
