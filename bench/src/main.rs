//! `portcullis-bench`: what `make bench` runs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bench::gate;
use bench::machine;
use bench::network::{self, Network};
use bench::report::{self, Measured};
use bench::rig::Rig;
use bench::runs::{self, Extent};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Measures Portcullis beside Postfix and the roof.
#[derive(Debug, clap::Parser)]
struct Args {
    /// Only the rows whose names match this expression.
    #[arg(long, env = "ONLY", default_value = "")]
    only: String,
    /// Rounds per row.
    #[arg(long, env = "RUNS", default_value_t = 5)]
    runs: usize,
    /// How long a run of a throughput row should last.
    #[arg(long, env = "SECONDS_PER_RUN", default_value_t = 3.0)]
    seconds: f64,
    /// A part of the idle sessions, of the queue and of the grants.
    #[arg(long, env = "SCALE", default_value_t = 1.0)]
    scale: f64,
    /// One short round of everything, to see that it works; the numbers mean nothing.
    #[arg(long)]
    quick: bool,
    /// The Portcullis to measure. Default: the one built beside this program.
    #[arg(long, value_name = "FILE")]
    portcullis: Option<PathBuf>,
    /// Where folders and results go. Default: the folder that cargo builds into.
    #[arg(long, value_name = "DIR")]
    target: Option<PathBuf>,
    #[command(subcommand)]
    own: Option<Own>,
}

#[derive(Debug, clap::Subcommand)]
enum Own {
    /// A gate of the rooms themselves, for the row of what recording costs
    #[command(hide = true)]
    Gate(gate::Args),
}

/// As the product has it: what is measured in process is measured with the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(Own::Gate(args)) = &args.own {
        gate::serve(args)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !rustix::process::geteuid().is_root() {
        anyhow::bail!("the bench is run by root, as Postfix must be, and a network of its own");
    }
    let network = network::enter()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut hung_up = signal(SignalKind::hangup())?;
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Ok(interrupted()),
            _ = terminated.recv() => Ok(interrupted()),
            _ = hung_up.recv() => Ok(interrupted()),
            ended = bench(args, network) => ended,
        }
    });
    // A thread that is still at work for a run that was given up is not waited for.
    runtime.shutdown_background();
    ended
}

/// Whatever ran has been ended by then, and its folders are gone: that is how a run is given up.
fn interrupted() -> ExitCode {
    eprintln!("interrupted; servers are ended, folders removed");
    ExitCode::from(130)
}

async fn bench(args: Args, network: Network) -> anyhow::Result<ExitCode> {
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this program lies nowhere")?;
    let portcullis = args.portcullis.unwrap_or_else(|| beside.join("portcullis"));
    let target = match args.target {
        Some(target) => target,
        None => beside.parent().context("this program lies nowhere")?.to_owned(),
    };
    let only = regex_automata::meta::Regex::new(&args.only).context("ONLY is no regular expression")?;
    let extent = if args.quick {
        Extent {
            runs: 1,
            seconds: 0.2,
            scale: 0.01,
            only,
        }
    } else {
        Extent {
            runs: args.runs.max(1),
            seconds: args.seconds,
            scale: args.scale,
            only,
        }
    };
    let rig = Rig::new(&portcullis, &target, network)?;
    let about = about(&rig, &extent, &target);
    raise_files()?;
    let measured = runs::all(&rig, &extent).await;
    drop(rig);
    if measured.is_empty() {
        anyhow::bail!("no row matches {:?}", args.only);
    }
    tell(&measured, &about, &target)
}

/// What the numbers were measured on, and how.
fn about(rig: &Rig, extent: &Extent, target: &Path) -> String {
    let load = match rig.network {
        Network::Own => "smtp-source",
        Network::Shared => "our own generator, as no network of the bench's own is permitted here",
    };
    format!(
        "{}: {}; Postfix {}, runs: {}, load by {load}",
        machine::today(),
        machine::describe(target),
        rig.postfix.version(),
        extent.runs
    )
}

/// Ten thousand sessions are as many open files, here and at the server.
fn raise_files() -> anyhow::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?)
}

fn tell(measured: &[Measured], about: &str, target: &Path) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(report::table(measured, about).as_bytes())?;
    std::fs::write(target.join("bench.json"), report::json(measured))?;
    std::fs::write(target.join("bench.md"), report::markdown(measured, about))?;
    eprintln!("\nwritten to {0}/bench.json and {0}/bench.md", target.display());
    let failed: Vec<&str> = measured
        .iter()
        .filter(|row| !row.counts())
        .map(|row| row.work)
        .collect();
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("FAILED: {}", failed.join(" "));
    Ok(ExitCode::FAILURE)
}
