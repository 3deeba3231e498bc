//! `portcullis replay`: what was decided, decided again by another configuration.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ledger::{Progress, Reader};
use mail::Timestamp;
use policy::{Generation, Snapshot};
use world::OsDisk;

use super::{ConfigFile, check, queue, say, say_aside};
use crate::config::{Config, RegistryPlace};
use crate::kept::Kept;
use crate::registrar::{self, House};
use crate::replay::{Past, Replay, Report};

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Decide what happened again, by another configuration: whose mail would have met another fate?\n\nThe \
        ledger has, for every message that was accepted or refused, all facts it was judged on; their bodies are not \
        needed. Each is judged again by the configuration you name, for each recipient, and what differs is told by \
        grant and sender, what would be newly allowed first. What its [registry] granted counts as it stood at each \
        moment, and so does what was suspended there.\n\nWhere a session ended before it told what the other \
        configuration would have asked, the fate is unknown from here, and said to be. How much a grant had used, and \
        what scanners said, are taken as they were.\n\nStatus 0: nothing differs. Status 1: something does, or would have \
        gone on where it was refused. Status 2: it could not be tried.",
    after_help = "Example:\n  portcullis replay --since 7d --config portcullis-next.toml"
)]
pub struct Args {
    /// The configuration to decide by.
    #[command(flatten)]
    pub config: ConfigFile,
    /// How far to go back.
    #[arg(long, value_name = "DURATION", value_parser = queue::duration, default_value = "7d")]
    pub since: Duration,
    /// The ledger's folder, in place of the one that the configuration names.
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Decides again and tells.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let reading = check::read(&args.config.path)?;
    let Some(config) = reading.config else {
        say_aside(&format!(
            "{}{}\n",
            reading.report.render(),
            check::summary(&reading.report)
        ));
        bail!(
            "{} has errors; it can decide nothing before they are mended",
            args.config.path.display()
        );
    };
    let folder = args.ledger.as_ref().unwrap_or(&config.ledger.dir);
    let since = crate::drill::now()?.minus(args.since);
    let report = report(&config, folder, since)?;
    if args.json {
        say(&format!("{:#}\n", report.json()));
    } else {
        say(&report.to_string());
    }
    Ok(ExitCode::from(u8::from(report.differs())))
}

/// Decides everything in this folder again that is not older than `since`.
pub fn report(config: &Config, folder: &Path, since: Timestamp) -> anyhow::Result<Report> {
    let Ok(snapshot) = config.snapshot(Generation(0)) else {
        bail!("the configuration cannot be indexed");
    };
    folder
        .read_dir()
        .with_context(|| format!("the ledger in {} cannot be read", folder.display()))?;
    let mut replay = Replay::new(past(config, snapshot)?);
    let mut bar = Bar::new();
    let reader = Reader::new(Arc::new(OsDisk), folder);
    reader
        .each_since(since, |line, progress| {
            replay.look(line);
            bar.show(progress);
        })
        .with_context(|| format!("the ledger in {} cannot be read to its end", folder.display()))?;
    bar.clear();
    let mut report = replay.end();
    let kept = Kept::of(&reader).filter(|kept| since < kept.since);
    report.kept = kept.map(|kept| kept.to_string());
    Ok(report)
}

/// A configuration, with what its registry granted when.
fn past(config: &Config, declared: Snapshot) -> anyhow::Result<Past> {
    let Some(settings) = &config.registry else {
        return Ok(Past::alone(declared));
    };
    if let RegistryPlace::File(file) = &settings.place {
        // To look is not to begin one.
        std::fs::metadata(file).with_context(|| format!("the registry {} cannot be read", file.display()))?;
    }
    let mut desk = registrar::open(settings, House::of(config))?.0;
    let granted = desk.past(crate::drill::now()?)?;
    let mut pinned = Vec::new();
    for grant in &declared.rulebook().grants {
        pinned.extend(desk.store().said_of(&grant.name)?);
    }
    Ok(Past::of(declared, granted, pinned))
}

/// Shows how far it has come, to people.
struct Bar {
    watched: bool,
    shown: Option<Instant>,
}

impl Bar {
    fn new() -> Self {
        Self {
            watched: std::io::stderr().is_terminal(),
            shown: None,
        }
    }

    fn show(&mut self, progress: Progress) {
        if !self.watched || self.shown.is_some_and(|at| at.elapsed() < SHOW_EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let percent = progress
            .read
            .saturating_mul(100)
            .checked_div(progress.of)
            .unwrap_or(100);
        say_aside(&format!("\rreading the ledger: {percent:>3} %"));
    }

    fn clear(&self) {
        if self.shown.is_some() {
            say_aside("\r                            \r");
        }
    }
}
