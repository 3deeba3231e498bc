//! Running the program under a tool that counts, and reading what it counted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use tokio::runtime::Runtime;

use crate::house::{Gate, Plan, eventually, run};
use crate::load::{self, Book, Load, Manner};
use crate::receiver::Receiver;

/// What the program is given to do.
pub struct Work {
    pub name: &'static str,
    messages: usize,
    relayed: bool,
}

impl Work {
    pub const NONE: Self = Self {
        name: "none",
        messages: 0,
        relayed: false,
    };
    /// Messages that are stored and held.
    pub const ACCEPT: Self = Self {
        name: "accept",
        messages: 100,
        relayed: false,
    };
    /// Messages that are stored and delivered.
    pub const RELAY: Self = Self {
        name: "relay",
        messages: 100,
        relayed: true,
    };

    fn manner(&self) -> Manner {
        Manner {
            clients: 1,
            octets: |_| 2048,
            to: |number| format!("bob{number}@elsewhere.example"),
            each: self.messages,
        }
    }

    /// Has a program do it that runs under a tool; `ready` hears its process id before the first message.
    fn under(&self, tool: &[&str], ready: impl FnOnce(&str)) {
        let runtime = Runtime::new().unwrap();
        let receiver = Receiver::start(&runtime);
        let there = format!("to = [\"{}\"]", receiver.address);
        let mut gate = Gate::start(Plan {
            more: load::grant(),
            under: tool.iter().map(|&word| word.to_owned()).collect(),
            ..Plan::of(there.clone(), there)
        });
        // What it asks itself at its start is not what a message costs.
        gate.logged(&["selftest.done"]);
        if !self.relayed {
            gate.command(&["queue", "suspend", "--all"]).expect_ok("suspending");
        }
        ready(&gate.id().to_string());
        let book = Book::default();
        let at = ([127, 0, 0, 1], gate.ports.relay).into();
        Load::begin(&runtime, at, &self.manner(), &book).wait(&runtime);
        book.heard(|heard| assert_eq!(heard.acknowledged.len(), self.messages, "{:?}", heard.refused));
        let delivered = if self.relayed { self.messages } else { 0 };
        eventually("all of them to be delivered", || {
            (receiver.count() >= delivered).then_some(())
        });
        let ended = gate.end();
        assert!(ended.is_some_and(|status| status.success()), "{}", gate.log());
    }
}

/// How often each thing was counted.
#[derive(Default)]
pub struct Counts(BTreeMap<String, f64>);

impl Counts {
    fn add(&mut self, what: &str, count: f64) {
        *self.0.entry(what.to_owned()).or_default() += count;
    }

    pub fn get(&self, what: &str) -> f64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub fn sum(&self, all: &[&str]) -> f64 {
        all.iter().map(|what| self.get(what)).sum()
    }

    pub fn total(&self) -> f64 {
        self.0.values().sum()
    }

    /// What each message of this work added to what a program without messages counts.
    #[must_use]
    pub fn per_message(mut self, none: &Self, work: &Work) -> Self {
        for (what, count) in &none.0 {
            self.add(what, -count);
        }
        for count in self.0.values_mut() {
            *count /= work.messages as f64;
        }
        self
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut most: Vec<_> = self.0.iter().filter(|(_, count)| count.abs() >= 0.05).collect();
        most.sort_by(|one, other| other.1.total_cmp(one.1));
        most.iter()
            .try_for_each(|(what, count)| write!(f, "{what} {count:.2}, "))
    }
}

/// Instructions, and calls of the allocator, for each message. The start is left out by counting from zero when the
/// program serves: it gathers randomness, which takes more or less.
pub fn callgrind(work: &Work) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("callgrind");
    let to = format!("--callgrind-out-file={}", out.display());
    let zero = |id: &str| {
        run(Command::new("callgrind_control").args(["-z", id])).expect_ok("counting from zero");
    };
    work.under(
        &["valgrind", "-q", "--tool=callgrind", "--compress-strings=no", &to],
        zero,
    );
    read_callgrind(&out).per_message(&Counts::default(), work)
}

fn read_callgrind(out: &Path) -> Counts {
    const ALLOCATOR: [&str; 3] = ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"];
    let mut counts = Counts::default();
    let mut called = false;
    for line in fs::read_to_string(out).unwrap().lines() {
        let (what, value) = line.split_once(['=', ' ']).unwrap_or((line, ""));
        match what {
            "totals:" | "summary:" if counts.get("instructions") == 0.0 => {
                counts.add("instructions", value.trim().parse().unwrap());
            }
            "cfn" => called = ALLOCATOR.iter().any(|name| value.ends_with(name)),
            "calls" if called => {
                let calls = value.split(' ').next().unwrap();
                counts.add("allocations", calls.parse().unwrap());
            }
            _ => {}
        }
    }
    assert!(counts.get("allocations") > 0.0, "calls of the allocator are to be seen");
    counts
}

/// System calls by name, of the whole run.
pub fn strace(work: &Work) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("strace");
    // Detached, so that the process we start and end is the gate itself.
    work.under(
        &["strace", "-D", "-f", "-qq", "-c", "-o", out.to_str().unwrap(), "--"],
        |_| (),
    );
    let table = eventually("the tracer to end", || {
        fs::read_to_string(&out).ok().filter(|table| table.contains(" total"))
    });
    read_strace(&table)
}

/// `% time, seconds, usecs/call, calls, errors, name`; errors stand only where there were any.
fn read_strace(table: &str) -> Counts {
    let mut counts = Counts::default();
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ([_, _, _, calls, name] | [_, _, _, calls, _, name]) = words[..] else {
            continue;
        };
        if let Ok(calls) = calls.parse::<f64>()
            && name != "total"
        {
            counts.add(name, calls);
        }
    }
    counts
}

#[test]
fn a_table_of_strace_is_read_with_and_without_errors() {
    let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                 ------ ----------- ----------- --------- --------- ----------------\n \
                 60.14    1.052549          64     16402       705 futex\n \
                 12.19    0.213405         141      1509           fdatasync\n\
                 ------ ----------- ----------- --------- --------- ----------------\n\
                 100.00    1.750179          26     17911       705 total\n";
    let counts = read_strace(table);
    assert_eq!(
        (counts.get("futex"), counts.get("fdatasync"), counts.total()),
        (16402.0, 1509.0, 17911.0)
    );
}
