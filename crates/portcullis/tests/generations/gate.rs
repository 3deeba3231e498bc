//! The built program as a gate on loopback, and its commands.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a configuration.
pub struct House {
    pub dir: tempfile::TempDir,
}

impl House {
    pub fn new(text: &str) -> Self {
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        house.write(text);
        house
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("gate.toml")
    }

    fn errors(&self) -> PathBuf {
        self.dir.path().join("errors")
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("spool/configuration")
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    pub fn read(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// Runs a command about this configuration.
    pub fn command(&self, words: &[&str]) -> Output {
        let mut command = program();
        command
            .args(words)
            .arg("--config")
            .arg(self.file())
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What a command answers in JSON.
    pub fn ask(&self, words: &[&str]) -> Value {
        let output = self.command(&[words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
    }

    /// The generations, the oldest first.
    pub fn history(&self) -> Vec<Value> {
        let mut all = self.ask(&["config", "history"])["generations"]
            .as_array()
            .unwrap()
            .clone();
        all.reverse();
        all
    }

    /// Starts the gate.
    pub fn start(&self) -> Gate {
        let gate = self.try_start();
        gate.event("listener.open");
        gate
    }

    /// Starts the gate in a network namespace.
    pub fn start_in(&self, namespace: &str) -> Gate {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", namespace]).arg(program().get_program());
        let gate = self.spawn(inside);
        gate.event("listener.open");
        gate
    }

    pub fn try_start(&self) -> Gate {
        self.spawn(program())
    }

    fn spawn(&self, mut program: Command) -> Gate {
        let mut child = program
            .args(["serve", "--config"])
            .arg(self.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(std::fs::File::create(self.errors()).unwrap()))
            .spawn()
            .unwrap();
        let heard = Arc::new(Heard::default());
        let (out, told) = (child.stdout.take().unwrap(), heard.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line) {
                    told.events.lock().unwrap().push(event);
                    told.came.notify_all();
                }
            }
        });
        Gate {
            child,
            heard,
            errors: self.errors(),
        }
    }
}

pub fn program() -> Command {
    let named = std::env::var_os("PORTCULLIS_BINARY");
    Command::new(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_portcullis").into()))
}

#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Value>>,
    came: Condvar,
}

/// A running gate; killed when dropped.
pub struct Gate {
    child: Child,
    heard: Arc<Heard>,
    errors: PathBuf,
}

impl Gate {
    /// The first event of this name, once it was logged.
    pub fn event(&self, name: &str) -> Value {
        self.events(name, 1).remove(0)
    }

    /// So many events of this name.
    pub fn events(&self, name: &str, count: usize) -> Vec<Value> {
        let until = Instant::now() + PATIENCE;
        let mut events = self.heard.events.lock().unwrap();
        loop {
            let found: Vec<Value> = events.iter().filter(|event| event["event"] == name).cloned().collect();
            if found.len() >= count {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{count} x {name} was not logged: {:#?}\n{}",
                *events,
                self.said()
            );
            events = self.heard.came.wait_timeout(events, left).unwrap().0;
        }
    }

    /// How often an event was logged so far.
    pub fn count(&self, name: &str) -> usize {
        let events = self.heard.events.lock().unwrap();
        events.iter().filter(|event| event["event"] == name).count()
    }

    pub fn address(&self, listener: &str) -> String {
        let open = self.heard.events.lock().unwrap();
        let found = open
            .iter()
            .find(|event| event["event"] == "listener.open" && event["listener"] == listener)
            .and_then(|event| event["address"].as_str());
        found.unwrap().to_owned()
    }

    /// What the client at 127.0.0.2 hears for these lines, greeting included.
    pub fn dialogue(&self, listener: &str, lines: &[&str]) -> Vec<String> {
        let mut stream = BufReader::new(connect(&self.address(listener)));
        let mut heard = vec![answer(&mut stream)];
        for line in lines {
            stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
            heard.push(answer(&mut stream));
        }
        heard
    }

    pub fn hangup(&self) {
        self.signal("HUP");
    }

    /// Ends in good order.
    pub fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself; what it said to standard error.
    pub fn ends(mut self) -> String {
        assert!(!self.child.wait().unwrap().success());
        self.said()
    }

    /// What it wrote to standard error.
    fn said(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(to: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(to.parse().unwrap()).await.unwrap()
    });
    let stream = connected.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn answer(stream: &mut BufReader<TcpStream>) -> String {
    let mut last = String::new();
    loop {
        last.clear();
        let octets = stream.read_line(&mut last).unwrap();
        if octets == 0 || last.as_bytes().get(3) != Some(&b'-') {
            return last;
        }
    }
}

/// Puts an end to a line of a configuration.
pub fn with_change(text: &str, reason: &str) -> String {
    let change = format!("version = 1\nchange = {{ author = \"ann@example.edu\", reason = \"{reason}\" }}");
    text.replacen("version = 1", &change, 1)
}

/// A configuration with what is given at its end.
pub fn text(more: &str) -> String {
    format!(
        r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["10.0.0.0/8", "127.0.0.0/8"]
[listeners.mx]
role   = "mx"
listen = ["127.0.0.1:0"]
[listeners.devices]
role   = "relay"
listen = ["127.0.0.1:0"]
[routes.inside]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.internet]
to = ["127.0.0.1:9"]
[log]
format = "json"
[spool]
dir       = "spool"
keep_free = "1 MiB"
[ledger]
dir = "ledger"
{more}"#
    )
}

/// A grant for one address.
pub fn grant(name: &str, address: &str, more: &str) -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let until = now
        .checked_add(jiff::Span::new().months(1))
        .unwrap()
        .strftime("%Y-%m-%d");
    format!(
        r#"[grants.{name}]
owner   = "Chemistry"
contact = "it@example.edu"
reason  = "scan to mail"
until   = {until}
by      = {{ address = ["{address}"] }}
from    = ["scan@example.edu"]
to      = "any"
class   = "device"
{more}
"#
    )
}

pub fn exists(path: &Path) -> bool {
    path.exists()
}
