//! The runs of each row: everybody in turn, again and again.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::report::{Measured, Syncs};
use crate::rig::Rig;
use crate::rows::{self, Throughput};
use crate::server::Contender;
use crate::stats::Range;
use crate::{syncs, throughput};

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rounds per row.
    pub runs: usize,
    /// How long a run of a throughput row should last.
    pub seconds: f64,
    /// A part of the idle sessions, of the queue, and of the grants; 1 in earnest.
    pub scale: f64,
    /// The rows whose names match.
    pub only: regex_automata::meta::Regex,
}

impl Extent {
    fn wants(&self, work: &str) -> bool {
        self.only.is_match(work)
    }
}

/// Measures all rows that are wanted; each is handed over when it is done.
pub async fn all(rig: &Rig, extent: &Extent, mut done: impl FnMut(Measured)) {
    let counts_syncs = syncs::can_count();
    for spec in &rows::THROUGHPUT {
        if extent.wants(spec.rate) || spec.cpu.is_some_and(|cpu| extent.wants(cpu)) {
            let measured = load_row(rig, extent, spec, counts_syncs).await;
            measured
                .into_iter()
                .filter(|row| extent.wants(row.work))
                .for_each(&mut done);
        }
    }
}

/// Values of each contender, and what went wrong.
#[derive(Default)]
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

    fn into_row(self, work: &'static str) -> Measured {
        let [roof, portcullis, postfix] =
            [Contender::Roof, Contender::Portcullis, Contender::Postfix].map(|contender| self.range(contender));
        Measured {
            failures: self.failures,
            ..Measured::new(work, portcullis, postfix, roof)
        }
    }
}

/// A progress line for whoever waits.
pub fn tell(work: &str, what: &str) {
    eprintln!("{work:<24} {what}");
}

async fn load_row(rig: &Rig, extent: &Extent, spec: &Throughput, counts_syncs: bool) -> Vec<Measured> {
    let (mut rates, mut cpu) = (Series::default(), Series::default());
    // What each one did last says how many messages fill the next run.
    let mut last: BTreeMap<Contender, f64> = BTreeMap::new();
    for contender in rows::order(0) {
        match throughput::calibrate(rig, contender, &spec.load, spec.then).await {
            Ok(rate) => _ = last.insert(contender, rate),
            Err(why) => rates.failures.push(failed(spec.rate, contender, &why)),
        }
    }
    for round in 0..extent.runs {
        for contender in rows::order(round) {
            let Some(rate) = last.get(&contender) else { continue };
            let messages = (rate * extent.seconds).clamp(2.0 * spec.load.sessions as f64, 500_000.0) as usize;
            match throughput::measure(rig, contender, spec, messages).await {
                Ok(sample) => {
                    let what = format!(
                        "run {} of {}  {:<10} {:>9.0} messages/s  ({messages} messages)",
                        round + 1,
                        extent.runs,
                        contender.name(),
                        sample.rate
                    );
                    tell(spec.rate, &what);
                    last.insert(contender, sample.rate);
                    rates.add(contender, sample.rate);
                    if let Some(used) = sample.cpu {
                        cpu.add(contender, used);
                    }
                }
                Err(why) => rates.failures.push(failed(spec.rate, contender, &why)),
            }
        }
    }
    let mut row = rates.into_row(spec.rate);
    if counts_syncs && extent.wants(spec.rate) {
        row.syncs = Some(Syncs {
            portcullis: count_syncs(rig, spec, Contender::Portcullis, &last, extent).await,
            postfix: count_syncs(rig, spec, Contender::Postfix, &last, extent).await,
        });
    }
    let failures = row.failures.clone();
    let mut measured = vec![row];
    if let Some(work) = spec.cpu {
        measured.push(Measured {
            failures,
            ..cpu.into_row(work)
        });
    }
    measured
}

async fn count_syncs(
    rig: &Rig,
    spec: &Throughput,
    contender: Contender,
    rates: &BTreeMap<Contender, f64>,
    extent: &Extent,
) -> Option<f64> {
    let messages = (rates.get(&contender)? * extent.seconds / 3.0).max(2.0 * spec.load.sessions as f64) as usize;
    let counted = throughput::syncs(rig, contender, &spec.load, spec.then, messages)
        .await
        .and_then(|syncs| syncs.context("it may sync where strace does not see it"));
    match counted {
        Ok(syncs) => {
            tell(
                spec.rate,
                &format!("{:<21} {syncs:>9.3} syncs per message", contender.name()),
            );
            Some(syncs)
        }
        Err(why) => {
            tell(
                spec.rate,
                &format!("{}: syncs were not counted: {why}", contender.name()),
            );
            None
        }
    }
}

fn failed(work: &str, contender: Contender, why: &anyhow::Error) -> String {
    let what = format!("{}: {why:#}", contender.name());
    tell(work, &format!("FAILED  {what}"));
    what
}
