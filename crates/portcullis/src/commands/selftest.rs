//! `portcullis selftest`: tries to relay through the gate that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::{queue, say};
use crate::control::{self, Asked};
use crate::selftest::Report;

/// Arguments of `selftest`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let the running gate try to relay through each of its own listeners, as strangers do: from an address \
        that no exception names, without a login, in the forms relay testers know. It goes as far as RCPT and takes it \
        back; no message is left. In log and ledger it is known by its HELO, selftest.portcullis.invalid.\n\nThe gate \
        does the same at its start and behind every change.\n\nStatus 0: every attempt was refused, and every listener \
        lets its clients in. Status 1: something is wrong. Status 2: it could not be tried."
)]
pub struct Args {
    /// The configuration file; it says where the running gate is reached.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Asks for the test and tells what came of it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => queue::socket_of(&args.config)?,
    };
    let answer = control::ask(&socket, Asked::SelfTest)?;
    let report: Report =
        serde_json::from_value(answer.done.clone()).context("the gate's answer is of another version")?;
    say(&if args.json {
        format!("{:#}\n", answer.done)
    } else {
        report.to_string()
    });
    Ok(if report.is_green() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
