//! `portcullis upgrade`: the running gate starts its successor.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{queue, say, say_aside};
use crate::control::{self, AskError, Asked};

/// Arguments of `upgrade`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let another program take over from the gate that runs, without a refused connection: a new version, \
        or the same one with settings that are read at the start alone.\n\nThe running gate starts the program that \
        now lies where it was started from itself (or --binary), as its own user, with its own configuration. That one \
        takes the listening sockets, opens everything, and serves; only then does the former accept nobody any more. Its \
        sessions go on until they end, for the time of --grace at most, then end as at a stop. What it still has in the \
        queue is taken over when it is gone.\n\nStatus 0: the new gate serves. Status 1: it could not; the one that \
        runs goes on as if nothing had been, and the reason is said. Status 2: it could not be tried.",
    after_help = "Example:\n  portcullis upgrade --binary /opt/portcullis-0.2/portcullis --grace 1m"
)]
pub struct Args {
    /// The configuration file; it says where the running gate is reached.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// The program to start, in place of the one that lies where the running one was started from.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// How long sessions that are open may go on.
    #[arg(long, value_name = "DURATION", value_parser = queue::duration, default_value = "5m")]
    pub grace: Duration,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Asks for a successor.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => queue::socket_of(&args.config)?,
    };
    let binary = args.binary.map(std::path::absolute).transpose()?;
    let asked = Asked::Upgrade {
        binary,
        grace_secs: args.grace.as_secs(),
    };
    match control::ask(&socket, asked) {
        Ok(answer) => {
            let text = if args.json {
                format!("{:#}\n", answer.done)
            } else {
                said(&answer.done, args.grace)
            };
            Ok(say(&text))
        }
        Err(AskError::Refused(why)) => {
            if args.json {
                say(&format!("{:#}\n", json!({ "error": why })));
            } else {
                say_aside(&format!(
                    "portcullis: the new gate does not serve: {why}\nThe gate that runs goes on as before.\n"
                ));
            }
            Ok(ExitCode::from(1))
        }
        Err(error) => Err(error).context("no successor was asked for"),
    }
}

fn said(done: &Value, grace: Duration) -> String {
    let field = |name| {
        done.get(name)
            .map(|value| value.to_string().replace('"', ""))
            .unwrap_or_default()
    };
    format!(
        "Version {} serves as process {}. The former gate ends with its last session, in {} s at the latest.\n",
        field("version"),
        field("pid"),
        grace.as_secs()
    )
}
