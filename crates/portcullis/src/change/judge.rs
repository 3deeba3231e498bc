//! The one step between reading a configuration and serving it.

use std::time::{Duration, Instant};

use mail::Timestamp;
use policy::diff::{Diff, diff};
use policy::prove::{Proof, prove, prove_change};
use policy::{Conflict, Generation, Snapshot};

use super::proofs::{self, Proofs, Remembered};
use super::told;
use crate::config::{Change, Config};

/// What served before.
#[derive(Clone, Copy, Debug)]
pub enum Former<'a> {
    /// Nothing did: this is the first start, and nobody loses or wins by it.
    Nothing,
    /// This did.
    Served {
        /// As judgement reads it.
        snapshot: &'a Snapshot,
        /// Who answered for it.
        change: Option<&'a Change>,
        /// Whether this engine has proven it.
        proven: bool,
    },
    /// Something did that this program cannot read any more, for this reason. What it allowed is unknown, so that
    /// whatever comes may be wider.
    Unreadable(&'a str),
}

/// What is to serve.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    /// The file, as messages call it.
    pub name: &'a str,
    /// What it means.
    pub config: &'a Config,
    /// Who answers for the change. Usually what the file says; a rollback brings its own.
    pub change: Option<&'a Change>,
}

/// How it is known that a configuration holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It was proven now, as a whole or on top of what served.
    Now(Proof, Duration),
    /// This engine has proven the same declarations before.
    Before(Remembered),
}

/// A configuration that may serve.
#[derive(Debug)]
pub struct Passed {
    /// The configuration, which says now since when its ends are measured.
    pub config: Config,
    /// How that is known.
    pub proven: Proven,
    /// What it changes; `None` where nothing is known of what served before.
    pub diff: Option<Diff>,
    /// The digest of its declarations.
    pub(super) digest: String,
}

impl Passed {
    /// What is remembered of the proof.
    #[must_use]
    pub fn remember(&self, now: Timestamp) -> Remembered {
        match &self.proven {
            Proven::Before(remembered) => remembered.clone(),
            Proven::Now(proof, took) => Remembered {
                engine: policy::ENGINE.to_owned(),
                written: self.config.rulebook.intent.bounds.written.unwrap_or_default(),
                proven: now,
                cells: proof.cells,
                partial: proof.partial,
                properties: proof.properties.len(),
                findings: proof.broken().count(),
                millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            },
        }
    }

    /// The digest of its declarations, by which its proof is found again.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Why a configuration does not serve. Its words are for operators.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its declarations exclude each other.
    #[error("{0}")]
    Contradicts(String),
    /// A blocking property is broken.
    #[error("{}", told::broken(file, proof, *took))]
    Broken {
        /// The file, as messages call it.
        file: String,
        /// What was found.
        proof: Box<Proof>,
        /// How long it took.
        took: Duration,
    },
    /// It lets in what was refused before, and nobody answers for that.
    #[error("{}", told::widens(file, diff, change.as_ref()))]
    Widens {
        /// The file, as messages call it.
        file: String,
        /// What it changes.
        diff: Box<Diff>,
        /// Who answered for what served before, where the file still says just that.
        change: Option<Change>,
    },
    /// What served before cannot be compared with it, and nobody answers for that.
    #[error("{}", told::incomparable(why))]
    Incomparable {
        /// Why it cannot be compared.
        why: String,
    },
}

/// Judges what is to serve. `now` is when it was first shown, unless the same declarations have served before.
pub fn judge(former: Former<'_>, next: Next<'_>, proofs: &Proofs, now: Timestamp) -> Result<Passed, Refused> {
    let mut config = next.config.clone();
    let digest = proofs::digest(&config.rulebook);
    let known = proofs.find(&digest);
    let written = known.as_ref().map_or(now, |known| known.written);
    config.rulebook.intent.bounds.written = Some(written);
    let snapshot = config.snapshot(Generation(0)).map_err(|all| contradiction(&all))?;
    let proven = match known.filter(|known| known.engine == policy::ENGINE) {
        Some(known) => Proven::Before(known),
        None => proven_now(former, next, &snapshot, now)?,
    };
    let diff = compare(former, next, &snapshot)?;
    Ok(Passed {
        config,
        proven,
        diff,
        digest,
    })
}

fn contradiction(conflicts: &[Conflict]) -> Refused {
    let all: Vec<&str> = conflicts.iter().map(|conflict| conflict.what.as_str()).collect();
    Refused::Contradicts(all.join("\n"))
}

fn proven_now(former: Former<'_>, next: Next<'_>, snapshot: &Snapshot, now: Timestamp) -> Result<Proven, Refused> {
    let begun = Instant::now();
    let change = match former {
        Former::Served {
            snapshot: before,
            proven: true,
            ..
        } => prove_change(before, snapshot, Some(now)),
        _ => None,
    };
    let proof = change.unwrap_or_else(|| prove(snapshot, Some(now)));
    let took = begun.elapsed();
    if proof.may_serve() {
        return Ok(Proven::Now(proof, took));
    }
    Err(Refused::Broken {
        file: next.name.to_owned(),
        proof: Box::new(proof),
        took,
    })
}

/// A widening needs somebody who answers for it, and for this one: what was said of the former change does not count.
fn compare(former: Former<'_>, next: Next<'_>, snapshot: &Snapshot) -> Result<Option<Diff>, Refused> {
    match former {
        Former::Nothing => Ok(None),
        Former::Unreadable(_) if next.change.is_some() => Ok(None),
        Former::Unreadable(why) => Err(Refused::Incomparable { why: why.to_owned() }),
        Former::Served {
            snapshot: before,
            change: answered,
            ..
        } => {
            let diff = diff(before, snapshot);
            let fresh = next.change.is_some() && next.change != answered;
            if fresh || !diff.widens() {
                return Ok(Some(diff));
            }
            Err(Refused::Widens {
                file: next.name.to_owned(),
                diff: Box::new(diff),
                change: next.change.cloned(),
            })
        }
    }
}
