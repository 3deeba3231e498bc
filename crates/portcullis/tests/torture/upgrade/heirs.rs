//! A gate and those that follow it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::runtime::Runtime;

use crate::house::{Done, Gate, PATIENCE, Plan, binary, eventually};
use crate::receiver::Receiver;
use crate::{letters, load};

/// A gate that is no child of ours: its predecessor started it. Ended with the test.
pub struct Heir(pub u32);

impl Heir {
    /// Waits for its end.
    pub fn ends(&self) {
        eventually("the process to end", || (!lives(self.0)).then_some(()));
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        if lives(self.0) {
            signal(self.0, "KILL");
        }
    }
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
}

/// Whether it runs; one that has ended and was not waited for yet does not.
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Another version than ours, as long as ours.
pub const NEXT: &str = "9.9.9";

/// A gate, and where its mail goes.
pub struct Rig {
    pub runtime: Runtime,
    pub receiver: Receiver,
    pub gate: Gate,
}

impl Rig {
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let receiver = Receiver::start(&runtime);
        let there = format!("to = [\"{}\"]", receiver.address);
        let gate = Gate::start(Plan {
            more: load::grant(),
            ..Plan::of(there.clone(), there)
        });
        Self {
            runtime,
            receiver,
            gate,
        }
    }

    pub fn relay(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.gate.ports.relay).into()
    }

    pub fn upgrade(&self, more: &[&str]) -> Done {
        let mut arguments = vec!["upgrade", "--json"];
        arguments.extend(more);
        self.gate.command(&arguments)
    }

    /// A successor that serves.
    pub fn heir(&self, grace: &str) -> Heir {
        let done = self.upgrade(&["--grace", grace]).expect_ok("upgrade");
        let done: serde_json::Value = serde_json::from_str(&done).unwrap();
        Heir(u32::try_from(done["pid"].as_u64().unwrap()).unwrap())
    }

    /// A successor from another file, which says that it is this version.
    pub fn heir_from(&self, program: &Path, version: &str) -> Heir {
        let program = program.to_str().unwrap();
        let done = self
            .upgrade(&["--grace", "10s", "--binary", program])
            .expect_ok("upgrade");
        let done: serde_json::Value = serde_json::from_str(&done).unwrap();
        assert_eq!(done["version"], version);
        Heir(u32::try_from(done["pid"].as_u64().unwrap()).unwrap())
    }

    /// The program that these tests were built with, as its next version.
    pub fn next_version(&self) -> PathBuf {
        let stamp = |version: &str| format!("portcullis-version:{version};").into_bytes();
        let (this, next) = (stamp(portcullis::version::version()), stamp(NEXT));
        assert_eq!(this.len(), next.len());
        let mut program = fs::read(env!("CARGO_BIN_EXE_portcullis")).unwrap();
        let at = memchr::memmem::find(&program, &this).expect("every build says which version it is");
        program[at..at + next.len()].copy_from_slice(&next);
        let path = self.gate.path("portcullis-next");
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A successor that nobody was asked for.
    pub fn usurper(&self) -> Child {
        let log = std::fs::File::options()
            .append(true)
            .open(self.gate.path("gate.log"))
            .unwrap();
        Command::new(binary())
            .args(["serve", "--take-over", "--grace", "1s", "--config"])
            .arg(self.gate.config())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Asks for the sockets as a successor does, and is one until this is dropped; why not, where nothing comes of it.
    pub fn ask_for_sockets(&self) -> Result<UnixStream, String> {
        let mut stream = UnixStream::connect(self.gate.path("spool/control.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{{\"do\":\"hand-over\",\"pid\":1,\"version\":\"9\"}}").unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let Ok(line) = line else { break };
            if line.contains("\"done\"") {
                return Ok(stream);
            }
            if line.contains("\"refused\"") {
                return Err(line);
            }
        }
        Err("no answer".to_owned())
    }

    /// What the gate which is reached says of itself.
    fn status(&self) -> Option<serde_json::Value> {
        let socket = portcullis::control::path(&self.gate.path("spool"));
        let answer = portcullis::control::ask(&socket, portcullis::control::Asked::Status).ok()?;
        Some(answer.done)
    }

    /// The process that it says it is.
    pub fn serving(&self) -> Option<u32> {
        self.status()?["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// The version that it says it is.
    pub fn version(&self) -> Option<String> {
        self.status()?["version"].as_str().map(str::to_owned)
    }

    pub fn queued(&self) -> u64 {
        let counts = self.gate.command(&["queue", "counts", "--json"]).expect_ok("counts");
        let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
        counts["messages"].as_u64().unwrap()
    }

    /// The queue of the gate that serves is as long as this.
    pub fn queue_reaches(&self, messages: u64) {
        eventually(&format!("{messages} messages in the queue"), || {
            (self.queued() == messages).then_some(())
        });
    }

    /// One message, in a session of its own.
    pub fn send(&self, number: u64, to: &str) -> String {
        let message = letters::stuffed(&letters::text(number, 600));
        self.runtime.block_on(async {
            let mut session = load::Session::open(self.relay()).await.unwrap();
            session.transact(to, &message).await.unwrap()
        })
    }

    /// Each of these arrives once, whole.
    pub fn arrive_once(&self, messages: usize) {
        eventually(&format!("{messages} messages to arrive"), || {
            (self.receiver.count() >= messages).then_some(())
        });
        let arrivals = self.receiver.arrivals();
        assert_eq!(arrivals.len(), messages);
        let twice: Vec<_> = arrivals.iter().filter(|(_, arrivals)| arrivals.len() > 1).collect();
        assert!(twice.is_empty(), "delivered twice: {twice:?}");
        assert!(self.receiver.mangled().is_empty(), "{:?}", self.receiver.mangled());
    }
}
