//! `portcullis serve`: the gate itself.

use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use world::World;

use crate::config::{self, Machine};
use crate::gateway::{Gateway, Setting, Writers, resolver};
use crate::journal::Journal;
use crate::signals::{Asked, Ear};
use crate::troubles;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Open the gate: listen, judge, keep, deliver.\n\nA configuration with errors does not start; \
    `portcullis check` says what they are. SIGHUP reads the file again, as a whole or not at all, without dropping \
    sessions. SIGTERM lets running transactions finish, then stops; what is queued stays on disk."
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
}

/// Opens the gate.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(serve(args))
}

/// Raises the number of files and connections we may hold open to what the system allows us. What is usual, 1,024, is
/// meant for programs with few.
fn allow_many_connections() {
    let bound = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: bound.maximum,
        ..bound
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(event = "gate.few_connections", %error, most = bound.current, "no more files can be open");
    }
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let file = std::path::absolute(&args.config.path)?;
    let world = World::real();
    let machine = Machine::look(mail::Timestamp(world.clock.wall()));
    let reading =
        config::load(&file, &machine).with_context(|| format!("{} cannot be read", args.config.path.display()))?;
    super::say_aside(&reading.report.render());
    let Some(config) = reading.config else {
        return Ok(ExitCode::FAILURE);
    };
    let journal = Journal::new(config.log.format, config.hostname.as_str(), std::io::stdout())?;
    troubles::into_journal(journal.clone(), world.clock.clone(), config.log.level);
    allow_many_connections();
    let mut ear = Ear::new()?;
    let setting = Setting {
        resolver: resolver(&config.dns, &world)?,
        journal,
        writers: Writers::Threads,
        file: Some(file),
        world,
    };
    let gateway = Gateway::start(config, setting).await?;
    for (listener, addresses) in gateway.addresses() {
        for address in addresses {
            tracing::info!(event = "listener.open", %listener, %address, "the gate is open");
        }
    }
    loop {
        match ear.hear().await {
            Asked::End => break,
            // A refusal is told where it happens.
            Asked::Reload => {
                if let Ok(done) = gateway.reload().await {
                    tracing::info!(event = "config.reloaded", done);
                }
            }
        }
    }
    tracing::info!(
        event = "gate.closing",
        "sessions finish their message; what is queued stays on disk"
    );
    gateway.stop().await;
    Ok(ExitCode::SUCCESS)
}
