//! `portcullis shadow`: lets a configuration decide beside the one that serves, and tells where it would have decided
//! otherwise.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::asking::Asking;
use super::{queue, say, say_aside};
use crate::control::Asked;
use crate::shadow::Report;

/// Arguments of `shadow`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let a configuration decide beside the one that serves, and count where it would have decided \
        otherwise.\n\nThe running gate decides each message that it accepts or refuses once more, by the other \
        configuration, from the same facts. Nothing it says reaches anybody's mail: no verdict, no answer, no record of the \
        queue. Where it falls behind it leaves records out and counts them. It goes on over reloads, restarts and upgrades, \
        and ends by itself.\n\nA change that nobody dares to make is tried so for a week: what would be newly let in, and \
        whose mail would be refused, with examples that `portcullis why` explains.",
    after_help = "Example:\n  portcullis shadow start portcullis-next.toml --for 7d --reason 'CHG-2042'\n  \
        portcullis shadow status\n  portcullis shadow stop"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Let a configuration decide beside the one that serves
    #[command(
        long_about = "Let a configuration decide beside the one that serves.\n\nThe gate reads the file, so it needs the \
            right to. A file with errors is refused with the words of `portcullis check`; properties it breaks are told and \
            hinder nobody, for it decides nothing. What was read is kept: a file that changes later changes nothing.\n\n\
            Status 0: it decides. Status 1: refused. Status 2: it could not be tried."
    )]
    Start(StartArgs),
    /// Tell what it counted so far, and what to do next
    #[command(
        long_about = "Tell what the shadow that is on, or was on last, has counted: decisions that agree; mail that was \
            refused and would have been taken or let on; mail that was taken and would have been refused; what would have \
            been treated otherwise; by grant, sender and listener, with the last examples.\n\nStatus 0: nothing differs. \
            Status 1: something does. Status 2: no gate runs, or there never was a shadow."
    )]
    Status(Asking),
    /// End it, and tell what it counted
    #[command(
        long_about = "End the shadow that is on, and tell what it counted.\n\nStatus 0: ended. Status 1: none is on. \
            Status 2: it could not be tried."
    )]
    Stop(StopArgs),
}

#[derive(Debug, clap::Args)]
struct StartArgs {
    /// The configuration to decide by.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How long.
    #[arg(long = "for", value_name = "DURATION", value_parser = queue::duration, default_value = "7d")]
    lasting: Duration,
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    ask: Asking,
}

#[derive(Debug, clap::Args)]
struct StopArgs {
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    ask: Asking,
}

/// Runs what it says.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Start(args) => start(args),
        Command::Status(args) => status(&args),
        Command::Stop(args) => stop(args),
    }
}

fn start(args: StartArgs) -> anyhow::Result<ExitCode> {
    let StartArgs {
        file,
        lasting,
        reason,
        ask,
    } = args;
    let found = std::fs::canonicalize(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let asked = Asked::ShadowStart {
        file: found,
        for_secs: lasting.as_secs(),
        reason,
    };
    let Some(done) = ask.ask(asked)? else {
        return Ok(ExitCode::from(1));
    };
    if ask.json {
        return Ok(say(&format!("{done:#}\n")));
    }
    let word = |key: &str| done.get(key).and_then(Value::as_str).unwrap_or_default();
    if !word("broken").is_empty() {
        say(&format!(
            "{}\nThat is no obstacle: it decides nothing.\n",
            word("broken")
        ));
    }
    Ok(say(&format!(
        "{} decides beside generation {} until {}. No mail is treated otherwise; `portcullis shadow status` tells what \
         differs.\n",
        word("file"),
        done.get("generation").unwrap_or(&Value::Null),
        word("until"),
    )))
}

fn status(ask: &Asking) -> anyhow::Result<ExitCode> {
    let done = ask.ask(Asked::ShadowStatus)?;
    match done {
        None => Ok(ExitCode::from(2)),
        Some(Value::Null) => {
            if ask.json {
                say("null\n");
            } else {
                say_aside("portcullis: there never was a shadow here; `portcullis shadow start FILE` starts one\n");
            }
            Ok(ExitCode::from(2))
        }
        Some(done) => {
            let report = tell(&done, ask.json)?;
            Ok(ExitCode::from(u8::from(report.kept.counts.differ.all() > 0)))
        }
    }
}

fn stop(args: StopArgs) -> anyhow::Result<ExitCode> {
    let asked = Asked::ShadowStop { reason: args.reason };
    let Some(done) = args.ask.ask(asked)? else {
        return Ok(ExitCode::from(1));
    };
    tell(&done, args.ask.json)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(done: &Value, as_json: bool) -> anyhow::Result<Report> {
    let report: Report = serde_json::from_value(done.clone()).context("the gate's answer is of another version")?;
    say(&if as_json {
        format!("{done:#}\n")
    } else {
        report.to_string()
    });
    Ok(report)
}
