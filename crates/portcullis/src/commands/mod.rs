//! The commands of `portcullis`, one file each: a struct of arguments and `run`.
//!
//! `run` answers with an exit status: 0 done, 1 the answer is no (a configuration with errors, a refusal explained, a
//! message lost), 2 it could not be tried. Errors are printed here and nowhere else.

pub mod access;
mod asking;
pub mod check;
pub mod config;
pub mod demo;
pub mod diff;
pub mod explain;
pub mod ledger;
pub mod logins;
mod password;
pub mod prove;
pub mod queue;
pub mod replay;
pub mod selftest;
pub mod send;
pub mod serve;
pub mod shadow;
pub mod side;
pub mod sink;
pub mod trace;
pub mod upgrade;
pub mod why;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::LogLevel;
use crate::troubles;

/// Where the configuration is looked for unless it is named.
pub const CONFIG_PATH: &str = "/etc/portcullis/portcullis.toml";

/// The mail gate of an organisation.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version = crate::version::version(),
    about,
    long_about = "The mail gate of an organisation: what comes in is questioned, judged, kept safe and sent on.\n\n\
        Nobody relays without a grant: an owner, a purpose, a scope, limits and an end date. A message that was \
        answered with 250 is on disk. Every refusal says why and what to do next.",
    after_help = "First steps:\n  \
        portcullis demo --once                      see a whole small organisation at work\n  \
        portcullis config example > portcullis.toml write a configuration\n  \
        portcullis check --config portcullis.toml   everything that is wrong with it, at once\n  \
        portcullis prove --config portcullis.toml   whether it relays for anybody it should not\n  \
        portcullis serve --config portcullis.toml   open the gate"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    // `about`, not a doc comment: that would clear the long help which the arguments bring along.
    #[command(about = "Open the gate: listen, judge, keep, deliver")]
    Serve(serve::Args),
    #[command(about = "Say everything that is wrong with a configuration, at once")]
    Check(check::Args),
    #[command(about = "Prove what is true of every message under a configuration, or show one for which it is not")]
    Prove(prove::Args),
    #[command(about = "Say what a change makes possible, and what impossible")]
    Diff(diff::Args),
    #[command(about = "Run a complete small organisation on loopback, with nothing to install")]
    Demo(demo::Args),
    #[command(about = "Send one message to a server, as a client would")]
    Send(send::Args),
    #[command(about = "Take every message and write it to a folder: the outside world of demos and tests")]
    Sink(sink::Args),
    #[command(about = "Ask what would become of a message, and why")]
    Explain(explain::Args),
    #[command(about = "Decide what happened again, by another configuration: whose mail would have met another fate")]
    Replay(replay::Args),
    #[command(about = "Let a configuration decide beside the one that serves, and tell what would differ")]
    Shadow(shadow::Args),
    #[command(about = "Look at the queue, and move, hold or remove what is in it")]
    Queue(queue::Args),
    #[command(about = "Tell the story of one message, session or refusal")]
    Trace(trace::Args),
    #[command(about = "Tell the last decisions about a machine, a person, a grant or a message, and what to do next")]
    Why(why::Args),
    #[command(about = "Who may relay: ask for a grant, approve it, set it up, suspend it, end it")]
    Access(Box<access::Args>),
    #[command(about = "Tell which logins are kept out because somebody guesses, and let them in again")]
    Logins(logins::Args),
    #[command(about = "Let a new version take over from the gate that runs, without a refused connection")]
    Upgrade(upgrade::Args),
    #[command(about = "Try to relay through the gate that runs, as strangers do")]
    Selftest(selftest::Args),
    #[command(about = "Prove that the record of what was decided and delivered was not changed")]
    Ledger(ledger::Args),
    #[command(about = "Help with writing a configuration: an example, a schema for editors, fresh secrets")]
    Config(config::Args),
    #[command(about = "Print the JSON Schema of the configuration, as `config schema` does")]
    Schema,
}

/// The configuration file to work with.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", short = 'c', value_name = "FILE", default_value = CONFIG_PATH, env = "PORTCULLIS_CONFIG")]
    pub path: PathBuf,
}

/// Reads the command line and runs what it says.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Prove(args) => prove::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Send(args) => send::run(args),
        Command::Sink(args) => sink::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Shadow(args) => shadow::run(args),
        Command::Queue(args) => queue::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Why(args) => why::run(args),
        Command::Access(args) => access::run(*args),
        Command::Logins(args) => logins::run(args),
        Command::Upgrade(args) => upgrade::run(args),
        Command::Selftest(args) => selftest::run(args),
        Command::Ledger(args) => ledger::run(args),
        Command::Config(args) => config::run(args),
        Command::Schema => config::schema(),
    };
    result.unwrap_or_else(|why| {
        say_aside(&format!("portcullis: {why:#}\n"));
        ExitCode::from(2)
    })
}

/// Writes to standard output. A reader that has gone away (`| head`) is no failure of ours.
pub fn say(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

/// Writes to standard error.
pub fn say_aside(text: &str) {
    // Nowhere is left to tell that standard error is gone.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The runtime of commands that do more than read and write.
///
/// It has one thread fewer than there are cores, at least one: the spool's writer and the ledger's have threads of
/// their own (measured in `docs/performance.md`).
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()
}

/// Writes what goes wrong on our side to standard error, for people who watch a command at work.
pub(crate) fn show_troubles() {
    let writer = tracing_subscriber::fmt()
        .with_env_filter(troubles::wanted(LogLevel::Warn))
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // Somebody who set up a subscriber before us wants to hear it their way.
    let _ = writer.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
