//! `portcullis send`: one message, as a client would.

use std::process::ExitCode;

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server, as host:port.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: String,
    /// The envelope sender.
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// A recipient; may be said several times.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
}

/// Sends one message.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
