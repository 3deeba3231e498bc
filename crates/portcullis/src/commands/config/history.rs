//! `portcullis config history` and `show`: what served, when, by whom and why.

use std::process::ExitCode;

use mail::Timestamp;
use serde_json::json;

use super::found::Gate;
use crate::commands::queue::aligned;
use crate::commands::{say, say_aside};
use crate::control::{self, Asked};
use crate::generations::{Entry, History};
use crate::story::Printable;

/// Characters of an author in the table; `--json` has all of it.
const AUTHOR_CHARS: usize = 28;
/// Characters of a reason in the table.
const REASON_CHARS: usize = 60;

/// Arguments of `config history`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Every configuration that ever served, the newest first: its number, when it served, how it came \
        (start, reload, rollback), who answered for the change and why.\n\nA generation is kept before it serves, in the \
        spool's folder, and its number goes on over restarts. What was kept and never served is shown too. Files that \
        cannot be read are told and left alone.\n\nStatus 0: told. Status 1: something of it cannot be read. Status 2: \
        the folder cannot be read."
)]
pub(super) struct Args {
    #[command(flatten)]
    gate: Gate,
    /// At most this many, the newest.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Answer in JSON, with everything that is known of each.
    #[arg(long)]
    json: bool,
}

/// Arguments of `config show`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Print the text of a generation, octet for octet as it served. Keys, certificates and secrets of next \
        hops stay in the files it names.\n\nStatus 0: printed. Status 1: there is none of this number, or its text is not \
        the one that served."
)]
pub(super) struct ShowArgs {
    /// The number.
    #[arg(value_name = "N")]
    generation: u64,
    #[command(flatten)]
    gate: Gate,
}

/// Prints the table.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let history = args.gate.generations()?.history()?;
    let running = running(&args.gate);
    let newest = history.entries.iter().rev().take(args.limit);
    if args.json {
        let entries: Vec<&Entry> = newest.collect();
        let told = json!({
            "generations": entries,
            "serving": running,
            "served_last": history.serving(),
            "damage": history.damage,
        });
        say(&format!("{told:#}\n"));
    } else {
        say(&table(&newest.collect::<Vec<_>>(), &history, running));
        for what in &history.damage {
            say_aside(&format!("portcullis: {what}\n"));
        }
    }
    Ok(if history.damage.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Prints the text.
pub(super) fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    match args.gate.generations()?.text(args.generation) {
        Ok(text) => Ok(say(&text)),
        Err(why) => {
            say_aside(&format!("portcullis: {why}\n"));
            Ok(ExitCode::from(1))
        }
    }
}

/// What the gate says that serves now, where one runs.
fn running(gate: &Gate) -> Option<u64> {
    let answer = control::ask(&control::path(&gate.spool().ok()?), Asked::Status).ok()?;
    answer.done.get("generation")?.as_u64()
}

fn table(newest: &[&Entry], history: &History, running: Option<u64>) -> String {
    if newest.is_empty() {
        return "No configuration has served here yet.\n".to_owned();
    }
    let mut rows = vec![
        [
            "NUMBER",
            "SERVED FROM",
            "UNTIL",
            "CAME BY",
            "OPENS",
            "TEST",
            "AUTHOR",
            "REASON",
        ]
        .map(str::to_owned),
    ];
    rows.extend(newest.iter().map(|entry| row(entry, running)));
    let mut text = aligned(&rows);
    let left_out = history.entries.len() - newest.len();
    if left_out > 0 {
        text.push_str(&format!("{left_out} older; --limit shows more.\n"));
    }
    text
}

fn row(entry: &Entry, running: Option<u64>) -> [String; 8] {
    let record = &entry.record;
    let (from, until) = match (entry.served.first(), entry.served.last()) {
        (Some(first), Some(last)) => {
            let until = match last.until {
                _ if running == Some(record.generation) => "now".to_owned(),
                Some(until) => minute(until),
                None => "it ended without a word".to_owned(),
            };
            (minute(first.from), until)
        }
        _ => ("never".to_owned(), String::new()),
    };
    let said = |text: &Option<String>, most| short(text.as_deref().unwrap_or("-"), most);
    [
        record.generation.to_string(),
        from,
        until,
        record.written.came.to_string(),
        record
            .written
            .flows
            .as_ref()
            .map_or_else(|| "-".to_owned(), |flows| format!("+{} -{}", flows.gained, flows.lost)),
        entry
            .test
            .as_ref()
            .map_or("-", |test| if test.green { "ok" } else { "RED" })
            .to_owned(),
        said(&record.written.author, AUTHOR_CHARS),
        said(&record.written.reason, REASON_CHARS),
    ]
}

/// `2026-11-22 04:10:33`, in UTC.
fn minute(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(19).collect::<String>().replace('T', " ")
}

fn short(text: &str, most: usize) -> String {
    let clean = Printable(text).to_string();
    if clean.chars().count() <= most {
        return clean;
    }
    let head: String = clean.chars().take(most - 1).collect();
    format!("{head}…")
}
