//! What one message costs, counted instead of timed: instructions and allocations under callgrind, system calls and
//! syncs under strace. What is counted is the built program with the defaults it ships with, given messages of 2 KB one
//! after the other; what it takes to start is left out.
//!
//! `budget.toml` says what a message may cost. `PORTCULLIS_REWRITE=1` writes it anew; `PORTCULLIS_BINARY` names another
//! binary to look at, as a release.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr, dead_code, missing_docs, unreachable_pub)]

#[path = "../peers/house/mod.rs"]
mod house;
#[path = "../torture/letters.rs"]
mod letters;
#[path = "../torture/load.rs"]
mod load;
#[path = "../torture/receiver.rs"]
mod receiver;

mod budget;
mod count;

use budget::Budget;
use count::{Work, callgrind, strace};
use house::{absent, have, run};

#[test]
fn a_message_takes_no_more_instructions_and_allocations_than_its_budget() {
    if !have("valgrind") {
        return;
    }
    let mut budget = Budget::read();
    for work in [Work::ACCEPT, Work::RELAY] {
        let spent = callgrind(&work);
        budget.compare(work.name, "instructions", spent.get("instructions"));
        budget.compare(work.name, "allocations", spent.get("allocations"));
    }
    budget.judge();
}

#[test]
fn a_message_takes_no_more_system_calls_and_syncs_than_its_budget() {
    if !have("strace") || !may_trace() {
        return;
    }
    let mut budget = Budget::read();
    let none = strace(&Work::NONE);
    for work in [Work::ACCEPT, Work::RELAY] {
        let spent = strace(&work).per_message(&none, &work);
        budget.compare(work.name, "system_calls", spent.total());
        budget.compare(
            work.name,
            "syncs",
            spent.sum(&["fsync", "fdatasync", "sync_file_range"]),
        );
        println!("{}: {spent}", work.name);
    }
    budget.judge();
}

/// Whether this system lets one process trace another; said aloud where not.
fn may_trace() -> bool {
    let mut strace = std::process::Command::new("strace");
    let tried = run(strace.args(["-D", "-qq", "-o", "/dev/null", "true"]));
    tried.ok || absent(&format!("strace may trace nothing here: {}", tried.out.trim()))
}
