//! The runs of each row: everybody in turn, again and again.

mod idle;
mod judgement;
mod latency;
mod proofs;
mod queue;
mod rates;
mod recording;
mod testimony;

use std::collections::BTreeMap;

use crate::report::Measured;
use crate::rig::Rig;
use crate::rows;
use crate::server::Contender;
use crate::stats::Range;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rounds per row.
    pub runs: usize,
    /// How long a run of a throughput row should last.
    pub seconds: f64,
    /// A part of the idle sessions and of the queue; 1 in earnest.
    pub scale: f64,
    /// The rows whose names match.
    pub only: regex_automata::meta::Regex,
}

impl Extent {
    fn wants(&self, work: &str) -> bool {
        self.only.is_match(work)
    }

    fn wants_any(&self, works: &[&str]) -> bool {
        works.iter().any(|work| self.wants(work))
    }

    fn scaled(&self, number: usize) -> usize {
        ((number as f64 * self.scale) as usize).max(1)
    }
}

/// Measures all rows that are wanted.
pub async fn all(rig: &Rig, extent: &Extent) -> Vec<Measured> {
    let mut measured = Vec::new();
    for spec in &rows::THROUGHPUT {
        if extent.wants(spec.rate) || spec.cpu.is_some_and(|cpu| extent.wants(cpu)) {
            measured.extend(rates::measure(rig, extent, spec).await);
        }
    }
    if extent.wants_any(&latency::WORKS) {
        measured.extend(latency::measure(rig, extent).await);
    }
    for spec in idle::ROWS {
        if extent.wants(spec.work) {
            measured.push(idle::measure(rig, extent, spec).await);
        }
    }
    if extent.wants_any(&queue::WORKS) {
        measured.extend(queue::measure(rig, extent).await);
    }
    if extent.wants(judgement::WORK) {
        measured.push(judgement::measure(extent));
    }
    measured.extend(proofs::measure(extent));
    if extent.wants(recording::WORK) {
        measured.push(recording::measure(rig, extent).await);
    }
    if extent.wants(testimony::WORK) {
        measured.push(testimony::measure(rig, extent).await);
    }
    measured.retain(|row| extent.wants(row.work));
    measured.sort_by_key(|row| rows::ROWS.iter().position(|known| known.work == row.work));
    measured
}

/// Values of each contender, and what went wrong.
#[derive(Clone, Default)]
struct Series {
    values: BTreeMap<Contender, Vec<f64>>,
    failures: Vec<String>,
}

impl Series {
    fn add(&mut self, contender: Contender, value: f64) {
        self.values.entry(contender).or_default().push(value);
    }

    fn range(&self, contender: Contender) -> Option<Range> {
        Range::of(self.values.get(&contender)?)
    }

    fn fail(&mut self, work: &str, contender: Contender, why: &anyhow::Error) {
        let what = format!("{}: {why:#}", contender.name());
        tell(work, &format!("FAILED  {what}"));
        self.failures.push(what);
    }

    fn into_row(self, work: &'static str) -> Measured {
        let [roof, portcullis, postfix] =
            [Contender::Roof, Contender::Portcullis, Contender::Postfix].map(|contender| self.range(contender));
        Measured {
            failures: self.failures,
            ..Measured::new(work, portcullis, postfix, roof)
        }
    }
}

/// Which run this is, for a line of progress.
fn turn(extent: &Extent, round: usize, contender: Contender) -> String {
    format!("run {} of {}  {:<10}", round + 1, extent.runs, contender.name())
}

/// A line of progress for whoever waits.
fn tell(work: &str, what: &str) {
    eprintln!("{work:<24} {what}");
}
