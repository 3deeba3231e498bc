//! What recording costs: the same gate with its ledger and without, in turn.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{Extent, Series, tell};
use crate::gate::{self, PATIENCE};
use crate::load::{self, Load, Sessions};
use crate::portcullis;
use crate::report::Measured;
use crate::rig::{Rig, free_port};
use crate::server::{Contender, Setup};
use crate::stats::Range;

/// The row.
pub(super) const WORK: &str = "ledger-cost";

const LOAD: Load = Load {
    octets: 2048,
    sessions: 20,
    stay: Sessions::Stay,
};
/// Messages before anything is timed.
const WARM_UP: usize = 2000;

/// Which gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Recorded,
    Unrecorded,
}

pub(super) async fn measure(rig: &Rig, extent: &Extent) -> Measured {
    let (mut costs, mut rates) = (Series::default(), [Vec::new(), Vec::new()]);
    if let Err(why) = run(rig, extent, &mut costs, &mut rates).await {
        costs.fail(WORK, Contender::Portcullis, &why);
    }
    let mut row = costs.into_row(WORK);
    let [recorded, unrecorded] = rates.map(|rates| Range::of(&rates).map_or(0.0, |range| range.median));
    row.note = Some(format!(
        "{recorded:.0} messages/s with the ledger, {unrecorded:.0} without"
    ));
    row
}

async fn run(rig: &Rig, extent: &Extent, costs: &mut Series, rates: &mut [Vec<f64>; 2]) -> anyhow::Result<()> {
    let first = once(rig, Kind::Recorded, WARM_UP).await?;
    let messages = ((first * extent.seconds) as usize).clamp(WARM_UP, 500_000);
    for round in 0..extent.runs {
        // Each is first as often.
        let (recorded, unrecorded) = if round.is_multiple_of(2) {
            let recorded = once(rig, Kind::Recorded, messages).await?;
            (recorded, once(rig, Kind::Unrecorded, messages).await?)
        } else {
            let unrecorded = once(rig, Kind::Unrecorded, messages).await?;
            (once(rig, Kind::Recorded, messages).await?, unrecorded)
        };
        let cost = (1.0 - recorded / unrecorded) * 100.0;
        let turn = format!("run {} of {}", round + 1, extent.runs);
        tell(
            WORK,
            &format!("{turn}  {recorded:>9.0} with the ledger {unrecorded:>9.0} without  {cost:>6.1} %"),
        );
        costs.add(Contender::Portcullis, cost);
        let [of_recorded, of_unrecorded] = rates;
        of_recorded.push(recorded);
        of_unrecorded.push(unrecorded);
    }
    Ok(())
}

/// Messages a second of a fresh gate.
async fn once(rig: &Rig, kind: Kind, messages: usize) -> anyhow::Result<f64> {
    let dir = rig.folder("gate")?;
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let setup = Setup {
        sessions: LOAD.sessions,
        certificate: Some(rig.certificate.clone()),
        ..Setup::default()
    };
    let config = portcullis::write(dir.path(), at.port(), free_port()?, &setup)?;
    let mut gate = spawn(kind, &config)?;
    greets(at).await?;
    load::send(rig, at, &LOAD, WARM_UP, PATIENCE).await?;
    let began = Instant::now();
    let ended = load::send(rig, at, &LOAD, messages, 4 * PATIENCE).await?;
    let rate = messages as f64 / ended.duration_since(began).as_secs_f64();
    drop(gate.stdin.take());
    tokio::time::timeout(PATIENCE, gate.wait())
        .await
        .context("the gate did not end")??;
    let (taken, recorded) = gate::counts(&config)?;
    let sent = (WARM_UP + messages) as u64;
    let right = match kind {
        Kind::Recorded => recorded >= sent,
        Kind::Unrecorded => recorded == 0,
    };
    if taken != sent || !right {
        bail!("{kind:?}: {sent} messages were acknowledged, {taken} are stored, {recorded} events recorded");
    }
    Ok(rate)
}

fn spawn(kind: Kind, config: &PathBuf) -> anyhow::Result<Child> {
    let log = std::fs::File::create(config.with_file_name("log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("gate").arg("--config").arg(config);
    if kind == Kind::Unrecorded {
        command.arg("--unrecorded");
    }
    command
        .stdin(Stdio::piped())
        .stderr(log.try_clone()?)
        .stdout(log)
        .kill_on_drop(true);
    command.spawn().context("a gate of our own")
}

async fn greets(at: SocketAddr) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        if let Ok(mut stream) = TcpStream::connect(at).await {
            let mut octets = [0; 3];
            stream.read_exact(&mut octets).await?;
            anyhow::ensure!(&octets == b"220", "the gate greets with {octets:?}");
            return Ok(());
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "the gate did not greet");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
