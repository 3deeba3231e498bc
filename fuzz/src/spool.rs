//! Recovery of the spool: files that are damaged, forged, or were never ours.

mod format;
mod image;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mail::{MessageId, Timestamp};
use spool::{Body, Config, OpenError, Opened, Writer, open};
use world::sim::disk::SimDisk;
use world::sim::{GENESIS, SeedRng, SimClock, SimNet};
use world::{Disk, OpenMode, World};

use crate::bites::Bites;

/// What such files are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"PTCSEGMT\x01\0\0\0",
    b"PTCCHKPT\x01\0\0\0",
    b"\x50\x43\x52\xa5",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\0",
];

const DIR: &str = "/spool";

/// Files by name.
pub(crate) type Image = Vec<(PathBuf, Vec<u8>)>;

/// A few places are damaged. No letter that lies elsewhere is lost, none is handed out changed, and work goes on.
pub(crate) fn damage(octets: &[u8]) {
    let whole = image::whole();
    let mut files = whole.files.clone();
    let touched = image::edit(&mut files, &mut Bites(octets));
    let disk = disk_of(&files);
    story(async {
        let opened = match try_open(&disk) {
            Ok(opened) => opened,
            Err(OpenError::UnknownVersion { .. }) if touched.any_version() => return,
            Err(error) => panic!("damage keeps the spool from starting: {error}"),
        };
        let found = letters(&opened).await;
        for (id, octets) in &found {
            assert_eq!(Some(octets), whole.letters.get(id), "{id} is not what was sent");
        }
        for id in whole.due.iter().filter(|id| !touched.reaches(whole, **id)) {
            assert!(
                found.contains_key(id),
                "{id} is lost with its neighbours: {touched:?}, {:?}",
                opened.report
            );
        }
        goes_on(&disk, opened).await;
    });
}

/// The same, with all checksums set right behind the damage: what is read has the right form and the wrong sense.
pub(crate) fn forged(octets: &[u8]) {
    let mut files = image::whole().files.clone();
    image::edit(&mut files, &mut Bites(octets));
    for (path, contents) in &mut files {
        format::set_checksums_right(path, contents);
    }
    start_and_look(&files);
}

/// Files that were never ours.
pub(crate) fn noise(octets: &[u8]) {
    let mut bites = Bites(octets);
    let mut files = Image::new();
    while !bites.is_empty() && files.len() < 8 {
        let (kind, writer, number) = (bites.octet(), bites.octet() % 3, bites.octet() % 4);
        let ending = [
            "segment",
            "checkpoint",
            "message",
            "unfinished",
            "lock",
            "segment",
            "checkpoint",
            "damaged",
        ][usize::from(kind % 8)];
        let name = match ending {
            "lock" => format!("{writer:08x}.lock"),
            "message" => format!("{writer:08x}-{number:016x}.message"),
            _ => format!("{writer:08x}-{number:08x}.{ending}"),
        };
        let len = usize::from(bites.short()).min(bites.0.len());
        let (contents, rest) = bites.0.split_at(len);
        bites.0 = rest;
        let mut contents = contents.to_vec();
        let path = Path::new(DIR).join(name);
        if kind & 0x80 == 0 {
            format::set_checksums_right(&path, &mut contents);
        }
        files.retain(|(other, _)| *other != path);
        files.push((path, contents));
    }
    start_and_look(&files);
}

/// Starts, looks at everything, works, and starts again. Only a version nobody knows is a reason not to start.
fn start_and_look(files: &Image) {
    let disk = disk_of(files);
    story(async {
        match try_open(&disk) {
            Ok(opened) => {
                letters(&opened).await;
                for summary in opened.view.list(&spool::Filter::default(), 100) {
                    let _ = opened.view.get(summary.id).await;
                }
                goes_on(&disk, opened).await;
            }
            Err(OpenError::UnknownVersion { .. }) => {}
            Err(error) => panic!("the spool does not start: {error}"),
        }
    });
}

/// A letter more is taken, survives a start, and is handed out.
async fn goes_on(disk: &SimDisk, opened: Opened) {
    let id = image::send(&opened, 9, 60).await;
    opened.closer.close().await;
    let again = try_open(disk).unwrap_or_else(|error| panic!("it starts once and not twice: {error}"));
    assert!(
        again.view.get(id).await.is_ok_and(|story| story.is_some()),
        "a new letter is lost"
    );
    again.closer.close().await;
}

/// Whatever can be handed out.
async fn letters(opened: &Opened) -> BTreeMap<MessageId, Vec<u8>> {
    let mut found = BTreeMap::new();
    for lease in opened.dispatch.lease(Timestamp(GENESIS + 1000), 1000) {
        let Ok(body) = opened.dispatch.open(&lease).await else {
            continue;
        };
        if let Some(octets) = read(body).await {
            found.insert(lease.id, octets);
        }
    }
    found
}

async fn read(mut body: Body) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = body.chunk().await.ok()? {
        all.extend_from_slice(&piece);
    }
    Some(all)
}

fn try_open(disk: &SimDisk) -> Result<Opened, OpenError> {
    open(small(), &world_on(disk, 1), Writer::Task)
}

/// Small enough that a short story fills several segments and writes checkpoints.
fn small() -> Config {
    Config {
        segment_octets: 4 << 10,
        spill_octets: 1500,
        memory_octets: 0,
        keep_free_octets: 0,
        checkpoint_every_octets: 6 << 10,
        ..Config::new(DIR)
    }
}

/// Runs a story under paused time, for an hour at most: whoever hangs, hangs longer.
pub(crate) fn story(tale: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let ended = runtime
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(3600), tale).await });
    assert!(ended.is_ok(), "it hangs");
}

pub(crate) fn world_on(disk: &SimDisk, seed: u64) -> World {
    World {
        clock: Arc::new(SimClock::new(GENESIS)),
        rng: Arc::new(SeedRng::new(seed)),
        net: Arc::new(SimNet::new()),
        disk: Arc::new(disk.clone()),
    }
}

pub(crate) fn put(disk: &SimDisk, path: &Path, contents: &[u8]) {
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    file.write_at(0, &[contents]).unwrap();
    file.sync().unwrap();
}

fn disk_of(files: &Image) -> SimDisk {
    let disk = SimDisk::new();
    files.iter().for_each(|(path, contents)| put(&disk, path, contents));
    disk
}

pub(crate) fn contents(disk: &SimDisk) -> Image {
    disk.names()
        .into_iter()
        .filter_map(|path| Some((path.clone(), disk.contents(&path)?)))
        .collect()
}
