//! What sessions cost that say EHLO and then nothing.

use std::time::Duration;

use anyhow::Context;

use super::{Extent, Series, tell, turn};
use crate::generator;
use crate::procs;
use crate::report::Measured;
use crate::rig::Rig;
use crate::rows;
use crate::server::{Contender, Server, Setup};

/// So many sessions, and who takes part.
#[derive(Clone, Copy)]
pub(super) struct Idle {
    pub(super) work: &'static str,
    sessions: usize,
    contenders: &'static [Contender],
}

/// A process of Postfix for each of 10,000 sessions is more than such machines hold.
pub(super) const ROWS: [Idle; 2] = [
    Idle {
        work: "idle-2000",
        sessions: 2000,
        contenders: &[Contender::Portcullis, Contender::Postfix],
    },
    Idle {
        work: "idle-10000",
        sessions: 10_000,
        contenders: &[Contender::Portcullis],
    },
];

/// After this, nobody is still busy with the last session that was opened.
const AFTERWARDS: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(180);

pub(super) async fn measure(rig: &Rig, extent: &Extent, spec: Idle) -> Measured {
    let mut series = Series::default();
    for round in 0..extent.runs {
        for contender in rows::order(round) {
            if !spec.contenders.contains(&contender) {
                continue;
            }
            match run(rig, extent.scaled(spec.sessions), contender).await {
                Ok(memory) => {
                    tell(
                        spec.work,
                        &format!("{} {memory:>9.1} MiB", turn(extent, round, contender)),
                    );
                    series.add(contender, memory);
                }
                Err(why) => series.fail(spec.work, contender, &why),
            }
        }
    }
    series.into_row(spec.work)
}

async fn run(rig: &Rig, sessions: usize, contender: Contender) -> anyhow::Result<f64> {
    let setup = Setup {
        sessions,
        ..Setup::default()
    };
    let server = Server::start(contender, rig, &setup).await?;
    let opened = tokio::time::timeout(PATIENCE, generator::open_idle(server.address, sessions)).await;
    let open = match opened.with_context(|| format!("{sessions} sessions were not open within {PATIENCE:?}"))? {
        Ok(open) => open,
        Err(why) => anyhow::bail!("{why:#}\n{}", server.log_tail()),
    };
    tokio::time::sleep(AFTERWARDS).await;
    let memory = procs::memory_mib(server.pid)?;
    drop(open);
    server.stop().await?;
    Ok(memory)
}
