//! `portcullis ledger`: the proof that testimony was not tampered with.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use ledger::{Fault, Hash, Head, Report};
use serde_json::{Value, json};
use world::OsDisk;

use super::{queue, say};

/// Arguments of `ledger`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Follow the chain of every writer and name the first link that does not hold
    #[command(
        long_about = "Follow the chain of every writer and name the first link that does not hold.\n\nEach line is \
            sealed with a hash that covers the line before, so a line that was changed, taken out or put in breaks the \
            chain there. A chain cut off at its very end cannot show that by itself: keep the heads this prints somewhere \
            else, and give them back with --head. The gate may run meanwhile.\n\nStatus 0: every link holds. Status 1: \
            one does not. Status 2: it cannot be read.",
        after_help = "Example:\n  portcullis ledger verify --head gate:1042:9f2c...e1"
    )]
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The configuration file.
    #[command(flatten)]
    config: super::ConfigFile,
    /// The ledger's folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// A head that was written down earlier, as WRITER:LINE:HASH; may be repeated.
    #[arg(long = "head", value_name = "HEAD", value_parser = head)]
    heads: Vec<Head>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Runs what it says.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Verify(args) = args.command;
    let dir = match &args.ledger {
        Some(dir) => dir.clone(),
        None => queue::config_of(&args.config)?.ledger.dir,
    };
    let report = ledger::verify(&OsDisk, &dir, &args.heads)
        .with_context(|| format!("the ledger in {} cannot be read", dir.display()))?;
    if args.json {
        say(&format!("{:#}\n", as_json(&report)));
    } else {
        say(&as_text(&report));
    }
    Ok(if report.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn head(text: &str) -> Result<Head, String> {
    let wrong = || format!("`{text}` is no head; write WRITER:LINE:HASH, as `ledger verify` prints it");
    let mut parts = text.split(':');
    let (Some(writer), Some(seq), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    Ok(Head {
        writer: writer.into(),
        seq: seq.parse().map_err(|_| wrong())?,
        hash: hash.parse::<Hash>().map_err(|_| wrong())?,
    })
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for broken in &report.broken {
        let place = match broken.line {
            0 => "behind its last line".to_owned(),
            line => format!("line {line} (octet {})", broken.at),
        };
        let file = if broken.file.is_empty() {
            "a writer of which nothing is left"
        } else {
            &broken.file
        };
        let _ = writeln!(text, "BROKEN  {file}, {place}: {}", words(broken.fault));
    }
    for torn in &report.torn {
        let _ = writeln!(
            text,
            "torn    {} at {}: {} octets that were never synced; they are no testimony, and nothing is missing",
            torn.file, torn.at, torn.octets
        );
    }
    for writer in &report.begins_later {
        let _ = writeln!(text, "later   {writer}: its first file continues one that was removed");
    }
    for head in &report.heads {
        let _ = writeln!(text, "head    {}:{}:{}", head.writer, head.seq, head.hash);
    }
    let outcome = match report.broken.len() {
        0 => "Every link holds.",
        _ => "The ledger was changed, or a disk has damaged it.",
    };
    let _ = writeln!(text, "{} lines in {} files. {outcome}", report.lines, report.files);
    text
}

fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::Unreadable => "it cannot be read",
        Fault::Seal => "its octets are not those that were sealed",
        Fault::Link => "it does not follow the line before; something was taken out, put in or moved",
        Fault::CutShort => "the file ends before the place where the next one says it did",
        Fault::FileMissing => "the file that should stand before this one is missing, or is another one",
        Fault::HeadMissing => "the line that was known from elsewhere is not there",
    }
}

fn as_json(report: &Report) -> Value {
    let broken = report
        .broken
        .iter()
        .map(|one| json!({ "file": one.file, "line": one.line, "at": one.at, "fault": words(one.fault) }));
    let torn = report
        .torn
        .iter()
        .map(|one| json!({ "file": one.file, "at": one.at, "octets": one.octets }));
    let heads = report
        .heads
        .iter()
        .map(|one| json!({ "writer": one.writer, "line": one.seq, "hash": one.hash.to_string() }));
    json!({
        "files": report.files,
        "lines": report.lines,
        "broken": broken.collect::<Vec<_>>(),
        "torn": torn.collect::<Vec<_>>(),
        "begins_later": report.begins_later,
        "heads": heads.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_as_it_was_printed() {
        let hash = "9f".repeat(32);
        let read = head(&format!("gate-2:17:{hash}")).unwrap();
        assert_eq!((&*read.writer, read.seq, read.hash.to_string()), ("gate-2", 17, hash));
        for wrong in ["", "gate", "gate:1", "gate:x:00", "gate:1:00", "gate:1:00:2"] {
            assert!(head(wrong).unwrap_err().contains("WRITER:LINE:HASH"), "{wrong}");
        }
    }
}
