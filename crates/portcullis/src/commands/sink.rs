//! `portcullis sink`: takes every message and writes it to a folder.

use std::process::ExitCode;

/// Arguments of `sink`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1025")]
    pub listen: std::net::SocketAddr,
    /// Where messages go: one file with the raw octets, and its envelope as JSON beside it.
    #[arg(long, value_name = "DIR")]
    pub dir: std::path::PathBuf,
}

/// Takes mail.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
