//! Where the generations of a gate lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use world::OsDisk;

use crate::change::{self, Proofs, Served};
use crate::commands::{ConfigFile, queue};
use crate::generations::Generations;

/// Which gate is meant.
#[derive(Clone, Debug, clap::Args)]
pub struct Gate {
    /// The configuration file; it says where the spool is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The spool's folder, in place of the configuration's: the generations lie in it.
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
}

impl Gate {
    /// Its spool. A configuration with errors may say it all the same: then it is asked for most.
    pub(super) fn spool(&self) -> anyhow::Result<PathBuf> {
        if let Some(spool) = &self.spool {
            return Ok(spool.clone());
        }
        match queue::config_of(&self.config) {
            Ok(config) => Ok(config.spool.dir),
            Err(why) => as_written(&self.config.path)
                .ok_or(why)
                .with_context(|| "where the generations lie is not known; --spool names the spool's folder".to_owned()),
        }
    }

    /// Its generations.
    pub(in crate::commands) fn generations(&self) -> anyhow::Result<Generations> {
        let spool = self.spool()?;
        std::fs::metadata(&spool).with_context(|| format!("the spool in {} cannot be read", spool.display()))?;
        Ok(Generations::of_spool(Arc::new(OsDisk), &spool))
    }
}

impl Gate {
    /// What a generation allowed.
    pub(in crate::commands) fn served(&self, generations: &Generations, number: u64) -> anyhow::Result<Served> {
        let proofs = Proofs::at(change::folder(&self.spool()?).join("proofs"));
        Ok(Served::generation(generations, number, &proofs))
    }
}

/// `[spool] dir` of a file that has errors elsewhere.
fn as_written(path: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let dir = table.get("spool")?.get("dir")?.as_str()?;
    Some(std::path::absolute(path).ok()?.parent()?.join(dir))
}
