//! `portcullis diff`: what a change makes possible, and what impossible.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mail::Timestamp;
use policy::diff::{Diff, diff};
use policy::{Generation, Snapshot};

use super::{say, say_aside};
use crate::change::told;
use crate::config::{self, Machine};

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Say in sentences which messages one configuration lets in and the other refuses.\n\nTexts are not \
        compared: every way judgement can go under the one is walked under the other. The widest flow comes first: to \
        other organisations before our own, without a login before with one, from many addresses before from few. Limits \
        are no flows, nor is where a route leads. Nothing is started and nothing is changed.\n\nStatus 0: the same is \
        possible. Status 1: something is no longer possible, and nothing new is. Status 3: something new is possible, so \
        that B serves after A only with a `change` that says who wants it and why. Status 2: one of them cannot be read.",
    after_help = "Example:\n  portcullis diff /etc/portcullis/portcullis.toml portcullis.toml.new\n\n\
        `portcullis config diff 41 42` compares two generations that have served."
)]
pub struct Args {
    /// The configuration that serves.
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The one that is to serve.
    #[arg(value_name = "B")]
    pub after: PathBuf,
    /// Answer in JSON: each flow with all that describes it, and a message that shows it.
    #[arg(long)]
    pub json: bool,
}

/// Compares and tells.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let found = diff(&snapshot(&args.before)?, &snapshot(&args.after)?);
    let (before, after) = (args.before.display().to_string(), args.after.display().to_string());
    if args.json {
        say(&format!("{:#}\n", told::change_json(&before, &after, &found)));
    } else {
        say(&told::change(&before, &after, &found));
    }
    Ok(status(&found))
}

/// What a script wants to know: the same, less, or more.
pub(super) fn status(found: &Diff) -> ExitCode {
    match (found.widens(), found.lost.is_empty()) {
        (true, _) => ExitCode::from(3),
        (false, false) => ExitCode::from(1),
        (false, true) => ExitCode::SUCCESS,
    }
}

/// What judgement reads in a file, wise or not.
fn snapshot(path: &Path) -> anyhow::Result<Snapshot> {
    let now = Timestamp(world::World::real().clock.wall());
    let reading = config::load_as_written(path, &Machine::look(now))
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let built = reading.config.and_then(|config| config.snapshot(Generation(0)).ok());
    built.with_context(|| {
        say_aside(&reading.report.render());
        format!("{} is not understood; mend it and compare again", path.display())
    })
}
