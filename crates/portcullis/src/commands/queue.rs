//! `portcullis queue`: the queue, looked at and changed.

use std::process::ExitCode;

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Looks at the queue.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
