//! `portcullis why`: the last decisions about something, for the help desk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use ledger::Reader;
use serde_json::json;
use world::OsDisk;

use super::{queue, say, say_aside};
use crate::control::{self, AskError, Asked};
use crate::why::{self, Account};

/// Arguments of `why`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Tell the last decisions about something, each with its reason, what was answered and what to do next: \
        for the help desk.\n\nABOUT is the id at the end of a reply, the IP address of a machine, the address of a \
        sender or recipient, or the name of a grant or login. Of a refusal it is also told whether the rules that serve \
        now would decide the same.\n\nAsks the running gateway; where none runs, the ledger's files alone are read. \
        Status 0: told. Status 1: nothing is known of it.",
    after_help = "Examples:\n  portcullis why 10.20.3.14\n  portcullis why scan-3f@chem.example.edu --last 3\n  \
        portcullis why 06M3K8FQ2XRA"
)]
pub struct Args {
    /// An id, an IP address, a mail address, a grant or a login.
    #[arg(value_name = "ABOUT")]
    pub about: String,
    /// How many decisions, at most 1000.
    #[arg(long, value_name = "N", default_value_t = why::LAST_DEFAULT)]
    pub last: usize,
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// The ledger's folder, in place of the configuration's, when no gateway runs.
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Tells it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match find(&args)? {
        Ok(account) if args.json => Ok(say(&format!("{:#}\n", serde_json::to_value(&account)?))),
        Ok(account) => Ok(say(&account.to_string())),
        Err(why) => {
            if args.json {
                say(&format!("{:#}\n", json!({ "error": why })));
            } else {
                say_aside(&format!("portcullis: {why}\n"));
            }
            Ok(ExitCode::from(1))
        }
    }
}

/// The account; in the inner error, why there is none.
fn find(args: &Args) -> anyhow::Result<Result<Account, String>> {
    if let Some(folder) = &args.ledger {
        folder
            .read_dir()
            .with_context(|| format!("the ledger in {} cannot be read", folder.display()))?;
        return Ok(from_files(folder, args));
    }
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => queue::socket_of(&args.config)?,
    };
    let asked = Asked::Why {
        about: args.about.clone(),
        last: Some(args.last),
    };
    match control::ask(&socket, asked) {
        Ok(answer) => Ok(Ok(serde_json::from_value(answer.done)?)),
        Err(AskError::Refused(why)) => Ok(Err(why)),
        Err(why @ AskError::Nobody(_)) if args.socket.is_none() => {
            if !args.json {
                say_aside(&format!("{why}\nTold from the ledger's files alone.\n"));
            }
            Ok(from_files(&queue::config_of(&args.config)?.ledger.dir, args))
        }
        Err(why) => Err(why.into()),
    }
}

fn from_files(folder: &Path, args: &Args) -> Result<Account, String> {
    why::account(&Reader::new(Arc::new(OsDisk), folder), &args.about, args.last, None)
}
