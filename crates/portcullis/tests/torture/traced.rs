//! The system calls of the program under a load: no 250 before the sync that covers it has returned.

use std::fs;

use tokio::runtime::Runtime;

use crate::house::{Gate, Plan, absent, eventually, have, run};
use crate::load::{self, Book, Load, Manner};
use crate::order::{Shown, judge};
use crate::receiver::Receiver;
use crate::syscalls::TRACED;

/// Passing mail of a few kilobytes, and now and then a message with a file of its own.
const MIXED: Manner = Manner {
    clients: 8,
    octets: |number| {
        if number % 40 == 7 {
            400_000
        } else {
            500 + number as usize % 7 * 1000
        }
    },
    to: |number| format!("bob{number}@elsewhere.example"),
    each: 40,
};

/// A run under the tracer, with the calls that it was to answer itself.
struct Run {
    trace: String,
    spool: String,
    book: Book,
}

impl Run {
    /// `None` where nothing can be traced here.
    fn record(inject: &[&str]) -> Option<Self> {
        if !have("strace") || !may_trace() {
            return None;
        }
        let runtime = Runtime::new().unwrap();
        let receiver = Receiver::start(&runtime);
        let there = format!("to = [\"{}\"]", receiver.address);
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        // Detached, so that the process we start and end is the gate itself. Octets are never cut off.
        let strace = [
            "strace", "-D", "-f", "-qq", "-yy", "-xx", "-v", "-s", "16777216", "-e", TRACED,
        ];
        let out = ["-o", trace.to_str().unwrap(), "--"];
        let mut gate = Gate::start(Plan {
            more: load::grant(),
            spool: "dir = \"@DIR@/spool\"\nkeep_free = \"1 MB\"\nsegment_size = \"1 MiB\"".to_owned(),
            under: [&strace, inject, &out]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            ..Plan::of(there.clone(), there)
        });
        let book = Book::default();
        Load::begin(&runtime, ([127, 0, 0, 1], gate.ports.relay).into(), &MIXED, &book).wait(&runtime);
        let acknowledged = book.heard(|heard| heard.acknowledged.len());
        eventually("all of them to be delivered", || {
            (receiver.count() >= acknowledged).then_some(())
        });
        let id = gate.id();
        gate.end();
        let trace = eventually("the tracer to end", || {
            let tracing = fs::read_dir("/proc")
                .unwrap()
                .any(|process| traces(&process.unwrap().path(), &trace));
            (!tracing).then(|| fs::read_to_string(&trace).unwrap())
        });
        assert!(trace.contains(&id.to_string()), "the gate itself was traced");
        assert!(receiver.mangled().is_empty(), "{:?}", receiver.mangled());
        let spool = format!("{}/", fs::canonicalize(gate.path("spool")).unwrap().display());
        Some(Self { trace, spool, book })
    }

    fn judge(&self) -> Shown {
        self.judge_as(&self.trace)
    }

    /// What would be said of this run if its trace had been that one.
    fn judge_as(&self, trace: &str) -> Shown {
        self.book.heard(|heard| {
            assert_eq!(
                heard.acknowledged.len(),
                MIXED.clients * MIXED.each,
                "{:?}",
                heard.refused
            );
            judge(trace, &self.spool, &heard.acknowledged).unwrap()
        })
    }
}

/// Whether this system lets one process trace another; said aloud where not.
fn may_trace() -> bool {
    let mut strace = std::process::Command::new("strace");
    let tried = run(strace.args(["-D", "-qq", "-o", "/dev/null", "true"]));
    tried.ok || absent(&format!("strace may trace nothing here: {}", tried.out.trim()))
}

fn traces(process: &std::path::Path, trace: &std::path::Path) -> bool {
    let command = fs::read(process.join("cmdline")).unwrap_or_default();
    command.starts_with(b"strace") && String::from_utf8_lossy(&command).contains(trace.to_str().unwrap())
}

#[test]
fn every_250_is_sent_after_the_sync_that_covers_it_has_returned() {
    let Some(run) = Run::record(&[]) else { return };
    let shown = run.judge();
    assert!(shown.faults.is_empty(), "{:#?}", shown.faults);
    assert_eq!(shown.proved, MIXED.clients * MIXED.each);
    assert!(shown.own_files >= 8, "only {} large messages", shown.own_files);
    println!(
        "{} replies, each behind its sync; {} messages had files of their own; {} syncs of segments",
        shown.proved, shown.own_files, shown.syncs
    );
    // The same run as a program without the sync would have left it: nothing of it may pass.
    let lines = run.trace.lines().filter(|line| !line.contains("fdatasync"));
    let without = run.judge_as(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!((without.proved, without.faults.len()), (0, shown.proved));
}

#[test]
fn a_program_whose_syncs_do_nothing_is_found_out() {
    // The tracer answers each sync at once and nothing reaches the system: the program as it would be without it.
    let Some(run) = Run::record(&["-e", "inject=fdatasync:retval=0"]) else {
        return;
    };
    let shown = run.judge();
    assert_eq!(shown.proved, 0, "{shown:?}");
    assert!(
        shown
            .faults
            .iter()
            .all(|fault| fault.contains("never synced") || fault.contains("not synced"))
    );
}
