//! The bench itself, small: that it measures, that it tells what went wrong, and that it leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A folder that takes the place of `target`; Postfix reads in it as somebody else.
struct Target(tempfile::TempDir);

impl Target {
    fn new() -> Self {
        let open: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        Self(
            tempfile::Builder::new()
                .prefix("portcullis-bench-")
                .permissions(open)
                .tempdir()
                .unwrap(),
        )
    }

    fn bench(&self, only: &str, portcullis: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis-bench"));
        command.args(["--quick", "--only", only, "--target"]).arg(self.0.path());
        command.arg("--portcullis").arg(portcullis);
        command
    }

    fn rows(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.0.path().join("bench.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Folders of runs that are still there.
    fn left(&self) -> Vec<PathBuf> {
        let inside = std::fs::read_dir(self.0.path().join("bench"))
            .into_iter()
            .flatten()
            .flatten();
        inside.map(|entry| entry.path()).collect()
    }

    /// Processes that were started with a file in here.
    fn processes(&self) -> Vec<String> {
        let folder = self.0.path().join("bench").display().to_string();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&folder))
            .collect()
    }
}

/// Whether servers can be run here: the bench wants to be root, beside a Postfix.
fn can_run() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let can = root && Path::new("/usr/sbin/smtp-source").exists();
    if !can {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_PEERS").is_none(),
            "no root, or no Postfix, and PORTCULLIS_REQUIRE_PEERS is set"
        );
        eprintln!("DID NOT RUN: the bench wants to be root, beside a Postfix");
    }
    can
}

/// The program beside ours, which `cargo` builds for the tests of its own room; a test of this room alone asks for it.
fn portcullis() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_portcullis-bench")).with_file_name("portcullis");
    if !program.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "portcullis"])
            .status()
            .unwrap();
        assert!(built.success());
    }
    program
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_small_bench_measures_everybody_and_leaves_nothing_behind() {
    if !can_run() {
        return;
    }
    let target = Target::new();
    let output = target
        .bench("^accept-2k-20$|^cpu-relay-2k|^decide", &portcullis())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let rows = target.rows();
    let works: Vec<&str> = rows.iter().map(|row| row["work"].as_str().unwrap()).collect();
    assert_eq!(works, ["accept-2k-20", "cpu-relay-2k", "decide-10000"]);
    let [accept, cpu, decide] = &rows[..] else {
        panic!("{rows:?}")
    };
    for contender in ["portcullis", "postfix", "roof"] {
        let numbers = &accept[contender];
        assert!(numbers["median"].as_f64().unwrap() > 0.0, "{accept}");
        assert!(numbers["min"].as_f64() <= numbers["max"].as_f64(), "{accept}");
    }
    let ratio = accept["portcullis"]["median"].as_f64().unwrap() / accept["postfix"]["median"].as_f64().unwrap();
    assert!((accept["vs_postfix"].as_f64().unwrap() - ratio).abs() < 1e-9);
    assert!(accept["vs_roof"].is_f64() && accept["unit"] == "messages/s");
    assert!(
        cpu["postfix"]["median"].is_f64() && cpu["roof"].is_null() && cpu["vs_roof"].is_null(),
        "{cpu}"
    );
    assert!(
        decide["portcullis"]["median"].is_f64() && decide["postfix"].is_null(),
        "{decide}"
    );
    assert!(said(&output).contains("to reach") && target.0.path().join("bench.md").exists());
    assert_eq!((target.left(), target.processes()), (vec![], vec![]));
}

#[test]
fn a_server_that_does_not_serve_is_told_loudly() {
    if !can_run() {
        return;
    }
    let target = Target::new();
    let output = target.bench("idle-10000", Path::new("/bin/false")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("FAILED: idle-10000"), "{}", said(&output));
    let rows = target.rows();
    assert_eq!(rows.len(), 1);
    assert!(rows[0]["portcullis"].is_null() && !rows[0]["failures"].as_array().unwrap().is_empty());
    assert_eq!(target.left(), Vec::<PathBuf>::new());
}

#[test]
fn an_interrupted_bench_ends_its_servers_and_removes_its_folders() {
    if !can_run() {
        return;
    }
    let target = Target::new();
    let mut command = target.bench("^relay-100k-20", &portcullis());
    let mut bench = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !target.processes().iter().any(|line| line.contains(" serve ")) {
        assert!(began.elapsed() < Duration::from_secs(60) && bench.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let pid = bench.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut said = String::new();
    for line in BufReader::new(bench.stderr.take().unwrap()).lines() {
        said += &line.unwrap();
    }
    assert_eq!(bench.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!((target.left(), target.processes()), (vec![], vec![]));
}
