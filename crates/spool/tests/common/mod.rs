//! Letters, worlds and readers for the stories told about the spool.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod ear;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ear::Ear;
use mail::{ForwardPath, MailParams, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use policy::{Generation, NoticeKind, Permit, notice_permit};
use spool::{Addressee, Body, BodyError, CommitError, Config, Content, Intake, Letter, Opened, Stored, Writer, open};
use world::sim::disk::SimDisk;
use world::sim::{GENESIS, SeedRng, SimClock, SimNet};
use world::{Disk, World};

pub const DIR: &str = "/spool";

/// Runs a story under paused time.
pub fn story<T>(tale: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(tale)
}

/// The same, with an ear for what the operator is told meanwhile.
pub fn heard<T, F: Future<Output = T>>(tale: impl FnOnce(Ear) -> F) -> T {
    let ear = Ear::default();
    ear.clone().listen(|| story(tale(ear)))
}

/// A simulated world on this disk; to be made inside the runtime.
pub fn world_on(disk: impl Disk, seed: u64) -> World {
    World {
        clock: Arc::new(SimClock::new(GENESIS)),
        rng: Arc::new(SeedRng::new(seed)),
        net: Arc::new(SimNet::new()),
        disk: Arc::new(disk),
    }
}

/// Small enough that a short story fills several segments and writes checkpoints.
pub fn small() -> Config {
    Config {
        segment_octets: 8 << 10,
        spill_octets: 3000,
        memory_octets: 0,
        keep_free_octets: 0,
        checkpoint_every_octets: 12 << 10,
        ..Config::new(DIR)
    }
}

pub fn open_small(disk: &SimDisk) -> Opened {
    open_with(disk, small())
}

pub fn open_with(disk: &SimDisk, config: Config) -> Opened {
    open(config, &world_on(disk.clone(), 1), Writer::Task).unwrap()
}

pub fn permit() -> Permit {
    notice_permit(MessageId::new(1), NoticeKind::Failure, Generation(7), 99)
}

pub fn addressee(to: &str) -> Addressee {
    Addressee {
        path: ForwardPath::Mailbox(to.parse().unwrap()),
        params: RcptParams {
            notify: None,
            orcpt: Some(format!("rfc822;{to}").into()),
        },
        permit: permit(),
    }
}

pub fn letter(id: MessageId, from: &str, to: &[&str]) -> Letter {
    Letter {
        id,
        session: SessionId::new(5),
        received: Timestamp(GENESIS),
        reverse: ReversePath::Mailbox(from.parse().unwrap()),
        params: MailParams {
            envid: Some("E1".into()),
            ..MailParams::default()
        },
        prepend: Bytes::from(format!("Received: by spool with id {id}\r\n")),
        edits: Vec::new(),
        subject: Some("Minutes".into()),
        source: "relay, 192.0.2.7".into(),
        grant_contact: Some("owner@example.edu".parse().unwrap()),
        content: Content {
            has_8bit: true,
            ..Content::default()
        },
        testimony: Bytes::from(format!("verdict on {id}")),
        recipients: to.iter().map(|to| addressee(to)).collect(),
    }
}

/// Octets that differ between messages and positions.
pub fn octets(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| ((at * 31 + seed * 131 + at / 251) % 251) as u8)
        .collect()
}

/// Commits `raw` in pieces.
pub async fn commit(intake: &Intake, letter: Letter, raw: &[u8]) -> Result<Stored, CommitError> {
    let mut draft = intake.begin();
    for piece in raw.chunks(700) {
        draft
            .append(Bytes::copy_from_slice(piece))
            .await
            .map_err(|error| CommitError::Broken(error.to_string()))?;
    }
    intake.commit(draft, letter).await
}

/// Commits a plain letter and gives its id.
pub async fn send(intake: &Intake, from: &str, to: &[&str], raw: &[u8]) -> MessageId {
    let id = intake.new_id();
    commit(intake, letter(id, from, to), raw).await.unwrap();
    id
}

pub fn delivered(id: MessageId, raw: &[u8]) -> Vec<u8> {
    let mut all = format!("Received: by spool with id {id}\r\n").into_bytes();
    all.extend_from_slice(raw);
    all
}

pub async fn read(mut body: Body) -> Result<Vec<u8>, BodyError> {
    let mut all = Vec::new();
    while let Some(piece) = body.chunk().await? {
        all.extend_from_slice(&piece);
    }
    assert_eq!(all.len() as u64, body.octets());
    Ok(all)
}

pub fn now() -> Timestamp {
    Timestamp(GENESIS + 1000)
}

pub fn files(disk: &SimDisk, suffix: &str) -> Vec<PathBuf> {
    disk.names()
        .into_iter()
        .filter(|name| name.to_string_lossy().ends_with(suffix))
        .collect()
}

/// Lets this much time go by.
pub async fn rest(duration: std::time::Duration) {
    use world::Clock;
    SimClock::new(GENESIS).sleep_until(duration).await;
}
