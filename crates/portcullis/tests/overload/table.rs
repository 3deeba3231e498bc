//! What was seen of the storms, a line each.
//!
//! Printed, and added to `storms.md` in the folder that cargo keeps for tests, so that a long run can show all of it at
//! its end, whatever the runner does with what tests print.

use std::fs::File;
use std::io::Write;

use crate::gauge::Seen;
use crate::sender::Sent;

const HEAD: &str = "\
| storm | sender before | during | ratio | slowest | memory before / at most / behind | sessions at most | files at most / behind | |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

pub struct Row<'a> {
    pub storm: &'a str,
    pub before: &'a Sent,
    pub during: &'a Sent,
    pub rest: Seen,
    pub worst: Seen,
    pub behind: Seen,
    pub told: String,
}

impl Row<'_> {
    pub fn print(&self) {
        let mib = |seen: Seen| seen.memory >> 20;
        let line = format!(
            "| {} | {:.0}/s | {:.0}/s | {:.2} | {} ms | {} / {} / {} MiB | {} | {} / {} | {} |\n",
            self.storm,
            self.before.per_second,
            self.during.per_second,
            self.during.per_second / self.before.per_second,
            self.during.slowest.as_millis(),
            mib(self.rest),
            mib(self.worst),
            mib(self.behind),
            self.worst.sessions,
            self.worst.files,
            self.behind.files,
            self.told,
        );
        print!("{line}");
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/storms.md");
        let mut table = File::options().create(true).append(true).open(path).unwrap();
        let head = if table.metadata().unwrap().len() == 0 { HEAD } else { "" };
        table.write_all(format!("{head}{line}").as_bytes()).unwrap();
    }
}
