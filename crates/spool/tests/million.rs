//! A long queue, measured: memory, a change of all of it, a start. Not a test but for what it prints:
//! `PORTCULLIS_MESSAGES=1000000 cargo test --release -p spool --test million -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use policy::Reason;
use spool::{Change, Config, Holder, Intake, Selector, Writer, open};
use world::World;

const SESSIONS: usize = 50;

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn send_some(intake: Intake, session: usize, messages: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for n in 0..messages {
        let to = format!("reader-{session}-{n}@elsewhere.example");
        let mut letter = letter(intake.new_id(), "application@example.edu", &[&to]);
        letter.params.envid = None;
        letter.recipients[0].params.orcpt = None;
        let begun = Instant::now();
        commit(&intake, letter, &octets(n, 1000)).await.unwrap();
        longest = longest.max(begun.elapsed());
    }
    longest
}

async fn send(intake: &Intake, messages: usize) -> Duration {
    let sending: Vec<_> = (0..SESSIONS)
        .map(|session| tokio::spawn(send_some(intake.clone(), session, messages / SESSIONS)))
        .collect();
    let mut longest = Duration::ZERO;
    for sent in sending {
        longest = longest.max(sent.await.unwrap());
    }
    longest
}

#[test]
#[ignore = "it measures, and takes long"]
fn a_long_queue() {
    let messages = std::env::var("PORTCULLIS_MESSAGES").map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(std::env::var("PORTCULLIS_FOLDER").unwrap_or("/var/tmp".into())).unwrap();
    let world = World::real();
    let config = || Config {
        keep_free_octets: 0,
        ..Config::new(folder.path())
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let spool = open(config(), &world, Writer::Thread).unwrap();
        let empty = resident_mib();
        let begun = Instant::now();
        let longest = send(&spool.intake, messages).await;
        println!(
            "accepted {messages} in {:?}, the longest in {longest:?}",
            begun.elapsed()
        );
        println!("resident {} MiB, {empty} before", resident_mib());
        let hold = Change::Hold {
            reason: Reason::HeldByOperator,
            by: Holder::Suspension,
            until: None,
        };
        let begun = Instant::now();
        let beside = tokio::spawn(send_some(spool.intake.clone(), 0, 200));
        let held = spool.dispatch.change(Selector::All, hold).await.unwrap();
        println!(
            "held {held} in {:?}; accepting beside it took {:?} at most",
            begun.elapsed(),
            beside.await.unwrap()
        );
        for selector in [true, false] {
            let begun = Instant::now();
            match selector {
                true => spool.dispatch.suspend(Selector::All).await.unwrap(),
                false => spool.dispatch.resume(Selector::All).await.unwrap(),
            }
            println!("suspending or resuming all in {:?}", begun.elapsed());
        }
        println!("resident {} MiB", resident_mib());
        let begun = Instant::now();
        spool.closer.close().await;
        println!("closed in {:?}", begun.elapsed());
    });
    runtime.block_on(async {
        let begun = Instant::now();
        let spool = open(config(), &world, Writer::Thread).unwrap();
        println!(
            "{} messages ({} from the checkpoint) after {:?}, {} MiB resident",
            spool.report.messages,
            spool.report.from_checkpoint,
            begun.elapsed(),
            resident_mib()
        );
        let longest = send(&spool.intake, SESSIONS * 200).await;
        println!("accepting takes {longest:?} at most");
        // Not closed: as if it had been killed.
        std::mem::forget(spool);
    });
    drop(runtime);
}
