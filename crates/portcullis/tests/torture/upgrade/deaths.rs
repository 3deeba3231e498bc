//! One of the two is killed while one follows the other, at moments told by how far the successor has come.

use std::collections::BTreeSet;
use std::process::Child;

use super::heirs::{Rig, signal};
use super::knocking::Knocking;
use crate::house::{end, eventually};
use crate::progress::{Progress, reaches};

/// Times that either of them is killed; ten times as often with `PORTCULLIS_LONG`.
const TIMES: u64 = 4;

fn times() -> u64 {
    TIMES
        * if std::env::var_os("PORTCULLIS_LONG").is_some() {
            10
        } else {
            1
        }
}

/// Lets a successor come about this far on its way: the first start of the same gate is the measure of the whole of it.
fn let_it_come(rig: &Rig, successor: &Child, time: u64, whole: u64) {
    let enough = whole * (2 * time + 1) / (2 * times());
    let serves = || rig.serving() == Some(successor.id());
    let mut looked = 0_u64;
    reaches(successor.id(), |progress| {
        looked += 1;
        progress.calls >= enough || looked.is_multiple_of(200) && serves()
    });
}

#[test]
fn whenever_the_former_gate_is_killed_its_successor_serves_and_has_everything() {
    for time in 0..times() {
        let mut rig = Rig::new();
        let whole = Progress::of(rig.gate.id()).unwrap().calls;
        rig.gate
            .command(&["queue", "suspend", "--domain", "held.example"])
            .expect_ok("suspend");
        (0..3).for_each(|number| drop(rig.send(number, "bob@held.example")));
        let mut successor = rig.usurper();
        let_it_come(&rig, &successor, time, whole);
        rig.gate.cut();
        eventually("the successor to be reached", || {
            (rig.serving() == Some(successor.id())).then_some(())
        });
        assert!(rig.send(3, "bob@held.example").starts_with("250 "));
        rig.queue_reaches(4);
        rig.gate
            .command(&["queue", "resume", "--domain", "held.example"])
            .expect_ok("resume");
        rig.arrive_once(4);
        assert!(end(&mut successor).is_some_and(|status| status.success()));
    }
}

/// How far a successor was when it was killed.
#[derive(Debug, Default)]
struct Killed {
    /// It had not asked for anything.
    before: u64,
    /// It had the sockets, and had not yet said that it serves.
    on_its_way: u64,
    /// It had relieved the other.
    behind: u64,
}

impl Killed {
    /// Looks how far a successor is that stands still.
    fn note(&mut self, rig: &Rig) {
        let place = match rig.ask_for_sockets() {
            Ok(_) => &mut self.before,
            Err(why) if why.contains("another successor is on its way") => &mut self.on_its_way,
            // Relieved already; or the name of the socket is the successor's, who says nothing now.
            Err(_) => &mut self.behind,
        };
        *place += 1;
    }
}

#[test]
fn a_successor_that_is_killed_on_its_way_leaves_the_former_at_work_and_takes_nothing_along() {
    let mut rig = Rig::new();
    let whole = Progress::of(rig.gate.id()).unwrap().calls;
    let mut killed = Killed::default();
    // Before the successor says that it serves, either of them may accept.
    let knocking = Knocking::begin(&rig.runtime, rig.relay(), 4);
    for time in 0..times() {
        let former = rig.serving();
        let mut successor = rig.usurper();
        let_it_come(&rig, &successor, time, whole);
        signal(successor.id(), "STOP");
        let behind = killed.behind;
        killed.note(&rig);
        successor.kill().unwrap();
        successor.wait().unwrap();
        // Where its word was under way when it was stopped, the former has heard it since: it is relieved, and ends.
        let serves = killed.behind == behind && rig.serving() == former && rig.gate.is_healthy();
        if !serves {
            // The one that served is dead, as it may be at any other time.
            rig.gate.has_ended();
            rig.gate.restart();
        }
    }
    let seen = knocking.end(&rig.runtime);
    println!("killed successors: {killed:?}; {} messages meanwhile", seen.taken.len());
    assert!(killed.on_its_way > 0, "{killed:?}");
    // The next one takes over as if nothing had been.
    let heir = rig.heir("1s");
    rig.gate.has_ended();
    assert_eq!(rig.serving(), Some(heir.0));
    eventually("everything acknowledged to arrive", || {
        let arrived: BTreeSet<_> = rig
            .receiver
            .arrivals()
            .into_values()
            .flatten()
            .map(|one| one.id)
            .collect();
        seen.taken.iter().all(|id| arrived.contains(id)).then_some(())
    });
    assert!(rig.receiver.mangled().is_empty(), "{:?}", rig.receiver.mangled());
    rig.queue_reaches(0);
    let verified = rig.gate.command(&["ledger", "verify"]).expect_ok("ledger verify");
    assert!(verified.contains("Every link holds."), "{verified}");
}
