//! `portcullis ledger verify`: the proof that testimony was not tampered with.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use ledger::{AnchorFault, Anchors, Broken, BrokenAnchor, Fault, Hash, Head, Report, Stretch};
use serde_json::{Value, json};
use world::OsDisk;

use super::{Folder, say};

/// Arguments of `ledger verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folder: Folder,
    /// A head that was written down earlier, as WRITER:LINE:HASH; may be repeated.
    #[arg(long = "head", value_name = "HEAD", value_parser = head)]
    heads: Vec<Head>,
    /// A file of anchors, as `anchors` in `[ledger]` has it written; may be repeated. Where a chain was cut off or written
    /// anew behind an anchor, it is named, and so is an anchor that was changed.
    #[arg(long = "anchors", value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Follows the chains, and says what holds.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let anchors = Anchors::read(&OsDisk, &args.anchors).context("the anchors cannot be read")?;
    let known = anchors.with_heads(&args.heads);
    let (text, outcome) = answer(&args.folder.path()?, &known, args.json)?;
    say(&text);
    Ok(outcome)
}

/// What is said of the ledger in a folder, and the exit status.
fn answer(dir: &Path, known: &Anchors, as_object: bool) -> anyhow::Result<(String, ExitCode)> {
    let report = ledger::verify(&OsDisk, dir, known)
        .with_context(|| format!("the ledger in {} cannot be read", dir.display()))?;
    let text = if as_object {
        format!("{:#}\n", as_json(&report))
    } else {
        as_text(&report)
    };
    let outcome = if report.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    };
    Ok((text, outcome))
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
        let _ = writeln!(text, "BROKEN  {}", broken_link(broken));
    }
    for broken in &report.broken_anchors {
        let _ = writeln!(text, "BROKEN  {}", broken_anchor(broken));
    }
    for torn in &report.torn {
        let _ = writeln!(
            text,
            "torn    {} at {}: {} octets that were never synced; they are no testimony, and nothing is missing",
            torn.file, torn.at, torn.octets
        );
    }
    for one in &report.pruned {
        let _ = writeln!(
            text,
            "pruned  {}: lines {} to {} of {} to {} were removed by rule, as the ledger itself says",
            one.writer,
            one.first,
            one.last,
            one.oldest.to_date(),
            one.newest.to_date()
        );
    }
    for head in &report.heads {
        let _ = writeln!(text, "head    {}:{}:{}", head.writer, head.seq, head.hash);
    }
    let anchors = match report.anchors {
        0 => String::new(),
        anchors => format!(" and {anchors} anchors"),
    };
    let outcome = match (report.broken.len(), report.broken_anchors.len()) {
        (0, 0) => "Every link holds.",
        (0, _) => "The ledger's links hold; its anchors were changed, or are not all here.",
        _ => "The ledger was changed, or a disk has damaged it.",
    };
    let _ = writeln!(
        text,
        "{} lines in {} files{anchors}. {outcome}",
        report.lines, report.files
    );
    text
}

/// A broken link in words: whose chain, where, what, and what should be there.
fn broken_link(broken: &Broken) -> String {
    let place = match broken.line {
        0 => "behind its last line".to_owned(),
        line => format!("line {line} (octet {})", broken.at),
    };
    let mut text = if broken.file.is_empty() {
        format!(
            "writer {}, of which nothing is left: {}",
            broken.writer,
            words(broken.fault)
        )
    } else {
        format!("{}, {place}: {}", broken.file, words(broken.fault))
    };
    if let Some(expected) = &broken.expected {
        let _ = write!(text, "; {}:{}:{}", broken.writer, expected.seq, expected.hash);
        if let Some(anchor) = &expected.anchor {
            let _ = write!(
                text,
                " in {}, as line {} of {} says",
                anchor.file,
                anchor.line,
                anchor.path.display()
            );
        }
    }
    text
}

fn broken_anchor(broken: &BrokenAnchor) -> String {
    let file = broken.file.display();
    match broken.fault {
        AnchorFault::Missing => format!(
            "anchor {}, of which the ledger tells, is in none of these files: they were cut, or one is not among them",
            broken.line
        ),
        fault => format!("{file}, line {}: {}", broken.line, anchor_words(fault)),
    }
}

fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::Unreadable => "it cannot be read",
        Fault::Seal => "its octets are not those that were sealed",
        Fault::Link => "it does not follow the line before; something was taken out, put in or moved",
        Fault::CutShort => "the file ends before the place where the next one says it did",
        Fault::FileMissing => {
            "the file that should stand before this one is missing, or is another one, and no record says that it was removed"
        }
        Fault::PrunedOther => "a record says that this file was removed, and means another one",
        Fault::HeadMissing => "the line that was known from elsewhere is not there",
    }
}

fn anchor_words(fault: AnchorFault) -> &'static str {
    match fault {
        AnchorFault::Unreadable => "this anchor cannot be read",
        AnchorFault::Seal => "the octets of this anchor are not those that were sealed",
        AnchorFault::Link => "this anchor does not follow the one before; something was taken out, put in or moved",
        AnchorFault::BeginningMissing => "the anchors before this one are missing",
        AnchorFault::Missing => "this anchor is missing",
    }
}

fn as_json(report: &Report) -> Value {
    let torn = report
        .torn
        .iter()
        .map(|one| json!({ "file": one.file, "at": one.at, "octets": one.octets }));
    let heads = report
        .heads
        .iter()
        .map(|one| json!({ "writer": one.writer, "line": one.seq, "hash": one.hash.to_string() }));
    let broken_anchors = report.broken_anchors.iter().map(
        |one| json!({ "file": one.file.display().to_string(), "line": one.line, "fault": anchor_words(one.fault) }),
    );
    json!({
        "files": report.files,
        "lines": report.lines,
        "anchors": report.anchors,
        "broken": report.broken.iter().map(broken_as_json).collect::<Vec<_>>(),
        "broken_anchors": broken_anchors.collect::<Vec<_>>(),
        "torn": torn.collect::<Vec<_>>(),
        "pruned": report.pruned.iter().map(pruned_as_json).collect::<Vec<_>>(),
        "heads": heads.collect::<Vec<_>>(),
    })
}

fn pruned_as_json(one: &Stretch) -> Value {
    json!({
        "writer": one.writer,
        "first": one.first,
        "last": one.last,
        "hash": one.seal.to_string(),
        "files": one.files,
        "oldest": one.oldest.to_rfc3339(),
        "newest": one.newest.to_rfc3339(),
    })
}

fn broken_as_json(broken: &Broken) -> Value {
    let expected = broken.expected.as_ref().map(|expected| {
        let anchor = expected.anchor.as_ref();
        json!({
            "line": expected.seq,
            "hash": expected.hash.to_string(),
            "file": anchor.map(|anchor| &anchor.file),
            "anchors": anchor.map(|anchor| anchor.path.display().to_string()),
            "anchor_line": anchor.map(|anchor| anchor.line),
        })
    });
    json!({
        "writer": broken.writer,
        "file": broken.file,
        "line": broken.line,
        "at": broken.at,
        "fault": words(broken.fault),
        "expected": expected,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use ledger::{Attempt, Config, Event, Writer};
    use mail::MessageId;
    use world::World;

    use super::*;

    const FIRST: &str = "gate.0000.jsonl";

    fn delivered(number: u64) -> Event {
        Event::Delivered(Box::new(Attempt {
            message: MessageId::new(number),
            attempt: None,
            rcpt: format!("user{number}@example.edu").into(),
            host: "mail.example.edu".into(),
            ip: None,
            tls: None,
            enhanced: None,
            text: "250 ok".into(),
            took_ms: 1,
        }))
    }

    /// A ledger on a real disk, from two starts of a gate: six lines, then two.
    async fn a_ledger() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for deliveries in [5, 1] {
            let opening = ledger::open(Config::new(folder.path()), &World::real(), Writer::Thread).unwrap();
            for number in 0..deliveries {
                opening.ledger.record(delivered(number)).await;
            }
            opening.closer.close().await.unwrap();
        }
        folder
    }

    /// The file whose name ends like this, without its day.
    fn file(folder: &tempfile::TempDir, name: &str) -> PathBuf {
        let mut files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.to_string_lossy().ends_with(name)).unwrap()
    }

    /// What is said once the lines of a file were changed like this.
    async fn changed(name: &str, change: impl FnOnce(&mut Vec<&str>)) -> String {
        let folder = a_ledger().await;
        let path = file(&folder, name);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        change(&mut lines);
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let (said, outcome) = answer(folder.path(), &Anchors::default(), false).unwrap();
        assert_eq!(format!("{outcome:?}"), format!("{:?}", ExitCode::from(1)), "{said}");
        assert!(
            said.contains("The ledger was changed, or a disk has damaged it."),
            "{said}"
        );
        let (object, _) = answer(folder.path(), &Anchors::default(), true).unwrap();
        let object: Value = serde_json::from_str(&object).unwrap();
        assert_eq!(object["broken"].as_array().unwrap().len(), 1, "{object}");
        said.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_whole_chain_is_said_to_be_whole_and_its_head_proves_its_end() {
        let folder = a_ledger().await;
        let (said, outcome) = answer(folder.path(), &Anchors::default(), false).unwrap();
        assert!(said.ends_with("8 lines in 2 files. Every link holds.\n"), "{said}");
        assert_eq!(format!("{outcome:?}"), format!("{:?}", ExitCode::SUCCESS));
        let known = said.lines().find_map(|line| line.strip_prefix("head    ")).unwrap();
        let known = Anchors::default().with_heads(&[head(known).unwrap()]);
        assert!(
            answer(folder.path(), &known, false)
                .unwrap()
                .0
                .ends_with("Every link holds.\n")
        );

        let last = file(&folder, "gate.0001.jsonl");
        let text = fs::read_to_string(&last).unwrap();
        fs::write(&last, text.split_inclusive('\n').take(1).collect::<String>()).unwrap();
        let (said, _) = answer(folder.path(), &known, false).unwrap();
        let named = "behind its last line: the line that was known from elsewhere is not there";
        assert!(said.starts_with("BROKEN") && said.contains(named), "{said}");
    }

    #[tokio::test]
    async fn whatever_was_done_to_the_chain_is_named_with_the_first_place_that_does_not_hold() {
        let edited = changed(FIRST, |lines| lines[3] = lines[2]).await;
        assert!(edited.contains("gate.0000.jsonl, line 4 (octet "), "{edited}");
        let said = changed(FIRST, |lines| lines[0] = "{}").await;
        assert!(
            said.contains("gate.0000.jsonl, line 1 (octet 0): it cannot be read"),
            "{said}"
        );
        let said = changed(FIRST, |lines| {
            lines.remove(2);
        })
        .await;
        assert!(
            said.contains("line 3 (octet ") && said.contains("something was taken out, put in or moved"),
            "{said}"
        );
        let said = changed(FIRST, |lines| lines.swap(1, 4)).await;
        assert!(
            said.contains("line 2 (octet ") && said.contains("does not follow the line before"),
            "{said}"
        );
        let said = changed(FIRST, |lines| lines.truncate(4)).await;
        assert!(
            said.contains("line 5 (octet ") && said.contains("ends before the place"),
            "{said}"
        );
        let said = changed("gate.0001.jsonl", |lines| {
            lines.remove(0);
        })
        .await;
        assert!(said.contains("gate.0001.jsonl, line 1 (octet 0)"), "{said}");
    }

    #[tokio::test]
    async fn an_edited_word_is_named_by_its_line() {
        let folder = a_ledger().await;
        let path = file(&folder, FIRST);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("user3@", "user9@", 1)).unwrap();
        let (said, _) = answer(folder.path(), &Anchors::default(), false).unwrap();
        assert!(
            said.contains("line 5 (octet ") && said.contains("not those that were sealed"),
            "{said}"
        );
    }

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
