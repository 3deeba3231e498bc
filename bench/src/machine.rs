//! What the numbers were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One line about this machine: processors, memory, kernel, and the file system of both queues.
pub fn describe(target: &Path) -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field(&text("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field(&text("/proc/meminfo"), "MemTotal").and_then(|kib| {
        let kib: f64 = kib.split_whitespace().next()?.parse().ok()?;
        Some(format!("{:.0} GiB", kib / 1024.0 / 1024.0))
    });
    let kernel = text("/proc/sys/kernel/osrelease").trim().to_owned();
    let disk = Command::new("stat").args(["-f", "-c", "%T"]).arg(target).output();
    let disk = disk.map_or_else(
        |_| String::new(),
        |done| String::from_utf8_lossy(&done.stdout).trim().to_owned(),
    );
    format!(
        "{cores} x {model}, {}, Linux {kernel}, {disk}",
        memory.unwrap_or_default()
    )
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Today, as dates are written in tables.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
