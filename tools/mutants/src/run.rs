//! Builds the tests of the copy once, and runs them against mutant after mutant.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::rewrite::Mutant;

/// How many mutants are run at a time.
const AT_A_TIME: usize = 2;

/// A program of tests, and what it takes when nothing is wrong.
pub struct Program {
    path: PathBuf,
    folder: PathBuf,
    usual: Duration,
}

/// Builds them, the quickest first; fails where one of them fails without any mutant.
///
/// # Errors
/// In words.
pub fn build(tree: &Path, target: &Path) -> Result<Vec<Program>, Failure> {
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "test",
            "--release",
            "-p",
            "policy",
            "--lib",
            "--tests",
            "--no-run",
            "--message-format",
            "json",
        ])
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", "--cap-lints allow -C debuginfo=0")
        .current_dir(tree)
        .stderr(Stdio::inherit());
    let done = cargo.output()?;
    let text = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        return Err(format!("the copy does not build:\n{}", rendered(&text)).into());
    }
    let folder = tree.join("crates/policy");
    let mut programs = Vec::new();
    for path in text.lines().filter_map(|line| field(line, "executable")) {
        let mut program = Program {
            path: path.into(),
            folder: folder.clone(),
            usual: Duration::from_secs(300),
        };
        let begun = Instant::now();
        if program.notices(0)? {
            return Err(format!("{path} fails without a mutant").into());
        }
        program.usual = begun.elapsed();
        programs.push(program);
    }
    programs.sort_by_key(|program| program.usual);
    Ok(programs)
}

/// The text of a field of a line of JSON, as far as paths and messages of the compiler go.
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn rendered(text: &str) -> String {
    let shown = |line: &str| {
        let (_, rest) = line.split_once("\"rendered\":\"")?;
        let (message, _) = rest.split_once("\",\"")?;
        message
            .contains("error")
            .then(|| message.replace("\\n", "\n").replace("\\\"", "\""))
    };
    text.lines().filter_map(shown).take(5).collect()
}

impl Program {
    /// Whether it fails, or does not end, with this mutant.
    fn notices(&self, number: usize) -> Result<bool, Failure> {
        let mut running = Command::new(&self.path)
            .args(["-q", "--test-threads", "1"])
            .env("MUTANT", number.to_string())
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let until = Instant::now() + self.usual * 10 + Duration::from_secs(20);
        loop {
            if let Some(status) = running.try_wait()? {
                return Ok(!status.success());
            }
            if Instant::now() > until {
                running.kill()?;
                running.wait()?;
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Runs all of them; gives those that nobody notices.
///
/// # Errors
/// A program could not be started.
pub fn all(programs: &[Program], mutants: &[Mutant]) -> Result<Vec<Mutant>, Failure> {
    let (next, survivors, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match noticed(programs, mutant) {
                        Ok(true) => {}
                        Ok(false) => lock(&survivors).push(mutant.clone()),
                        Err(why) => *lock(&failed) = Some(why.to_string()),
                    }
                    if mutant.number % 50 == 0 {
                        eprintln!(
                            "{} of {}, {} survive so far",
                            mutant.number,
                            mutants.len(),
                            lock(&survivors).len()
                        );
                    }
                }
            });
        }
    });
    if let Some(why) = lock(&failed).take() {
        return Err(why.into());
    }
    let mut survivors = std::mem::take(&mut *lock(&survivors));
    survivors.sort_by_key(|mutant| mutant.number);
    Ok(survivors)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn noticed(programs: &[Program], mutant: &Mutant) -> Result<bool, Failure> {
    for program in programs {
        if program.notices(mutant.number)? {
            return Ok(true);
        }
    }
    Ok(false)
}
