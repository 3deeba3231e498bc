//! A long queue: what it costs to keep, and how soon it is served again after a restart.

use std::time::Duration;

use anyhow::bail;

use super::{Extent, Series, tell, turn};
use crate::load::{self, Load, Sessions};
use crate::procs;
use crate::report::Measured;
use crate::rig::Rig;
use crate::server::{Contender, Server, Setup};

/// The rows.
pub(super) const WORKS: [&str; 2] = ["queue-1m-memory", "queue-1m-restart"];

const MESSAGES: usize = 1_000_000;
/// It is filled in parts, so that whoever waits sees how far it is.
const PARTS: usize = 10;
const LOAD: Load = Load {
    octets: 1024,
    sessions: 20,
    stay: Sessions::Stay,
};
/// For a part, and for a restart.
const PATIENCE: Duration = Duration::from_secs(600);
const AFTERWARDS: Duration = Duration::from_secs(2);
/// What a message of 1 KB takes on disk at most, with its envelope, its ledger entry and its log lines.
const OCTETS_EACH: u64 = 6 * 1024;

pub(super) async fn measure(rig: &Rig, extent: &Extent) -> Vec<Measured> {
    let [memory_work, restart_work] = WORKS;
    let (mut memory, mut restart) = (Series::default(), Series::default());
    let mut afterwards = Vec::new();
    if let Err(why) = run(rig, extent, &mut memory, &mut restart, &mut afterwards).await {
        memory.fail("queue-1m", Contender::Portcullis, &why);
        restart.failures.clone_from(&memory.failures);
    }
    let mut row = memory.into_row(memory_work);
    row.note = crate::stats::Range::of(&afterwards).map(|range| {
        format!(
            "after a restart: {:.0} MiB ({:.0}-{:.0})",
            range.median, range.min, range.max
        )
    });
    vec![row, restart.into_row(restart_work)]
}

async fn run(
    rig: &Rig,
    extent: &Extent,
    memory: &mut Series,
    restart: &mut Series,
    afterwards: &mut Vec<f64>,
) -> anyhow::Result<()> {
    let messages = extent.scaled(MESSAGES);
    rig.has_room(messages as u64 * OCTETS_EACH)?;
    let setup = Setup {
        hold: true,
        sessions: LOAD.sessions,
        ..Setup::default()
    };
    let mut server = Server::start(Contender::Portcullis, rig, &setup).await?;
    fill(rig, &server, messages).await?;
    tokio::time::sleep(AFTERWARDS).await;
    let used = procs::memory_mib(server.pid)?;
    tell("queue-1m-memory", &format!("filled                {used:>9.1} MiB"));
    memory.add(Contender::Portcullis, used);
    for round in 0..extent.runs {
        let took = restarted(&mut server, messages).await?;
        let turn = turn(extent, round, Contender::Portcullis);
        tell("queue-1m-restart", &format!("{turn} {took:>9.2} s"));
        restart.add(Contender::Portcullis, took);
        tokio::time::sleep(AFTERWARDS).await;
        afterwards.push(procs::memory_mib(server.pid)?);
    }
    server.stop().await
}

async fn fill(rig: &Rig, server: &Server, messages: usize) -> anyhow::Result<()> {
    for part in 1..=PARTS {
        let (from, to) = (messages * (part - 1) / PARTS, messages * part / PARTS);
        if to > from {
            load::send(rig, server.address, &LOAD, to - from, PATIENCE).await?;
        }
        tell("queue-1m", &format!("{to} of {messages} messages queued"));
    }
    let queued = server.queued().await?;
    if queued != messages {
        bail!("{messages} messages were acknowledged, {queued} are in the queue");
    }
    Ok(())
}

/// Seconds from the start of the process until it greets and knows all of its queue.
async fn restarted(server: &mut Server, messages: usize) -> anyhow::Result<f64> {
    let began = server.restart().await?;
    loop {
        // It may greet before it answers questions about the queue.
        let queued = server.queued().await.unwrap_or_default();
        if queued == messages {
            return Ok(began.elapsed().as_secs_f64());
        }
        if began.elapsed() > PATIENCE {
            bail!("after a restart {queued} of {messages} messages are in the queue");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
