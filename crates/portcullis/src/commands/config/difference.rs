//! `portcullis config diff`: from one generation to another.

use std::process::ExitCode;

use policy::diff::diff;
use serde_json::json;

use super::found::Gate;
use crate::change::told;
use crate::commands::diff::status;
use crate::commands::side::Side;
use crate::commands::{say, say_aside};
use crate::generations::{Flows, Lines};

/// Arguments of `config diff`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Say what became possible and impossible from one generation to another, the widest first, and which \
        lines of the file changed.\n\nWhat is possible is not read off the text: every way in that the one has is walked \
        again under the other. Hashes of secrets are not shown; that one is another shows by the letters behind it.\n\n\
        Status 0: the same is possible. Status 1: something is no longer possible, and nothing new is. Status 3: \
        something new is possible. Status 2: it could not be told."
)]
pub(super) struct Args {
    /// From this generation.
    #[arg(value_name = "N")]
    before: u64,
    /// To this one.
    #[arg(value_name = "M")]
    after: u64,
    #[command(flatten)]
    gate: Gate,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the difference.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let generations = args.gate.generations()?;
    let (before, after) = (generations.text(args.before)?, generations.text(args.after)?);
    let sides = (Side::Generation(args.before), Side::Generation(args.after));
    let flows = sides
        .0
        .snapshot(&args.gate)
        .and_then(|before| Ok(diff(&before, &*sides.1.snapshot(&args.gate)?)));
    let lines = Lines::between(&before, &after);
    if args.json {
        let (new, gone) = lines.counts();
        let told = json!({
            "from": args.before,
            "to": args.after,
            "flows": flows.as_ref().ok().map(Flows::of),
            "lines": { "new": new, "gone": gone, "text": lines.to_string() },
        });
        say(&format!("{told:#}\n"));
    } else {
        if let Ok(flows) = &flows {
            say(&told::change(&sides.0.name(), &sides.1.name(), flows));
        }
        say(&changed_lines(&lines));
    }
    match &flows {
        Ok(flows) => Ok(status(flows)),
        Err(why) => {
            say_aside(&format!("portcullis: what became possible cannot be told: {why}\n"));
            Ok(ExitCode::from(2))
        }
    }
}

fn changed_lines(lines: &Lines<'_>) -> String {
    if lines.is_empty() {
        return "The text is the same.\n".to_owned();
    }
    let (new, gone) = lines.counts();
    format!("  lines: {new} new, {gone} gone\n{lines}")
}
