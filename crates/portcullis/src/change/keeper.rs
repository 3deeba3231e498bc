//! Judges changes against what lies in the state folder, and keeps there what has served.

use std::io;
use std::path::PathBuf;

use mail::Timestamp;
use parking_lot::Mutex;
use policy::Snapshot;

use super::judge::{Former, Next, Passed, Refused, judge};
use super::proofs::Proofs;
use super::served::Served;
use crate::config::{Change, Config};

/// A configuration that passed, with the text it was read from.
#[derive(Debug)]
pub struct Decided {
    /// What passed.
    pub passed: Passed,
    /// The text.
    pub text: String,
}

/// Stands between the file and the gate. All it does may take seconds and touches files: not for a runtime's workers.
#[derive(Debug)]
pub struct Keeper {
    folder: PathBuf,
    proofs: Proofs,
    /// Who answered for what serves now.
    answered: Mutex<Option<Change>>,
}

impl Keeper {
    /// The one of the gate with this queue.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let folder = super::folder(&config.spool.dir);
        Self {
            proofs: Proofs::at(folder.join("proofs")),
            folder,
            answered: Mutex::default(),
        }
    }

    /// Judges what is to be started, against what served last.
    ///
    /// # Errors
    /// It may not serve.
    pub fn judge_start(&self, name: &str, config: &Config, text: &str, now: Timestamp) -> Result<Decided, Refused> {
        let served = Served::last(&self.folder, &self.proofs);
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
            text: text.to_owned(),
        })
    }

    /// Notes that it serves from now on.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn serves(&self, decided: &Decided, now: Timestamp) -> io::Result<()> {
        let passed = &decided.passed;
        self.answered.lock().clone_from(&passed.config.change);
        self.proofs.keep(&passed.digest, &passed.remember(now))?;
        Served::note(&self.folder, &decided.text, &passed.digest)
    }
}
