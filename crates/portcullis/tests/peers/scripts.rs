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
        let facts = dir.join("demo/demo.json");
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["demo", "--base-port", &base.to_string(), "--dir"])
            .arg(dir.join("demo"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
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

    fn dir(&self) -> std::path::PathBuf {
        self.dir.path().join("demo")
    }

    /// What it has said so far.
    fn said(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
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

#[test]
fn scripts_find_open_doors_where_demo_json_says() {
    let demo = Demo::start();
    let listeners = demo.facts["listeners"].as_object().unwrap();
    for name in ["mx", "submission", "submissions", "relay", "health"] {
        std::net::TcpStream::connect(listeners[name].as_str().unwrap()).expect(name);
    }
    assert!(listeners.contains_key("https"), "the portal's place is kept");
    for place in ["sink", "inside"] {
        std::net::TcpStream::connect(demo.facts[place]["address"].as_str().unwrap()).expect(place);
        assert!(std::path::Path::new(demo.facts[place]["dir"].as_str().unwrap()).is_dir());
    }
    for file in ["ca", "config"] {
        assert!(std::path::Path::new(demo.facts[file].as_str().unwrap()).is_file());
    }
    assert_eq!(demo.facts["domain"], "example.edu");
    for grant in demo.facts["grants"].as_array().unwrap() {
        for key in ["id", "kind", "user", "password", "senders", "sources"] {
            assert!(grant.get(key).is_some(), "{key}");
        }
    }
}

#[test]
fn the_lines_that_the_demo_prints_can_be_copied() {
    if !have("swaks") || !have("curl") {
        return;
    }
    let demo = Demo::start();
    let said = eventually("the demo to say what to try", || {
        Some(demo.said()).filter(|said| said.contains("stays open"))
    });
    let (_, lines) = said.split_once("Try it yourself:\n\n").unwrap();
    let (lines, _) = lines.split_once("\n\n").unwrap();
    let lines = lines.replace("\\\n", "");
    assert_eq!(lines.lines().count(), 7, "{lines}");
    for line in lines.lines() {
        run(Command::new("sh").args(["-c", line])).expect_ok(line);
    }
    let (_, granted) = said.split_once("A request becomes a credential that works").unwrap();
    assert!(granted.contains("  pc-1001    active "), "{said}");
    let (_, asked) = said.split_once("asked with: ").unwrap();
    let asked = run(Command::new("sh").args(["-c", asked.lines().next().unwrap()]));
    assert!(said.contains("nearest    grant copier-3f"), "{said}");
    assert!(asked.out.contains("nearest    grant copier-3f"), "{}", asked.out);
}

#[test]
fn a_demo_leaves_the_folder_of_one_that_is_open_alone() {
    let demo = Demo::start();
    let kept = ["portcullis.toml", "demo.json", "ca.pem"].map(|file| demo.dir().join(file));
    let before = kept.clone().map(|file| std::fs::read(file).unwrap());
    let base = (free_port() / 3 + 10_000).to_string();
    let second = run(Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["demo", "--once", "--base-port", &base, "--dir"])
        .arg(demo.dir()));
    assert!(!second.ok);
    assert!(second.out.contains("another gate is open in"), "{}", second.out);
    assert!(before == kept.map(|file| std::fs::read(file).unwrap()));
}

#[test]
fn a_folder_serves_one_demo_after_the_other_and_then_an_ordinary_gate() {
    let mut demo = Demo::start();
    end(&mut demo.process);
    let base = demo.port("mx").parse::<u16>().unwrap() - 25;
    let again = run(Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["demo", "--once", "--base-port", &base.to_string(), "--dir"])
        .arg(demo.dir()));
    again.expect_ok("the second demo");
    let mut gate = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--config"])
        .arg(demo.dir().join("portcullis.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let health = format!("127.0.0.1:{}", demo.port("health"));
    eventually("the gate to open on the demo's configuration", || {
        std::net::TcpStream::connect(&health).ok()
    });
    end(&mut gate);
}
