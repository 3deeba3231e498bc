//! `portcullis diff`: what a change makes possible, and what impossible.

use std::process::ExitCode;

use policy::diff::{Diff, diff};

use super::config::found::Gate;
use super::say;
use super::side::Side;
use crate::change::told;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Say in sentences which messages one configuration lets in and the other refuses.\n\nEach is a file, \
        or the number of a generation that has served; a file that is named like a number is written ./3. Texts are not \
        compared: every way judgement can go under the one is walked under the other. The widest flow comes first: to \
        other organisations before our own, without a login before with one, from many addresses before from few. Limits \
        are no flows, nor is where a route leads. Nothing is started and nothing is changed.\n\nStatus 0: the same is \
        possible. Status 1: something is no longer possible, and nothing new is. Status 3: something new is possible, so \
        that B serves after A only with a `change` that says who wants it and why. Status 2: one of them cannot be read.",
    after_help = "Examples:\n  portcullis diff /etc/portcullis/portcullis.toml portcullis.toml.new\n  \
        portcullis diff 41 portcullis.toml.new\n\n\
        `portcullis config diff 41 42` also says which lines changed between two generations."
)]
pub struct Args {
    /// The configuration that serves: a file, or the number of a generation.
    #[arg(value_name = "A")]
    pub before: Side,
    /// The one that is to serve: a file, or the number of a generation.
    #[arg(value_name = "B")]
    pub after: Side,
    /// Where generations lie, for numbers.
    #[command(flatten)]
    pub gate: Gate,
    /// Answer in JSON: each flow with all that describes it, and a message that shows it.
    #[arg(long)]
    pub json: bool,
}

/// Compares and tells.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args {
        before, after, gate, ..
    } = &args;
    let found = diff(&*before.snapshot(gate)?, &*after.snapshot(gate)?);
    let (before, after) = (before.name(), after.name());
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
