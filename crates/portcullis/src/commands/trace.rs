//! `portcullis trace`: the story of one message.

use std::process::ExitCode;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The id of a message, a session or a refusal, as replies and logs write it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Tells the story.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
