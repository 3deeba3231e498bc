//! How far a process has come, told by what it read and wrote: a moment that means the same on a slow machine and on a
//! quick one, and on a busy one.

use std::fs;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a machine that can be worked with.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a process has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Calls with which it read or wrote a file.
    pub calls: u64,
    /// Octets that it wrote to files.
    pub written: u64,
}

impl Progress {
    /// That of a process; `None` where it has ended.
    pub fn of(pid: u32) -> Option<Self> {
        let told = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        let number = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        Some(Self {
            calls: number("syscr:")? + number("syscw:")?,
            written: number("wchar:")?,
        })
    }
}

/// Watches a process until it has come this far; `false` where it has ended, or stands still for good.
pub fn reaches(pid: u32, mut far_enough: impl FnMut(Progress) -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match Progress::of(pid) {
            None => return false,
            Some(progress) if far_enough(progress) => return true,
            Some(_) => std::thread::yield_now(),
        }
    }
    false
}
