//! What the processes of a server used: CPU time and memory, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What `/proc/PID/stat` says of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of its own and of children that it has waited for, in ticks of the clock.
    ticks: u64,
}

/// The name of a process stands in parentheses and may hold anything; the numbers begin behind the last one.
fn parse(line: &str) -> Option<Stat> {
    let numbers: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| numbers.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

/// All processes of this machine.
fn all() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))
        })
        .collect()
}

/// The process and everything that descends from it.
pub fn tree(root: u32) -> Vec<u32> {
    members(root, &all())
}

fn members(root: u32, all: &BTreeMap<u32, Stat>) -> Vec<u32> {
    let mut tree: Vec<u32> = all.contains_key(&root).then_some(root).into_iter().collect();
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        tree.extend(
            all.iter()
                .filter(|(_, stat)| stat.parent == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    tree
}

/// User and system seconds of a process, its children, and those that have ended already.
pub fn cpu_secs(root: u32) -> f64 {
    let all = all();
    let ticks: u64 = members(root, &all)
        .iter()
        .filter_map(|pid| all.get(pid))
        .map(|stat| stat.ticks)
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// The memory of a process and its children in MiB: pages that several share are counted once (PSS).
pub fn memory_mib(root: u32) -> anyhow::Result<f64> {
    let mut kib = 0;
    for pid in tree(root) {
        // One that has just ended uses nothing.
        let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            continue;
        };
        kib += pss_kib(&rollup).with_context(|| format!("no Pss in /proc/{pid}/smaps_rollup"))?;
    }
    if kib == 0 {
        bail!("the memory of process {root} cannot be read");
    }
    Ok(kib as f64 / 1024.0)
}

fn pss_kib(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the process is there and has not ended.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|line| {
        line.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    })
}

/// Asks these processes to end, waits, and ends those that do not.
pub fn end(pids: &[u32], patience: Duration) {
    signal(pids, rustix::process::Signal::TERM);
    let began = Instant::now();
    while began.elapsed() < patience {
        if !pids.iter().any(|pid| is_alive(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(pids, rustix::process::Signal::KILL);
}

fn signal(pids: &[u32], signal: rustix::process::Signal) {
    for pid in pids.iter().filter(|pid| is_alive(**pid)) {
        if let Some(pid) = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw) {
            // It may end between the question and the signal.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_behind_a_name_that_tries_to_confuse() {
        let line = "71 (a) b (c)) S 7 71 71 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55";
        assert_eq!(parse(line), Some(Stat { parent: 7, ticks: 127 }));
        assert_eq!(parse("71 (cut) S 7"), None);
    }

    #[test]
    fn a_tree_has_grandchildren_and_no_strangers() {
        let stat = |parent| Stat { parent, ticks: 1 };
        let all = BTreeMap::from([(1, stat(0)), (5, stat(1)), (6, stat(5)), (7, stat(6)), (8, stat(1))]);
        assert_eq!(members(5, &all), [5, 6, 7]);
        assert_eq!(members(9, &all), [0_u32; 0]);
    }

    #[test]
    fn this_process_uses_memory_and_is_alive() {
        let own = std::process::id();
        assert!(memory_mib(own).unwrap() > 0.1);
        assert!(is_alive(own));
    }

    #[test]
    fn shared_pages_count_in_part() {
        assert_eq!(pss_kib("Rss:  900 kB\nPss:   440 kB\nPss_Dirty: 1 kB\n"), Some(440));
    }
}
