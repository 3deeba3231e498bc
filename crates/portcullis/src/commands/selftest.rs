//! `portcullis selftest`: tries to relay through the gate that runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use world::World;

use super::{queue, runtime, say};
use crate::config::{self, Machine};
use crate::control::{self, Asked};
use crate::selftest::{self, Door, Report};

/// Arguments of `selftest`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let the running gate try to relay through each of its own listeners, as strangers do: from an address \
        that no exception names, without a login, in the forms relay testers know. It goes as far as RCPT and takes it \
        back; no message is left. In log and ledger it is known by its HELO, selftest.portcullis.invalid.\n\nThe gate \
        does the same at its start and behind every change.\n\nWith --at this command itself tries one listener, from where \
        it runs: another machine, or a network namespace of this one. There it is told apart by nothing but its address, so \
        choose one that may not send.\n\nStatus 0: every attempt was refused, and every listener \
        lets its clients in. Status 1: something is wrong. Status 2: it could not be tried.",
    after_help = "Examples:\n  portcullis selftest\n  \
        ip netns exec guests portcullis selftest --at 10.20.0.25:25"
)]
pub struct Args {
    /// The configuration file; it says where the running gate is reached.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// Try the listener at this address from here, in place of asking the gate to try all from loopback.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "socket")]
    pub at: Option<SocketAddr>,
    /// TLS comes first there.
    #[arg(long, requires = "at")]
    pub tls: bool,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Asks for the test, or makes it, and tells what came of it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let report = match args.at {
        Some(at) => from_here(&args, at)?,
        None => ask(&args)?,
    };
    say(&if args.json {
        format!("{:#}\n", serde_json::to_value(&report)?)
    } else {
        report.to_string()
    });
    Ok(if report.is_green() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn ask(args: &Args) -> anyhow::Result<Report> {
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => queue::socket_of(&args.config)?,
    };
    let answer = control::ask(&socket, Asked::SelfTest)?;
    serde_json::from_value(answer.done).context("the gate's answer is of another version")
}

fn from_here(args: &Args, at: SocketAddr) -> anyhow::Result<Report> {
    let path = &args.config.path;
    // It says what is ours. That it has errors where this runs, where other addresses are the gate's own, is no obstacle.
    let reading = config::load_as_written(path, &Machine::default())
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let config = reading
        .config
        .with_context(|| format!("{} is not understood; `portcullis check` says why", path.display()))?;
    let door = Door {
        name: "from-here".into(),
        address: at,
        implicit_tls: args.tls,
        proxies: Vec::new(),
    };
    let world = World::real();
    let test = selftest::run_from_here(&world, &config.rulebook, door);
    Ok(runtime()?.block_on(test))
}
