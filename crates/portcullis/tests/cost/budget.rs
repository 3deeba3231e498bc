//! What a message may cost.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much more than was counted is allowed when the budget is written anew: for other compilers and machines.
const HEAD_ROOM: f64 = 1.15;
/// The same for system calls: on a slow machine threads find each other asleep more often.
const HEAD_ROOM_OF_CALLS: f64 = 1.4;
/// What follows from the design instead of being counted: a message that comes alone has a sync of its own, and so may
/// have its settlement; the ledger's, two in a second, are shared by those of that time.
const DESIGNED: &str = "syncs";

const BEGINNING: &str = "\
# What one message of 2 KB may cost, with some room for other compilers and machines; see main.rs beside this file.
# Written anew by `PORTCULLIS_REWRITE=1 cargo test -p portcullis --test cost`, which a change does that saves something,
# or that is worth what it costs.
";

/// Budgets of each work, and what was found against them.
pub struct Budget {
    allowed: BTreeMap<String, BTreeMap<String, f64>>,
    excess: String,
    rewrites: bool,
    /// Two tests may write the one file.
    _alone: MutexGuard<'static, ()>,
}

impl Budget {
    pub fn read() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::fs::read_to_string(path()).unwrap();
        Self {
            allowed: toml::from_str(&text).unwrap(),
            excess: String::new(),
            rewrites: std::env::var_os("PORTCULLIS_REWRITE").is_some(),
            _alone: alone,
        }
    }

    pub fn compare(&mut self, work: &str, what: &str, spent: f64) {
        let allowed = self
            .allowed
            .entry(work.to_owned())
            .or_default()
            .entry(what.to_owned())
            .or_default();
        println!("{work}: {spent:.2} {what} for each message; {allowed} are allowed");
        if self.rewrites && what != DESIGNED {
            let room = if what == "system_calls" {
                HEAD_ROOM_OF_CALLS
            } else {
                HEAD_ROOM
            };
            *allowed = rounded(spent * room);
        } else if spent > *allowed {
            let _ = writeln!(
                self.excess,
                "{work}: {spent:.2} {what} for each message, and {allowed} are allowed"
            );
        }
    }

    /// Fails where something costs more than it may.
    pub fn judge(self) {
        if self.rewrites {
            let text = toml::to_string(&self.allowed).unwrap();
            std::fs::write(path(), format!("{BEGINNING}\n{text}")).unwrap();
        }
        assert!(
            self.excess.is_empty(),
            "{}To see where it goes, compare with the commit before:\n\
             - instructions, allocations: run the program under `valgrind --tool=callgrind` before and after, and look at\n\
               `callgrind_annotate --inclusive=yes`; allocations are the calls of __rust_alloc and its like\n\
             - system calls, syncs: this test prints them by name; `strace -f -k` shows from where each is made\n\
             If it is worth it: PORTCULLIS_REWRITE=1 cargo test -p portcullis --test cost, and say in the commit why",
            self.excess
        );
    }
}

/// To three digits, and to whole numbers: more would only pretend.
fn rounded(value: f64) -> f64 {
    let step = 10_f64.powf(value.max(100.0).log10().floor() - 2.0);
    (value / step).ceil() * step
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "cost", "budget.toml"]
        .iter()
        .collect()
}
