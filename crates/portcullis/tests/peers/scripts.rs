//! The demonstration, and black-box scripts against it: what devices send must pass, what attackers send must not.

use std::process::{Child, Command, Stdio};

use crate::house::{blackbox, end, eventually, free_port, have, run};

/// The demo's copier, as the scripts' arguments.
const COPIER: [&str; 6] = [
    "--source",
    "127.0.0.2",
    "--sender",
    "scan@devices.example.edu",
    "--rcpt",
    "user@example.edu",
];

/// A running `portcullis demo`; it ends when dropped.
struct Demo {
    dir: tempfile::TempDir,
    process: Child,
    facts: serde_json::Value,
}

impl Demo {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            if let Some(demo) = Self::try_start(dir.path()) {
                let (process, facts) = demo;
                return Self { dir, process, facts };
            }
        }
        panic!(
            "the demo did not start:\n{}",
            std::fs::read_to_string(dir.path().join("log")).unwrap()
        );
    }

    /// `None` where somebody else has one of its ports.
    fn try_start(dir: &std::path::Path) -> Option<(Child, serde_json::Value)> {
        let base = free_port() / 3 + 10_000;
        let facts = dir.join("demo.json");
        let _ = std::fs::remove_file(&facts);
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["demo", "--base-port", &base.to_string(), "--dir"])
            .arg(dir.join("demo"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let facts = dir.join("demo/demo.json");
        let facts = eventually("the demo to serve or to end", || {
            if process.try_wait().unwrap().is_some() {
                return Some(None);
            }
            let text = std::fs::read(&facts).ok()?;
            Some(Some(serde_json::from_slice::<serde_json::Value>(&text).ok()?))
        });
        facts.map(|facts| (process, facts))
    }

    fn port(&self, listener: &str) -> String {
        let address = self.facts["listeners"][listener].as_str().unwrap();
        address.rsplit(':').next().unwrap().to_owned()
    }

    /// The rates and error limits of the demo are raised for loopback, so scripts may misbehave at length.
    fn script(&self, name: &str, arguments: &[&str]) {
        let Some(folder) = blackbox().filter(|_| have("python3")) else {
            return;
        };
        let mut script = Command::new("python3");
        script
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(folder.join(name))
            .args(["--quiet"])
            .args(arguments);
        let done = crate::house::run_within(&mut script, std::time::Duration::from_secs(300));
        let said = done.expect_ok(name);
        println!("{name} {arguments:?}: {}", said.lines().last().unwrap_or_default());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- what the demo said\n{}",
                std::fs::read_to_string(self.dir.path().join("log")).unwrap()
            );
        }
        end(&mut self.process);
    }
}

#[test]
fn one_round_of_the_demo_succeeds_only_if_every_message_arrived_intact() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = None;
    for _ in 0..5 {
        let base = (free_port() / 3 + 10_000).to_string();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let done = run(demo
            .args(["demo", "--once", "--base-port", &base, "--dir"])
            .arg(dir.path().join(&base)));
        if done.ok {
            return;
        }
        last = Some(done);
    }
    last.unwrap().expect_ok("demo --once");
}

#[test]
fn what_devices_send_gets_through_the_relay_port() {
    let demo = Demo::start();
    let port = demo.port("relay");
    demo.script("quirks.py", &[&["--port", port.as_str()][..], &COPIER].concat());
}

#[test]
fn nothing_is_carried_across_starttls() {
    let demo = Demo::start();
    for listener in ["mx", "submission", "relay"] {
        let port = demo.port(listener);
        let stranger = ["--rcpt", "user@example.edu"];
        let client = if listener == "relay" { &COPIER[..] } else { &stranger };
        demo.script(
            "starttls_injection.py",
            &[&["--port", port.as_str()][..], client].concat(),
        );
    }
}
