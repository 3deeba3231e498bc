//! What was measured, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::rows::{self, Reach, Row};
use crate::stats::Range;

/// A row with its numbers.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The row.
    pub work: &'static str,
    /// Of Portcullis.
    pub portcullis: Option<Range>,
    /// Of Postfix, where it takes part.
    pub postfix: Option<Range>,
    /// Of the roof, where there is one.
    pub roof: Option<Range>,
    /// Syncs per message, where they were counted.
    pub syncs: Option<Syncs>,
    /// What else is to be said.
    pub note: Option<String>,
    /// What went wrong; then the row does not count.
    pub failures: Vec<String>,
}

/// Syncs per message.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Syncs {
    /// Of Portcullis.
    pub portcullis: Option<f64>,
    /// Of Postfix.
    pub postfix: Option<f64>,
}

impl Measured {
    /// A row that went well.
    pub fn new(work: &'static str, portcullis: Option<Range>, postfix: Option<Range>, roof: Option<Range>) -> Self {
        Self {
            work,
            portcullis,
            postfix,
            roof,
            syncs: None,
            note: None,
            failures: Vec::new(),
        }
    }

    /// Whether it can be relied upon.
    pub fn counts(&self) -> bool {
        self.failures.is_empty() && self.portcullis.is_some()
    }

    fn row(&self) -> Row {
        let nameless = Row {
            work: self.work,
            says: "",
            unit: "",
            reach: &[],
        };
        rows::find(self.work).copied().unwrap_or(nameless)
    }

    /// Ratio of the medians, ours to theirs.
    fn against(&self, other: Option<Range>) -> Option<f64> {
        let ratio = self.portcullis?.median / other?.median;
        ratio.is_finite().then_some(ratio)
    }

    /// Whether what the design asks for was reached; nothing where it asks for nothing, or cannot be said.
    fn reached(&self, reach: Reach) -> Option<bool> {
        match reach {
            Reach::OfPostfix(times) => Some(self.against(self.postfix)? >= times),
            Reach::OfRoof(part) => Some(self.against(self.roof)? >= part),
            Reach::AtMost(value) => Some(self.portcullis?.median <= value),
        }
    }

    fn as_json(&self) -> Value {
        let row = self.row();
        json!({
            "work": self.work,
            "unit": row.unit,
            "portcullis": self.portcullis,
            "postfix": self.postfix,
            "roof": self.roof,
            "vs_postfix": self.against(self.postfix),
            "vs_roof": self.against(self.roof),
            "syncs": self.syncs,
            "reach": reach_words(&row),
            "reached": row.reach.iter().map(|reach| self.reached(*reach)).collect::<Option<Vec<bool>>>()
                .map(|reached| reached.into_iter().all(|met| met)),
            "note": self.note,
            "failures": self.failures,
        })
    }
}

/// For programs: an array of rows.
pub fn json(measured: &[Measured]) -> String {
    let rows: Vec<Value> = measured.iter().map(Measured::as_json).collect();
    format!("{:#}\n", Value::Array(rows))
}

const HEADINGS: [&str; 9] = [
    "work",
    "unit",
    "Portcullis",
    "Postfix",
    "roof",
    "x Postfix",
    "x roof",
    "syncs/message",
    "to reach",
];

fn cells(measured: &Measured) -> [String; 9] {
    let row = measured.row();
    let ratio = |other| {
        measured
            .against(other)
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
    };
    [
        measured.work.to_owned(),
        row.unit.to_owned(),
        range(measured.portcullis),
        range(measured.postfix),
        range(measured.roof),
        ratio(measured.postfix),
        ratio(measured.roof),
        measured.syncs.map_or_else(String::new, |syncs| {
            let one = |syncs: Option<f64>| syncs.map_or_else(|| "-".to_owned(), number);
            format!("{} / {}", one(syncs.portcullis), one(syncs.postfix))
        }),
        verdict(measured, &row),
    ]
}

fn verdict(measured: &Measured, row: &Row) -> String {
    if !measured.counts() {
        return "FAILED".to_owned();
    }
    let each = row.reach.iter().map(|reach| {
        let met = match measured.reached(*reach) {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "not compared",
        };
        format!("{}: {met}", words(*reach))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn words(reach: Reach) -> String {
    match reach {
        Reach::OfPostfix(times) => format!("{times} x Postfix"),
        Reach::OfRoof(part) => format!("{part} of the roof"),
        Reach::AtMost(value) => format!("at most {value}"),
    }
}

fn reach_words(row: &Row) -> Option<String> {
    let all: Vec<String> = row.reach.iter().map(|reach| words(*reach)).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

fn range(range: Option<Range>) -> String {
    range.map_or_else(
        || "-".to_owned(),
        |Range { median, min, max }| format!("{} ({}-{})", number(median), number(min), number(max)),
    )
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1000.0 => {
            let whole = format!("{value:.0}");
            let split = whole.len() - 3;
            format!(
                "{},{}",
                whole.get(..split).unwrap_or_default(),
                whole.get(split..).unwrap_or_default()
            )
        }
        middle if middle >= 100.0 => format!("{value:.0}"),
        small if small >= 10.0 => format!("{value:.1}"),
        smaller if smaller >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// For people at a terminal.
pub fn table(measured: &[Measured], about: &str) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(measured.iter().map(cells));
    let mut widths = [0; 9];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = format!("\n{about}\nmedian (lowest-highest) of each; ratios are of medians\n\n");
    for line in lines {
        let padded: Vec<String> = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    }
    text.push_str(&remarks(measured));
    text
}

/// For a page.
pub fn markdown(measured: &[Measured], about: &str) -> String {
    let mut text = format!("{about}; median (lowest-highest), ratios of medians.\n\n");
    let mut line = |cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(&HEADINGS.map(str::to_owned));
    line(&HEADINGS.map(|_| "---".to_owned()));
    measured.iter().for_each(|row| line(&cells(row)));
    text.push_str(&remarks(measured));
    text
}

fn remarks(measured: &[Measured]) -> String {
    let mut text = String::new();
    for row in measured {
        if let Some(note) = &row.note {
            let _ = writeln!(text, "\n{}: {note}", row.work);
        }
        for failure in &row.failures {
            let _ = writeln!(text, "\n{} FAILED: {failure}", row.work);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(value: f64) -> Option<Range> {
        Some(Range {
            median: value,
            min: value,
            max: value,
        })
    }

    #[test]
    fn a_reach_is_met_or_not_by_medians() {
        let row = Measured::new("accept-2k-20", even(6000.0), even(1000.0), even(10_000.0));
        assert_eq!(row.reached(Reach::OfPostfix(6.0)), Some(true));
        assert_eq!(row.reached(Reach::OfRoof(0.7)), Some(false));
        assert_eq!(row.as_json()["reached"], false);
        assert_eq!(row.as_json()["vs_postfix"], 6.0);
        let alone = Measured { postfix: None, ..row };
        assert_eq!(alone.as_json()["reached"], Value::Null);
        assert_eq!(alone.as_json()["postfix"], Value::Null);
    }

    #[test]
    fn a_row_that_failed_says_so_wherever_it_is_shown() {
        let mut row = Measured::new("relay-2k-20", even(5.0), even(1.0), None);
        assert!(row.counts());
        row.failures.push("postfix: two are missing".to_owned());
        assert!(!row.counts());
        for text in [table(&[row.clone()], ""), markdown(&[row.clone()], "")] {
            assert!(text.contains("FAILED: postfix: two are missing"), "{text}");
        }
        assert!(!Measured::new("relay-2k-20", None, even(1.0), None).counts());
    }

    #[test]
    fn numbers_have_as_many_digits_as_say_something() {
        assert_eq!(
            [12_345.6, 123.4, 12.34, 1.234, 0.1234].map(number),
            ["12,346", "123", "12.3", "1.23", "0.123"]
        );
    }
}
