//! The power goes after every single operation of a recorded run; what was acknowledged must be there, octet for octet.
//!
//! A plain list in memory says what has to be true. The same check is given a disk whose sync does nothing, and a disk
//! whose folder sync does nothing, and must find them out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::*;
use mail::{MessageId, Timestamp};
use policy::Reason;
use spool::{Change, Config, Holder, Intake, Opened, Outcome, Selector, Settlement, State, Writer, open};
use world::sim::disk::{Fate, SimDisk};
use world::{Disk, DiskFile, OpenMode};

/// So small, and so quick to call a letter old, that the run also checkpoints, sweeps, deletes, and writes over the
/// segments of earlier lives.
fn hasty() -> Config {
    Config {
        cold_after: Duration::ZERO,
        prepare_after_octets: 1 << 10,
        ..small()
    }
}

/// What has to be true, and from which operation of the disk on.
#[derive(Default)]
struct Model {
    asked: BTreeMap<MessageId, Asked>,
}

struct Asked {
    at: usize,
    raw: Vec<u8>,
    acknowledged: Option<usize>,
    /// When its end was asked for, and when that had been made durable.
    end_asked: Option<usize>,
    ended: Option<usize>,
    /// When its hold had been made durable.
    held: Option<usize>,
}

/// What a disk does wrong, for the check to find out.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    Sync,
    SyncDir,
}

#[derive(Clone)]
struct LyingDisk {
    disk: SimDisk,
    lie: Lie,
}

struct LyingFile {
    file: Box<dyn DiskFile>,
    lie: Lie,
}

impl Disk for LyingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LyingFile {
            file: self.disk.open(path, mode)?,
            lie: self.lie,
        }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(folder)
    }
    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.disk.create_dir(folder)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        if self.lie == Lie::SyncDir {
            Ok(())
        } else {
            self.disk.sync_dir(folder)
        }
    }
    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        self.disk.free_space(folder)
    }
}

impl DiskFile for LyingFile {
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.file.write_at(offset, parts)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }
    fn sync(&self) -> io::Result<()> {
        if self.lie == Lie::Sync {
            Ok(())
        } else {
            self.file.sync()
        }
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }
    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }
}

async fn send_noted(intake: &Intake, disk: &SimDisk, raw: Vec<u8>) -> (MessageId, Asked) {
    let id = intake.new_id();
    let at = disk.operations();
    let stored = commit(intake, letter(id, "a@example.edu", &["b@example.org"]), &raw).await;
    let acknowledged = stored.is_ok().then(|| disk.operations());
    (
        id,
        Asked {
            at,
            raw,
            acknowledged,
            end_asked: None,
            ended: None,
            held: None,
        },
    )
}

/// Rounds of letters at once, some large, with settlements, holds and a restart in between.
async fn run(disk: &SimDisk, lie: Lie, rounds: usize) -> Model {
    let mut model = Model::default();
    let mut spool = start(disk, lie);
    for round in 0..rounds {
        let sizes = [300, 2500, 40 + round * 10, if round % 3 == 0 { 9000 } else { 700 }];
        let sending = sizes.map(|len| {
            let (intake, disk) = (spool.intake.clone(), disk.clone());
            tokio::spawn(async move { send_noted(&intake, &disk, octets(round * 7 + len, len)).await })
        });
        for sent in sending {
            let (id, asked) = sent.await.unwrap();
            model.asked.insert(id, asked);
        }
        rest(Duration::from_millis(10)).await;
        settle_some(&spool, disk, &mut model).await;
        if round % 4 == 1 {
            hold_one(&spool, disk, &mut model).await;
        }
        if round == rounds / 2 {
            spool.closer.close().await;
            spool = start(disk, lie);
        }
    }
    model
}

fn start(disk: &SimDisk, lie: Lie) -> Opened {
    open(
        hasty(),
        &world_on(
            LyingDisk {
                disk: disk.clone(),
                lie,
            },
            3,
        ),
        Writer::Task,
    )
    .unwrap()
}

async fn settle_some(spool: &Opened, disk: &SimDisk, model: &mut Model) {
    for lease in spool.dispatch.lease(now(), 3) {
        let asked = model.asked.get_mut(&lease.id).unwrap();
        asked.end_asked = Some(disk.operations());
        let state = State::Done {
            outcome: Outcome::Delivered,
            at: now(),
        };
        spool
            .dispatch
            .settle(&lease, vec![Settlement::new(0, state)])
            .await
            .unwrap();
        asked.ended = Some(disk.operations());
    }
}

async fn hold_one(spool: &Opened, disk: &SimDisk, model: &mut Model) {
    let waiting = model
        .asked
        .iter_mut()
        .find(|(_, asked)| asked.end_asked.is_none() && asked.held.is_none());
    let Some((id, asked)) = waiting else { return };
    let hold = Change::Hold {
        reason: Reason::HeldByOperator,
        by: Holder::Suspension,
        until: None,
    };
    spool.dispatch.change(Selector::Ids(vec![*id]), hold).await.unwrap();
    asked.held = Some(disk.operations());
}

/// What a start told its operator of a crash.
#[derive(Clone, Copy)]
struct Told {
    /// Of octets that no sync had covered.
    unfinished: bool,
    /// Of files that no letter knows.
    abandoned: bool,
}

/// How many crashes there were, and after how many of them a start told of each.
#[derive(Default)]
struct Crashes {
    all: usize,
    unfinished: usize,
    abandoned: usize,
}

/// Opens the disk as the crash left it and compares. `k`: the operations that had been done.
async fn check(after: &SimDisk, model: &Model, k: usize) -> Result<Told, String> {
    let before = files(after, ".message").len() as u64;
    let spool = open(hasty(), &world_on(after.clone(), 4), Writer::Task).map_err(|error| error.to_string())?;
    if !spool.report.damaged.is_empty() {
        return Err(format!("damage where none was done: {:?}", spool.report.damaged));
    }
    // Others may have gone because their letters were settled.
    let removed = before - files(after, ".message").len() as u64;
    if spool.report.abandoned_files > removed {
        return Err(format!(
            "{removed} files went, and {} are reported",
            spool.report.abandoned_files
        ));
    }
    let told = Told {
        unfinished: spool.report.unfinished_octets > 0,
        abandoned: spool.report.abandoned_files > 0,
    };
    let listed: BTreeMap<_, _> = spool
        .view
        .list(&spool::Filter::default(), usize::MAX)
        .into_iter()
        .map(|line| (line.id, line))
        .collect();
    if listed.len() as u64 != spool.report.messages {
        return Err(format!(
            "{} letters, and {} are reported",
            listed.len(),
            spool.report.messages
        ));
    }
    for (id, asked) in &model.asked {
        let there = listed.get(id);
        let acknowledged = asked.acknowledged.is_some_and(|at| at <= k);
        if acknowledged && asked.end_asked.is_none_or(|at| at > k) && there.is_none() {
            return Err(format!("{id} was acknowledged and is lost"));
        }
        if asked.ended.is_some_and(|at| at <= k) && there.is_some() {
            return Err(format!("{id} was settled and is back"));
        }
        let held = there.is_some_and(|line| matches!(line.recipients[0].1, State::Held { .. }));
        if asked.held.is_some_and(|at| at <= k) && there.is_some() && !held {
            return Err(format!("{id} was held and is free"));
        }
    }
    let known: BTreeSet<_> = model
        .asked
        .iter()
        .filter(|(_, asked)| asked.at <= k)
        .map(|(id, _)| *id)
        .collect();
    if let Some(stranger) = listed.keys().find(|id| !known.contains(id)) {
        return Err(format!("{stranger} was never sent"));
    }
    spool
        .dispatch
        .change(Selector::All, Change::Bounce)
        .await
        .map_err(|error| error.to_string())?;
    for lease in spool.dispatch.lease(Timestamp(i64::MAX), usize::MAX) {
        let body = spool
            .dispatch
            .open(&lease)
            .await
            .map_err(|error| format!("{}: {error}", lease.id))?;
        let whole = read(body).await.map_err(|error| format!("{}: {error}", lease.id))?;
        if whole != delivered(lease.id, &model.asked[&lease.id].raw) {
            return Err(format!("{} reads back differently", lease.id));
        }
    }
    Ok(told)
}

/// Crashes a recorded run after every operation, in several ways; the first violation ends it.
async fn crash_everywhere(disk: &SimDisk, model: &Model) -> Result<Crashes, String> {
    let mut crashes = Crashes::default();
    for k in 0..=disk.operations() {
        let then = disk.rewind(k);
        for fate in [
            Fate::Forget,
            Fate::Keep,
            Fate::Names,
            Fate::Contents,
            Fate::Torn(k as u64, 512),
            Fate::Torn(k as u64, 4096),
            Fate::Chance(k as u64),
            Fate::Chance(k as u64 + 100_000),
        ] {
            let after = then.crash(fate);
            let told = check(&after, model, k)
                .await
                .map_err(|what| format!("operation {k}, {fate:?}: {what}"))?;
            crashes.all += 1;
            crashes.unfinished += usize::from(told.unfinished);
            crashes.abandoned += usize::from(told.abandoned);
        }
    }
    Ok(crashes)
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    story(async {
        let disk = SimDisk::new();
        let model = run(&disk, Lie::None, 10).await;
        assert!(model.asked.values().all(|asked| asked.acknowledged.is_some()));
        let log = disk.log();
        let rich = [
            ("remove /spool", ".segment"),
            ("rename /spool", ".checkpoint"),
            // A dead segment waits for another life, and gets it.
            (".segment to /spool", ".spare"),
            (".spare to /spool", ".segment"),
        ];
        for (begins, ends) in rich {
            assert!(
                log.iter().any(|line| line.contains(begins) && line.ends_with(ends)),
                "the run is to be rich: no {begins}...{ends} in {log:#?}"
            );
        }
        assert!(
            log.iter().any(|line| line.contains(".message")),
            "large ones are among them"
        );
        assert!(
            moved_letters(&disk) > 3,
            "letters that stay are written again elsewhere"
        );
        let crashes = crash_everywhere(&disk, &model).await.unwrap();
        let Crashes {
            all,
            unfinished,
            abandoned,
        } = crashes;
        assert!(all > 800, "only {all} crashes");
        assert!(unfinished > 0 && abandoned > 0, "{unfinished} and {abandoned} are told");
        println!(
            "{all} crashes, {} letters, none lost; told: {unfinished} times of what was unfinished, {abandoned} of abandoned files",
            model.asked.len()
        );
    });
}

/// Records of the kind "moved" in the log.
fn moved_letters(disk: &SimDisk) -> usize {
    let count = |path: &PathBuf| {
        let octets = disk.contents(path).unwrap();
        let magic = 0xa552_4350_u32.to_le_bytes();
        let records = octets
            .windows(16)
            .filter(|record| record[..4] == magic && record[8..] == octets[24..32]);
        records.filter(|record| record[4] == 2).count()
    };
    files(disk, ".segment").iter().map(count).sum()
}

#[test]
fn a_spool_that_does_not_sync_is_found_out() {
    story(async {
        let disk = SimDisk::new();
        let model = run(&disk, Lie::Sync, 3).await;
        let found = crash_everywhere(&disk, &model).await.err().unwrap();
        assert!(found.contains("lost") || found.contains("damage"), "{found}");
    });
}

#[test]
fn a_spool_that_does_not_sync_its_folder_is_found_out() {
    story(async {
        let disk = SimDisk::new();
        let model = run(&disk, Lie::SyncDir, 3).await;
        let found = crash_everywhere(&disk, &model).await.err().unwrap();
        // The name of a segment goes, or that of a large message's file.
        assert!(found.contains("lost") || found.contains("missing"), "{found}");
    });
}

#[test]
fn a_crash_during_recovery_loses_nothing_either() {
    story(async {
        let disk = SimDisk::new();
        let model = run(&disk, Lie::None, 6).await;
        for k in (0..=disk.operations()).step_by(7) {
            let first = disk.rewind(k).crash(Fate::Chance(k as u64));
            let begun = first.operations();
            drop(open(hasty(), &world_on(first.clone(), 5), Writer::Task).unwrap());
            for again in begun..=first.operations() {
                let second = first.rewind(again).crash(Fate::Chance(again as u64));
                check(&second, &model, k)
                    .await
                    .unwrap_or_else(|what| panic!("{k}, then {again}: {what}"));
            }
        }
    });
}

#[test]
fn one_seed_gives_one_order_of_operations() {
    let log = || {
        story(async {
            let disk = SimDisk::new();
            run(&disk, Lie::None, 6).await;
            disk.log()
        })
    };
    assert_eq!(log(), log());
}
