//! How much memory a queued message takes, counted octet by octet as it is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::alloc::System;
use std::sync::Arc;

use bytes::Bytes;
use cap::Cap;
use common::*;
use spool::{AttemptRecord, Config, Opened, Settlement, State, Writer, open};
use world::OsDisk;

/// Counts, and limits nothing.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

const MESSAGES: usize = 20_000;
/// Octets of memory for one queued message of one recipient, all included.
const BUDGET: usize = 280;
/// The same when it was tried once, in vain, at a host that always says the same.
const BUDGET_TRIED: usize = 380;
/// Octets of memory asked for to read one back at a start, most of them for a moment only.
const BUDGET_READ: usize = 750;

async fn fill(spool: &Opened) {
    for round in 0..MESSAGES / 200 {
        let sending: Vec<_> = (0..200)
            .map(|n| {
                let intake = spool.intake.clone();
                tokio::spawn(async move {
                    let mut letter = letter(
                        intake.new_id(),
                        "application@example.edu",
                        &[&format!("reader-{round}-{n}@elsewhere.example")],
                    );
                    letter.testimony = Bytes::new();
                    letter.params.envid = None;
                    letter.recipients[0].params.orcpt = None;
                    commit(&intake, letter, &octets(n, 1000)).await.unwrap();
                })
            })
            .collect();
        for sent in sending {
            sent.await.unwrap();
        }
    }
}

/// One attempt for each, which fails.
async fn try_all(spool: &Opened) {
    let at = now();
    loop {
        let leases = spool.dispatch.lease(at, 500);
        if leases.is_empty() {
            return;
        }
        let settling: Vec<_> = leases
            .into_iter()
            .map(|lease| {
                let dispatch = spool.dispatch.clone();
                tokio::spawn(async move {
                    let until = at.plus(std::time::Duration::from_secs(3600 + lease.id.number() % 900));
                    let attempt = AttemptRecord {
                        id: mail::AttemptId::new(lease.id.number()),
                        at,
                        took_ms: 30_000,
                        host: "mx.elsewhere.example".into(),
                        ip: Some("192.0.2.25".parse().unwrap()),
                        tls: "".into(),
                        reply: "the connection was not answered in time".into(),
                    };
                    let settlement = Settlement {
                        attempt: Some(attempt),
                        ..Settlement::new(0, State::Deferred { until })
                    };
                    dispatch.settle(&lease, vec![settlement]).await.unwrap();
                })
            })
            .collect();
        for settled in settling {
            settled.await.unwrap();
        }
    }
}

#[test]
fn a_queued_message_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        memory_octets: 0,
        keep_free_octets: 0,
        ..Config::new(folder.path())
    };
    let each = |before: usize| (MEMORY.allocated() - before) / MESSAGES;
    let opened = || {
        let mut world = world_on(OsDisk, 1);
        world.disk = Arc::new(OsDisk);
        open(config.clone(), &world, Writer::Task).unwrap()
    };
    story(async {
        let spool = opened();
        let before = MEMORY.allocated();
        fill(&spool).await;
        println!("{} octets for a queued message", each(before));
        assert!(each(before) <= BUDGET, "{} octets for a queued message", each(before));
        spool.closer.close().await;
    });
    story(async {
        let (before, asked) = (MEMORY.allocated(), MEMORY.total_allocated());
        let spool = opened();
        let asked = (MEMORY.total_allocated() - asked) / MESSAGES;
        println!("{} octets for one that was read back, of {asked}", each(before));
        assert_eq!(spool.report.messages, MESSAGES as u64);
        assert!(
            each(before) <= BUDGET,
            "{} octets for one that was read back",
            each(before)
        );
        assert!(asked <= BUDGET_READ, "{asked} octets asked for to read one back");
        try_all(&spool).await;
        println!("{} octets for one that was tried", each(before));
        assert!(
            each(before) <= BUDGET_TRIED,
            "{} octets for one that was tried",
            each(before)
        );
    });
}
