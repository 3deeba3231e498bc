//! `portcullis serve`: the gate itself.

use std::process::ExitCode;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Open the gate: listen, judge, keep, deliver.\n\nA configuration with errors does not start; \
    `portcullis check` says what they are. SIGHUP reads the file again, as a whole or not at all, without dropping \
    sessions. SIGTERM lets running transactions finish, then stops; what is queued stays on disk."
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
}

/// Opens the gate.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
