//! How long one message takes when nothing else is going on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;

use super::{Extent, Series, tell, turn};
use crate::generator::{self, Took};
use crate::load::{Load, Sessions};
use crate::report::Measured;
use crate::rig::Rig;
use crate::rows;
use crate::server::{Contender, Server, Setup};
use crate::stats::quantile;

/// The rows.
pub(super) const WORKS: [&str; 2] = ["latency-2k-p50", "latency-2k-p99"];

const LOAD: Load = Load {
    octets: 2048,
    sessions: 1,
    stay: Sessions::Stay,
};
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn measure(rig: &Rig, extent: &Extent) -> Vec<Measured> {
    let (mut half, mut tail) = (Series::default(), Series::default());
    let mut bodies: BTreeMap<Contender, Vec<f64>> = BTreeMap::new();
    for round in 0..extent.runs {
        for contender in rows::order(round) {
            match run(rig, extent, contender).await {
                Ok([p50, p99, body]) => {
                    let turn = turn(extent, round, contender);
                    tell("latency-2k", &format!("{turn} p50 {p50:.3} ms, p99 {p99:.3} ms"));
                    half.add(contender, p50);
                    tail.add(contender, p99);
                    bodies.entry(contender).or_default().push(body);
                }
                Err(why) => half.fail("latency-2k", contender, &why),
            }
        }
    }
    tail.failures.clone_from(&half.failures);
    let [first, second] = WORKS;
    let bodies = bodies.into_iter().filter_map(|(contender, mut values)| {
        values.sort_unstable_by(f64::total_cmp);
        Some(format!("{} {:.3} ms", contender.name(), quantile(&values, 0.5)?))
    });
    let note = format!(
        "of this, from the body's first octet to its 250: {}",
        bodies.collect::<Vec<_>>().join(", ")
    );
    let half = Measured {
        note: Some(note),
        ..half.into_row(first)
    };
    vec![half, tail.into_row(second)]
}

/// Half and 99 of 100 messages within, and half of the bodies.
async fn run(rig: &Rig, extent: &Extent, contender: Contender) -> anyhow::Result<[f64; 3]> {
    let setup = Setup {
        hold: true,
        sessions: 1,
        ..Setup::default()
    };
    let server = Server::start(contender, rig, &setup).await?;
    let warmed = generator::send(server.address, LOAD, 200, None, PATIENCE).await?;
    let usual: f64 = warmed.took.iter().map(|took| took.whole).sum::<f64>() / 200.0;
    let messages = (extent.seconds * 1000.0 / usual).clamp(500.0, 50_000.0) as usize;
    let sent = generator::send(server.address, LOAD, messages, None, PATIENCE).await?;
    server.stop().await?;
    let sorted = |time: fn(&Took) -> f64| {
        let mut times: Vec<f64> = sent.took.iter().map(time).collect();
        times.sort_unstable_by(f64::total_cmp);
        times
    };
    let (whole, body) = (sorted(|took| took.whole), sorted(|took| took.body));
    let at = |times: &[f64], part| quantile(times, part).context("nothing was sent");
    Ok([at(&whole, 0.5)?, at(&whole, 0.99)?, at(&body, 0.5)?])
}
