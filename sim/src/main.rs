//! `sim`: runs seeds, says what came of each, and which states and faults all of them met.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use sim::marks::Marks;
use sim::papers::Papers;
use sim::run::{Mischief, Outcome, run};

/// Runs whole gateways under seeded weather.
#[derive(Parser)]
struct Arguments {
    /// One seed, with its whole story where something is wrong.
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds from A to B, B not included.
    #[arg(long, value_name = "A..B")]
    seeds: Option<String>,
    /// Goes on until every state and fault was met.
    #[arg(long)]
    until_covered: bool,
    /// At most so many seeds.
    #[arg(long, default_value_t = 1000)]
    max_seeds: u64,
    /// At least so many seeds, covered or not.
    #[arg(long, default_value_t = 0)]
    at_least: u64,
    /// Prints the whole story of each run.
    #[arg(long)]
    story: bool,
}

fn main() -> ExitCode {
    match all(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("sim: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; says whether all of it was right.
fn all(arguments: &Arguments) -> anyhow::Result<bool> {
    let seeds = seeds(arguments)?;
    let papers = Arc::new(Papers::new()?);
    let commit = commit();
    let mut marks = Marks::default();
    let mut right = true;
    for (count, seed) in (1..).zip(seeds) {
        let outcome = run(seed, &papers, Mischief::default())?;
        right &= outcome.findings.is_empty();
        marks.merge(&outcome.marks);
        show(&outcome, &commit, arguments.story);
        if arguments.until_covered && count >= arguments.at_least && marks.missing().is_empty() {
            break;
        }
    }
    tell(&marks.table());
    let missing = marks.missing();
    if missing.is_empty() {
        tell("all covered");
    } else {
        tell(&format!("not met: {}", missing.join(", ")));
    }
    Ok(right && (missing.is_empty() || !arguments.until_covered))
}

fn seeds(arguments: &Arguments) -> anyhow::Result<std::ops::Range<u64>> {
    if let Some(seed) = arguments.seed {
        return Ok(seed..seed + 1);
    }
    let Some(text) = &arguments.seeds else {
        return Ok(0..arguments.max_seeds);
    };
    let (from, to) = text.split_once("..").context("write seeds as A..B")?;
    Ok(from.parse()?..to.parse()?)
}

fn show(outcome: &Outcome, commit: &str, with_story: bool) {
    let verdict = if outcome.findings.is_empty() { "right" } else { "WRONG" };
    tell(&format!(
        "seed {} at {commit}: {verdict}: {}",
        outcome.seed,
        outcome.summary()
    ));
    if with_story {
        tell(&outcome.story.lines.join("\n"));
    }
    if outcome.findings.is_empty() {
        return;
    }
    for finding in &outcome.findings {
        tell(&format!("  {finding}"));
        tell(&outcome.story_of(finding));
    }
    tell(&format!(
        "  to see it again: git checkout {commit} && cargo run -p sim -- --seed {} --story",
        outcome.seed
    ));
}

/// The commit this is built from, as far as the folder tells.
fn commit() -> String {
    let said = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let text = said
        .ok()
        .filter(|said| said.status.success())
        .map(|said| said.stdout)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() {
        "an unknown commit".to_owned()
    } else {
        text
    }
}

/// Whoever reads this may have gone.
fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
