//! What goes well.

use std::collections::BTreeSet;

use portcullis::version::version;

use super::heirs::{Heir, NEXT, Rig, lives};
use super::knocking::Knocking;
use crate::folder::accepted;
use crate::house::{binary, eventually};
use crate::{letters, load};

/// Times that a gate is followed under load; ten times as often with `PORTCULLIS_LONG`.
const TIMES: usize = 3;

#[test]
fn not_one_connection_is_refused_while_one_gate_follows_another() {
    let mut rig = Rig::new();
    let times = TIMES
        * if std::env::var_os("PORTCULLIS_LONG").is_some() {
            10
        } else {
            1
        };
    let knocking = Knocking::begin(&rig.runtime, rig.relay(), 6);
    let mut last: Option<Heir> = None;
    for _ in 0..times {
        let before = knocking.sessions();
        let heir = rig.heir("30s");
        match last.replace(heir) {
            // With the last of its sessions it goes, long before the time it was granted is over.
            Some(former) => former.ends(),
            None => rig.gate.has_ended(),
        }
        eventually("visitors at the new gate", || {
            (knocking.sessions() > before + 20).then_some(())
        });
        assert_eq!(rig.serving(), last.as_ref().map(|heir| heir.0));
    }
    let seen = knocking.end(&rig.runtime);
    assert!(
        seen.wrong.is_empty(),
        "of {} sessions went wrong: {:?}",
        seen.sessions,
        seen.wrong
    );
    assert_eq!(
        seen.taken.iter().collect::<BTreeSet<_>>().len(),
        seen.taken.len(),
        "an id was given twice"
    );
    rig.arrive_once(seen.taken.len());
    rig.queue_reaches(0);
    let verified = rig.gate.command(&["ledger", "verify"]).expect_ok("ledger verify");
    assert!(
        verified.contains("Every link holds.") && verified.contains("head    gate-2:"),
        "{verified}"
    );
    eventually("all of it in the ledger", || {
        let told = accepted(&rig.gate.path("ledger"));
        seen.taken.iter().all(|id| told.contains(id)).then_some(())
    });
}

#[test]
fn one_version_follows_another_and_the_first_comes_back() {
    let mut rig = Rig::new();
    rig.gate
        .command(&["queue", "suspend", "--domain", "held.example"])
        .expect_ok("suspend");
    rig.send(1_000_000, "bob@held.example");
    let knocking = Knocking::begin(&rig.runtime, rig.relay(), 3);
    let (this, next) = (version().to_owned(), rig.next_version());
    assert_eq!(rig.version().as_ref(), Some(&this));

    let newer = rig.heir_from(&next, NEXT);
    rig.gate.has_ended();
    rig.gate.logged(&["gate.relieved", &format!("\"version\":\"{NEXT}\"")]);
    rig.gate.logged(&["upgrade.done", &format!("\"version\":\"{this}\"")]);
    assert_eq!(rig.version().as_deref(), Some(NEXT));

    // It was no good after all: whoever reads its formats may follow it too.
    let older = rig.heir_from(&binary(), &this);
    newer.ends();
    assert_eq!((rig.serving(), rig.version()), (Some(older.0), Some(this)));
    let seen = knocking.end(&rig.runtime);
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    rig.gate
        .command(&["queue", "resume", "--domain", "held.example"])
        .expect_ok("resume");
    rig.arrive_once(seen.taken.len() + 1);
    rig.queue_reaches(0);
}

#[test]
fn a_session_goes_on_at_the_former_gate_and_ends_with_its_grace() {
    let mut rig = Rig::new();
    let message = |number| letters::stuffed(&letters::text(number, 400));
    let mut session = rig.runtime.block_on(load::Session::open(rig.relay())).unwrap();
    let former = rig.gate.id();
    let heir = rig.heir("2s");
    assert_eq!(rig.serving(), Some(heir.0));
    let told = rig
        .runtime
        .block_on(session.transact("bob@elsewhere.example", &message(1)))
        .unwrap();
    assert!(told.starts_with("250 ") && lives(former), "{told}");
    assert!(rig.send(2, "bob@elsewhere.example").starts_with("250 "));
    rig.gate.has_ended();
    // Health and control are the successor's.
    assert_eq!(rig.serving(), Some(heir.0));
    assert!(rig.gate.is_healthy());
    rig.gate.logged(&["gate.relieved"]);
    rig.arrive_once(2);
    drop(session);
}

#[test]
fn the_queue_of_the_former_gate_is_adopted_and_suspensions_hold_throughout() {
    let mut rig = Rig::new();
    rig.gate
        .command(&["queue", "suspend", "--domain", "held.example"])
        .expect_ok("suspend");
    (0..5).for_each(|number| drop(rig.send(number, "bob@held.example")));
    let session = rig.runtime.block_on(load::Session::open(rig.relay())).unwrap();
    let _heir = rig.heir("60s");
    // The former gate lives with its session, and keeps its queue.
    assert!(rig.send(5, "bob@held.example").starts_with("250 "));
    rig.queue_reaches(1);
    drop(session);
    rig.gate.has_ended();
    rig.queue_reaches(6);
    assert_eq!(rig.receiver.count(), 0);
    rig.gate
        .command(&["queue", "resume", "--domain", "held.example"])
        .expect_ok("resume");
    rig.arrive_once(6);
    rig.queue_reaches(0);
    let adopted = rig.gate.logged(&["spool.adopted"]);
    assert!(adopted.contains("\"messages\":5"), "{adopted}");
}

#[test]
fn a_gate_that_is_killed_after_it_was_relieved_leaves_its_queue_to_its_successor() {
    let mut rig = Rig::new();
    rig.gate
        .command(&["queue", "suspend", "--domain", "held.example"])
        .expect_ok("suspend");
    (0..5).for_each(|number| drop(rig.send(number, "bob@held.example")));
    let mut session = rig.runtime.block_on(load::Session::open(rig.relay())).unwrap();
    let _heir = rig.heir("60s");
    let late = letters::stuffed(&letters::text(5, 400));
    let told = rig
        .runtime
        .block_on(session.transact("bob@held.example", &late))
        .unwrap();
    assert!(told.starts_with("250 "), "{told}");
    rig.gate.cut();
    rig.queue_reaches(6);
    rig.gate
        .command(&["queue", "resume", "--domain", "held.example"])
        .expect_ok("resume");
    rig.arrive_once(6);
}
