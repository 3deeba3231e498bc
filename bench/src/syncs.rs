//! How often a server asks the disk to keep something, counted by `strace` in a run that is not timed.

use std::path::Path;

/// Follows all threads and children, and stops them only at calls that may sync: the filter is in the kernel.
pub const ARGUMENTS: [&str; 6] = [
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-e",
    "trace=fsync,fdatasync,sync_file_range,syncfs,sync,msync,pwritev2,open,openat,io_uring_setup",
    "-esignal=none",
];

/// Whether this machine can count.
pub fn can_count() -> bool {
    std::process::Command::new("strace")
        .args(ARGUMENTS)
        .args(["-o", "/dev/null", "--", "true"])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The syncs that `strace` wrote down; nothing where the server may have synced unseen.
pub fn count(trace: &Path) -> anyhow::Result<Option<usize>> {
    Ok(counted(&std::fs::read_to_string(trace)?))
}

fn counted(trace: &str) -> Option<usize> {
    let unseen = trace
        .lines()
        .any(|line| line.contains("io_uring_setup(") || synchronous_file(line));
    let syncs = trace.lines().filter(|line| is_sync(line)).count();
    (!unseen).then_some(syncs)
}

/// Each write to such a file would be a sync of its own.
fn synchronous_file(line: &str) -> bool {
    line.contains("open") && (line.contains("O_SYNC") || line.contains("O_DSYNC"))
}

/// A call that began; where another thread's call came between, its end is a line of its own.
fn is_sync(line: &str) -> bool {
    const CALLS: [&str; 6] = ["fsync(", "fdatasync(", "sync_file_range(", "syncfs(", "sync(", "msync("];
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_ascii_whitespace());
    CALLS.iter().any(|name| call.starts_with(name)) || (call.starts_with("pwritev2(") && call.contains("SYNC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_of_all_kinds_count_once_each() {
        let trace = "7 fsync(3)                          = 0\n\
                     8 fdatasync(4 <unfinished ...>\n\
                     9 openat(AT_FDCWD, \"fsync(1)\", O_RDONLY) = 3\n\
                     8 <... fdatasync resumed>)            = 0\n\
                     8 pwritev2(4, [{}], 1, 0, RWF_DSYNC) = 4\n\
                     8 pwritev2(4, [{}], 1, 0, 0) = 4\n";
        assert_eq!(counted(trace), Some(3));
    }

    #[test]
    fn where_syncs_may_be_unseen_there_is_no_number() {
        assert_eq!(counted("7 openat(AT_FDCWD, \"a\", O_RDWR|O_DSYNC) = 3\n"), None);
        assert_eq!(counted("7 io_uring_setup(8, {}) = 3\n"), None);
    }
}
