//! Questions to a long ledger, asked with the command that users have.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::Command;

use super::{Extent, Series, tell};
use crate::report::Measured;
use crate::rig::Rig;
use crate::server::Contender;
use crate::stats::Range;
use crate::testimony::{self, Question};

/// The row.
pub(super) const WORK: &str = "why-10m";

const EVENTS: usize = 10_000_000;
/// What an event and its part of the index take on disk at most.
const OCTETS_EACH: u64 = 1200;
/// For one question.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn measure(rig: &Rig, extent: &Extent) -> Measured {
    let mut times = BTreeMap::new();
    let mut series = Series::default();
    match run(rig, extent, &mut times).await {
        Ok(told) => {
            let mut row = Measured::new(WORK, slowest(&times), None, None);
            row.note = Some(format!("{told}; {}", each(&times)));
            row
        }
        Err(why) => {
            series.fail(WORK, Contender::Portcullis, &why);
            series.into_row(WORK)
        }
    }
}

/// Seconds of each kind of question.
type Times = BTreeMap<&'static str, Vec<f64>>;

async fn run(rig: &Rig, extent: &Extent, times: &mut Times) -> anyhow::Result<String> {
    let events = extent.scaled(EVENTS);
    rig.has_room(events as u64 * OCTETS_EACH)?;
    let folder = rig.folder("ledger")?;
    let began = Instant::now();
    testimony::fill(folder.path(), events as u64).await?;
    tell(WORK, &format!("{events} events written in {:.0?}", began.elapsed()));
    let told = indexed(rig, folder.path()).await?;
    tell(WORK, &told);
    for round in 0..extent.runs {
        for question in testimony::questions() {
            forget(folder.path())?;
            let took = ask(rig, folder.path(), &question).await?;
            let turn = format!("run {} of {}", round + 1, extent.runs);
            let Question { kind, command, .. } = question;
            tell(WORK, &format!("{turn}  {took:>9.3} s  {command} {kind}"));
            times.entry(kind).or_default().push(took);
        }
    }
    Ok(told)
}

/// Builds the index as an operator would; says how long it took and how large it is.
async fn indexed(rig: &Rig, dir: &Path) -> anyhow::Result<String> {
    let began = Instant::now();
    let done = Command::new(&rig.portcullis)
        .args(["ledger", "index", "--ledger"])
        .arg(dir)
        .kill_on_drop(true)
        .output()
        .await?;
    let took = began.elapsed();
    if !done.status.success() {
        bail!("portcullis ledger index: {}", String::from_utf8_lossy(&done.stderr));
    }
    let (mut files, mut lines, mut index) = (0, 0, 0);
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let octets = entry.metadata()?.len();
        match entry.path().extension().and_then(|end| end.to_str()) {
            Some("jsonl") => {
                files += 1;
                lines += octets;
            }
            Some("index") => index += octets,
            _ => {}
        }
    }
    Ok(format!(
        "{files} files of {} MiB in all, their indexes of {} MiB built in {took:.0?}",
        lines >> 20,
        index >> 20
    ))
}

/// Asks the kernel to forget what it has of these files. It may keep some of it, and a disk below has its own memory.
fn forget(dir: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let file = std::fs::File::open(entry?.path())?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

/// Seconds from the start of the command to its end.
async fn ask(rig: &Rig, dir: &Path, question: &Question) -> anyhow::Result<f64> {
    let began = Instant::now();
    let asked = Command::new(&rig.portcullis)
        .args([question.command, &question.about, "--ledger"])
        .arg(dir)
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(PATIENCE, asked)
        .await
        .with_context(|| format!("{} was not answered within {PATIENCE:?}", question.kind))??;
    let took = began.elapsed().as_secs_f64();
    let expected = if question.known { 0 } else { 1 };
    if done.status.code() != Some(expected) || (question.known && done.stdout.is_empty()) {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!(
            "{} {} ({}): {} {said}",
            question.command,
            question.about,
            question.kind,
            done.status
        );
    }
    Ok(took)
}

/// What the kind with the largest median took.
fn slowest(times: &Times) -> Option<Range> {
    let ranges = times.values().filter_map(|times| Range::of(times));
    ranges.max_by(|a, b| a.median.total_cmp(&b.median))
}

fn each(times: &Times) -> String {
    let mut medians: Vec<(f64, &str)> = times
        .iter()
        .filter_map(|(kind, times)| Some((Range::of(times)?.median, *kind)))
        .collect();
    medians.sort_by(|a, b| b.0.total_cmp(&a.0));
    let said: Vec<String> = medians
        .iter()
        .map(|(median, kind)| format!("{kind} {median:.3} s"))
        .collect();
    said.join(", ")
}
