//! `portcullis ledger`: the record itself, as a thing to be proven whole and kept in order.

mod hold;
mod index;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use super::{queue, say};

/// Arguments of `ledger`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Follow the chain of every writer and name the first link that does not hold
    #[command(
        long_about = "Follow the chain of every writer and name the first link that does not hold.\n\nEach line is \
            sealed with a hash that covers the line before, so a line that was changed, taken out or put in breaks the \
            chain there. A chain cut off at its very end, or written anew, cannot show that by itself: give the file to which \
            the gate writes anchors with --anchors, or keep the heads this prints somewhere else and give them back with \
            --head. The gate may run meanwhile.\n\nStatus 0: every link holds. Status 1: \
            one does not. Status 2: it cannot be read.",
        after_help = "Example:\n  portcullis ledger verify --anchors /mnt/audit/portcullis.anchors\n  portcullis ledger verify --head \
            gate:1042:9f2c...e1"
    )]
    Verify(verify::Args),
    /// Write the index of every closed file that has none that fits
    #[command(
        long_about = "Write the index of every closed file that has none that fits.\n\nThe index makes questions to a \
            long record quick; it is derived from the files, may be deleted at any time, and a running gate writes it by \
            itself. The gate may run meanwhile.\n\nStatus 0: every closed file has its index. Status 2: it cannot be \
            read or written.",
        after_help = "Example:\n  portcullis ledger index"
    )]
    Index(index::Args),
    /// Keep what the ledger says of somebody, however old it grows; say what is kept so; let it go
    Hold(hold::Args),
}

/// Where the ledger is.
#[derive(Debug, clap::Args)]
struct Folder {
    /// The configuration file.
    #[command(flatten)]
    config: super::ConfigFile,
    /// The ledger's folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

impl Folder {
    fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.ledger {
            Some(dir) => Ok(dir.clone()),
            None => Ok(queue::config_of(&self.config)?.ledger.dir),
        }
    }
}

/// Runs what it says.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Verify(args) => verify::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Hold(args) => hold::run(args),
    }
}
