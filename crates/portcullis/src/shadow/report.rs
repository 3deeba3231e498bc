//! What is told of a shadow, to people and to scripts.

use std::fmt;
use std::path::PathBuf;

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use super::counts::{ByName, Tally};
use super::difference::{Difference, Example};
use super::{Counts, Kept};
use crate::change::told::grouped;
use crate::story::Printable;

/// Names of a table that are shown to people; scripts get all.
const SHOWN: usize = 10;
/// Characters of a name in a table.
const NAME_CHARS: usize = 40;

/// What else is true when it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// What serves.
    pub generation: u64,
    /// The file that the gate reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_file: Option<PathBuf>,
    /// Whether what serves decides by the same rulebook.
    pub same_as_live: bool,
    /// Where the text lies that decides, if its file was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_as: Option<PathBuf>,
}

/// What a shadow counted so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether it is on.
    #[serde(rename = "on")]
    pub is_on: bool,
    /// Whether nobody decides any more, though it is on. It never ought to be.
    #[serde(rename = "gone", default)]
    pub is_gone: bool,
    /// Decisions that wait to be looked at.
    pub waiting: usize,
    /// Its terms and counts, and when it ended.
    #[serde(flatten)]
    pub kept: Kept,
    /// What else is true now.
    #[serde(flatten)]
    pub present: Present,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing(f)?;
        totals(&self.kept.counts, f)?;
        for (title, names) in [
            ("by grant", &self.kept.counts.by_grant),
            ("by sender", &self.kept.counts.by_sender),
            ("by listener", &self.kept.counts.by_listener),
        ] {
            table(title, names, f)?;
        }
        self.next(f)
    }
}

impl Report {
    fn standing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (terms, generation) = (&self.kept.terms, self.present.generation);
        let file = terms.file.display();
        match &self.kept.ended {
            None if self.is_on => writeln!(
                f,
                "The shadow of {file} decides beside generation {generation}, since {}, until {} UTC",
                second(terms.since),
                second(terms.until)
            )?,
            None => writeln!(f, "The shadow of {file} rests, since {} UTC", second(terms.since))?,
            Some(ended) => writeln!(
                f,
                "The shadow of {file} decided from {} until {} UTC, and ended: {}",
                second(terms.since),
                second(ended.at),
                Printable(&ended.why)
            )?,
        }
        let reason = terms.reason.as_deref().unwrap_or("no reason was given");
        writeln!(f, "  started by {}: {}", Printable(&terms.by), Printable(reason))?;
        if self.is_gone {
            writeln!(f, "  nobody decides any more: stop it, start it again, and report this")?;
        }
        Ok(())
    }

    fn next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (terms, present) = (&self.kept.terms, &self.present);
        writeln!(f)?;
        if present.same_as_live {
            let stop = if self.is_on {
                "; `portcullis shadow stop` ends this"
            } else {
                ""
            };
            return writeln!(f, "What serves decides by the same rules by now{stop}.");
        }
        let file = present.kept_as.as_ref().unwrap_or(&terms.file);
        if present.kept_as.is_some() {
            writeln!(
                f,
                "{} was changed since; what decides here lies in {}.",
                terms.file.display(),
                file.display()
            )?;
        }
        let live = present.live_file.as_ref().map_or_else(
            || "the configuration of the gate".to_owned(),
            |file| file.display().to_string(),
        );
        writeln!(
            f,
            "To let it serve: copy {file} over {live}, say at its beginning who wants it and why\n  change = {{ author = \
             \"you@example.edu\", reason = \"what for\" }}\nand let the gate read it (SIGHUP). `portcullis diff {live} \
             {file}` names what it opens.",
            file = file.display(),
        )
    }
}

fn totals(counts: &Counts, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{} decisions made again: {} agree, {} differ",
        grouped(counts.decided()),
        grouped(counts.agree),
        grouped(counts.differ.all())
    )?;
    if counts.skipped > 0 {
        write!(
            f,
            "; {} records came too fast and were left out",
            grouped(counts.skipped)
        )?;
    }
    writeln!(f)?;
    for difference in Difference::ALL {
        let count = counts.differ.of(difference);
        if count == 0 {
            continue;
        }
        writeln!(f, "\n  {:>7} {}", grouped(count), difference.words())?;
        if difference == Difference::Unknown {
            for (why, count) in &counts.unknown {
                writeln!(f, "          {} of them: {why}", grouped(*count))?;
            }
        }
        let last = counts.examples.get(&difference);
        for one in last.into_iter().flat_map(|last| last.newest()) {
            example(one, f)?;
        }
    }
    Ok(())
}

fn example(one: &Example, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let or = |text: &str, unnamed: &str| Printable(if text.is_empty() { unnamed } else { text }).to_string();
    writeln!(
        f,
        "          {}  {} at {}, {} to {}: {}, not {}  (portcullis why {})",
        second(one.at),
        Printable(&one.client),
        Printable(&one.listener),
        or(&one.from, "nobody named"),
        or(&one.to, "nobody named"),
        one.shadow,
        one.live,
        one.id,
    )
}

fn table(title: &str, names: &ByName, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let most = names.most();
    if most.is_empty() {
        return Ok(());
    }
    writeln!(f)?;
    let mut row = |name: &str, cells: [String; 5]| {
        let name: String = Printable(name).to_string().chars().take(NAME_CHARS).collect();
        let [take, on, refuse, other, unknown] = cells;
        writeln!(
            f,
            "  {name:<NAME_CHARS$} {take:>10} {on:>8} {refuse:>8} {other:>10} {unknown:>8}"
        )
    };
    row(
        title,
        ["take", "let on", "refuse", "otherwise", "unknown"].map(str::to_owned),
    )?;
    let cells = |tally: &Tally| Difference::ALL.map(|one| grouped(tally.of(one)));
    for (name, tally) in most.iter().take(SHOWN) {
        row(if name.is_empty() { "(none)" } else { name }, cells(tally))?;
    }
    let mut rest = names.others().clone();
    for (_, tally) in most.iter().skip(SHOWN) {
        rest.add(tally);
    }
    if rest.all() > 0 {
        row("others", cells(&rest))?;
    }
    Ok(())
}

/// `2026-11-22 04:10:33`, in UTC.
fn second(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(19).collect::<String>().replace('T', " ")
}
