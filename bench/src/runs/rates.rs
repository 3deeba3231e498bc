//! Messages per second, the CPU they took, and syncs per message.

use std::collections::BTreeMap;

use anyhow::Context;

use super::{Extent, Series, tell, turn};
use crate::network::Network;
use crate::report::{Measured, Syncs};
use crate::rig::Rig;
use crate::rows::{self, Throughput};
use crate::server::Contender;
use crate::stats::Range;
use crate::syncs;
use crate::throughput::{self, Via};

/// The rows of one load.
pub(super) async fn measure(rig: &Rig, extent: &Extent, spec: &Throughput) -> Vec<Measured> {
    let mut loads = Loads {
        rig,
        extent,
        spec,
        rates: Series::default(),
        cpu: Series::default(),
        own: Series::default(),
        last: BTreeMap::new(),
    };
    loads.calibrate().await;
    for round in 0..extent.runs {
        for contender in rows::order(round) {
            loads.run(round, contender).await;
        }
    }
    loads.rows().await
}

struct Loads<'r> {
    rig: &'r Rig,
    extent: &'r Extent,
    spec: &'r Throughput,
    rates: Series,
    cpu: Series,
    /// The same load from our own generator, which other rows rely upon; where both are compared.
    own: Series,
    /// What each did last says how many messages fill the next run.
    last: BTreeMap<Contender, f64>,
}

impl Loads<'_> {
    async fn calibrate(&mut self) {
        for contender in rows::order(0).into_iter().filter(|contender| self.spec.has(*contender)) {
            match throughput::calibrate(self.rig, contender, self.spec, self.extent.seconds).await {
                Ok(rate) => _ = self.last.insert(contender, rate),
                Err(why) => self.rates.fail(self.spec.rate, contender, &why),
            }
        }
    }

    /// As many messages as this contender does in a part of a run.
    fn messages(&self, contender: Contender, part: f64) -> Option<usize> {
        let least = 2.0 * self.spec.load.sessions as f64;
        Some((self.last.get(&contender)? * self.extent.seconds * part).clamp(least, 500_000.0) as usize)
    }

    async fn run(&mut self, round: usize, contender: Contender) {
        let Some(messages) = self.messages(contender, 1.0) else {
            return;
        };
        match throughput::measure(self.rig, contender, self.spec, messages).await {
            Ok(sample) => {
                self.told(round, contender, sample.rate, "");
                self.last.insert(contender, sample.rate);
                self.rates.add(contender, sample.rate);
                if let Some(used) = sample.cpu {
                    self.cpu.add(contender, used);
                }
                if self.compares(contender) {
                    self.run_own(round, contender, messages).await;
                }
            }
            Err(why) => {
                self.rates.fail(self.spec.rate, contender, &why);
                // The row has failed with this; the others are measured still.
                self.last.remove(&contender);
            }
        }
    }

    fn told(&self, round: usize, contender: Contender, rate: f64, by: &str) {
        let turn = turn(self.extent, round, contender);
        tell(self.spec.rate, &format!("{turn} {rate:>9.0} messages/s{by}"));
    }

    /// Whether our own generator has a run beside that of `smtp-source`.
    fn compares(&self, contender: Contender) -> bool {
        let both = self.spec.rate == rows::AGREED && self.rig.network == Network::Own;
        both && contender != Contender::Postfix && self.extent.wants(self.spec.rate)
    }

    async fn run_own(&mut self, round: usize, contender: Contender, messages: usize) {
        let own = Throughput {
            via: Via::Own,
            cpu: None,
            ..*self.spec
        };
        match throughput::measure(self.rig, contender, &own, messages).await {
            Ok(sample) => {
                self.told(round, contender, sample.rate, "  by our own generator");
                self.own.add(contender, sample.rate);
            }
            Err(why) => self.own.fail(self.spec.rate, contender, &why),
        }
    }

    async fn rows(self) -> Vec<Measured> {
        let mut row = self.rates.clone().into_row(self.spec.rate);
        if self.extent.wants(self.spec.rate) && syncs::can_count() {
            row.syncs = Some(Syncs {
                portcullis: self.syncs(Contender::Portcullis).await,
                postfix: self.syncs(Contender::Postfix).await,
            });
        }
        row.note = self.agreement();
        row.failures.extend(self.own.failures);
        let failures = row.failures.clone();
        let mut measured = vec![row];
        if let Some(work) = self.spec.cpu {
            measured.push(Measured {
                failures,
                ..self.cpu.into_row(work)
            });
        }
        measured
    }

    async fn syncs(&self, contender: Contender) -> Option<f64> {
        let messages = self.messages(contender, 0.3)?;
        let counted = throughput::syncs(self.rig, contender, self.spec, messages)
            .await
            .and_then(|syncs| syncs.context("it may sync where strace does not see it"));
        let name = contender.name();
        match counted {
            Ok(syncs) => {
                tell(self.spec.rate, &format!("{name:<21} {syncs:>9.3} syncs per message"));
                Some(syncs)
            }
            Err(why) => {
                tell(self.spec.rate, &format!("{name}: syncs were not counted: {why:#}"));
                None
            }
        }
    }

    /// What both generators did, side by side.
    fn agreement(&self) -> Option<String> {
        let said: Vec<String> = [Contender::Roof, Contender::Portcullis]
            .into_iter()
            .filter_map(|contender| {
                let (ours, source) = (self.own.range(contender)?, self.rates.range(contender)?);
                Some(compared(contender, ours, source))
            })
            .collect();
        (!said.is_empty()).then(|| format!("our own generator beside smtp-source: {}", said.join(", ")))
    }
}

fn compared(contender: Contender, ours: Range, source: Range) -> String {
    format!(
        "{:.0} and {:.0} messages/s into {} ({:.2})",
        ours.median,
        source.median,
        contender.name(),
        ours.median / source.median
    )
}
