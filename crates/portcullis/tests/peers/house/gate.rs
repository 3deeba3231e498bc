//! The gate: the built program, a configuration and a folder of its own, free ports, ended by its id.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{
    Authority, Done, PASSWORD, PATIENCE, Sink, eventually, eventually_within, free_port, python, run, settings,
};

/// How long a program may take to end when nothing is going on; well below the time it grants to what is.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The copier: it has an address that a grant names, and no password.
const COPIER: &str = r#"
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), source_address=("127.0.0.2", 0), timeout=20) as client:
    client.sendmail("scan@devices.example.edu", [sys.argv[2]], sys.argv[3].encode())
"#;

/// What a gate is to be: the parts of its configuration that tests differ in.
pub struct Plan {
    /// Where mail for `example.edu` goes: the value of `to`, and more lines of the route.
    pub inside: String,
    /// Where everything else goes: the same.
    pub internet: String,
    /// More sections, with `@ANSWERS@` for the port of the answers.
    pub more: String,
    /// Our networks beside loopback.
    pub networks: Vec<&'static str>,
    /// More lines of the listeners that devices and programs use: whom they believe where a client is, for instance.
    pub doors: &'static str,
    /// What the program finds in its environment, and its commands too.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// The lines of `[spool]`, with `@DIR@` for the gate's folder.
    pub spool: String,
    /// A command and its arguments that runs the gate in its own place, as `prlimit` does.
    pub under: Vec<String>,
}

impl Plan {
    /// Mail for us goes to one sink, all other mail to another.
    pub fn to(inside: &Sink, internet: &Sink) -> Self {
        let to = |sink: &Sink| format!("to = [\"{}\"]", sink.address);
        Self::of(to(inside), to(internet))
    }

    /// With these routes.
    pub fn of(inside: String, internet: String) -> Self {
        Self {
            inside,
            internet,
            more: String::new(),
            networks: Vec::new(),
            doors: "",
            environment: Vec::new(),
            spool: "dir = \"@DIR@/spool\"\nkeep_free = \"1 MB\"".to_owned(),
            under: Vec::new(),
        }
    }
}

/// The program that is tested: the one these tests were built with, unless `PORTCULLIS_BINARY` names another, as a
/// release.
pub fn binary() -> PathBuf {
    std::env::var_os("PORTCULLIS_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_portcullis").into(), PathBuf::from)
}

/// Where a gate listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub mx: u16,
    pub submission: u16,
    pub submissions: u16,
    pub relay: u16,
    pub health: u16,
    /// Where people answer by links, if the plan says that they can.
    pub answers: u16,
}

/// A running gate.
pub struct Gate {
    pub dir: tempfile::TempDir,
    pub ports: Ports,
    pub authority: Authority,
    plan: Plan,
    /// What `erp` is proved by, as it stands in the file.
    proof: String,
    process: Option<Child>,
}

impl Gate {
    /// Starts a gate and returns when it serves.
    pub fn start(plan: Plan) -> Self {
        let dir = tempfile::Builder::new().prefix("portcullis-test-").tempdir().unwrap();
        let authority = Authority::new();
        authority.write(dir.path(), "gate", &["mail.example.edu", "localhost", "127.0.0.1"]);
        let sealed = portcullis::identities::seal(PASSWORD, None, &world::SystemRng).unwrap();
        let scram = sealed.scram.map(|scram| scram.notation()).unwrap();
        let ports = Ports {
            mx: 0,
            submission: 0,
            submissions: 0,
            relay: 0,
            health: 0,
            answers: 0,
        };
        let proof = format!(r#"hash = "{}", scram = "{scram}""#, sealed.hash.as_str());
        let mut gate = Self {
            dir,
            ports,
            authority,
            plan,
            proof,
            process: None,
        };
        // Somebody else may take a port between the moment it was free and the moment the gate wants it.
        for _ in 0..5 {
            gate.ports = Ports {
                mx: free_port(),
                submission: free_port(),
                submissions: free_port(),
                relay: free_port(),
                health: free_port(),
                answers: free_port(),
            };
            gate.write_config();
            if gate.launch() {
                return gate;
            }
        }
        panic!("the gate did not start:\n{}", gate.log());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("portcullis.toml")
    }

    /// The authority that signed the gate's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// What the gate logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("gate.log")).unwrap_or_default()
    }

    /// Waits until a line of the log has all of these words; returns it.
    pub fn logged(&self, words: &[&str]) -> String {
        eventually(&format!("a line of the log with {words:?}"), || {
            let log = self.log();
            log.lines()
                .find(|line| words.iter().all(|word| line.contains(word)))
                .map(str::to_owned)
        })
    }

    /// Runs a command of the program against this gate's configuration.
    pub fn command(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(self.config());
        run(command.envs(self.plan.environment.clone()))
    }

    /// Waits until nothing is left in its queue.
    pub fn empties(&self) {
        eventually("the queue to be empty", || {
            let counts = self.command(&["queue", "counts", "--json"]).expect_ok("counts");
            let counts: serde_json::Value = serde_json::from_str(&counts).unwrap();
            (counts["messages"] == 0).then_some(())
        });
    }

    /// What it says of its health, status line included.
    pub fn health(&self) -> String {
        health(SocketAddr::from(([127, 0, 0, 1], self.ports.health))).unwrap()
    }

    /// Starts it again and expects that it ends by itself; what it said then.
    pub fn fail_to_start(&mut self) -> String {
        let before = self.log().len();
        assert!(!self.launch(), "this should not have started:\n{}", self.log());
        self.process = None;
        self.log()[before..].to_owned()
    }

    /// Its number as a process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Gives it a message as the copier.
    pub fn copy(&self, to: &str, message: &str) {
        python(COPIER, &[&self.ports.relay.to_string(), to, message]).expect_ok("the copier");
    }

    /// Ends the gate at once, as a power cut would.
    pub fn cut(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Tells it to end; `None` where it had to be killed.
    pub fn end(&mut self) -> Option<ExitStatus> {
        end_within(ENDS_WITHIN * slower(&self.plan), &mut self.process.take().unwrap())
    }

    /// Waits until it has ended by itself, in good order.
    pub fn has_ended(&mut self) {
        let mut process = self.process.take().unwrap();
        let status = eventually("the gate to end", || process.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }

    /// Whether whoever serves there is healthy.
    pub fn is_healthy(&self) -> bool {
        is_healthy(([127, 0, 0, 1], self.ports.health).into())
    }

    /// Starts it again on the same folder.
    pub fn restart(&mut self) {
        assert!(self.launch(), "the gate did not come back:\n{}", self.log());
    }

    /// Writes the configuration anew with more sections, and has the gate read it.
    pub fn reload(&mut self, more: &str) {
        self.plan.more = more.to_owned();
        self.write_config();
        self.signal("HUP");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            let id = process.id().to_string();
            let _ = Command::new("kill").args(["-s", name, &id]).status();
        }
    }

    /// The program, or what runs it.
    fn program(&self) -> Command {
        let Some((first, others)) = self.plan.under.split_first() else {
            return Command::new(binary());
        };
        let mut command = Command::new(first);
        command.args(others).arg(binary());
        command
    }

    /// Starts the program; `false` where it ended before it served.
    fn launch(&mut self) -> bool {
        self.begin();
        let process = self.process.as_mut().unwrap();
        let health = SocketAddr::from(([127, 0, 0, 1], self.ports.health));
        let slower = slower(&self.plan);
        eventually_within(PATIENCE * slower, "the gate to serve or to end", || {
            if process.try_wait().unwrap().is_some() {
                return Some(false);
            }
            is_healthy(health).then_some(true)
        })
    }

    /// Starts the program and does not wait for it.
    pub fn begin(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("gate.log"))
            .unwrap();
        let process = self
            .program()
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(self.plan.environment.clone())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    fn write_config(&self) {
        fs::write(
            self.config(),
            settings::text(&self.plan, self.ports, &self.proof, self.dir.path()),
        )
        .unwrap();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the gate logged\n{}", self.log());
        }
        if let Some(mut process) = self.process.take() {
            end(&mut process);
        }
    }
}

/// Tells a program of ours to end and waits; `None` where it had to be killed.
pub fn end(process: &mut Child) -> Option<ExitStatus> {
    end_within(ENDS_WITHIN, process)
}

/// How much slower a gate may be that runs under another program, such as one that counts its instructions.
fn slower(plan: &Plan) -> u32 {
    if plan.under.is_empty() { 1 } else { 6 }
}

fn end_within(patience: Duration, process: &mut Child) -> Option<ExitStatus> {
    // Its number may be somebody else's once it has been waited for.
    if let Ok(Some(status)) = process.try_wait() {
        return Some(status);
    }
    let _ = Command::new("kill")
        .args(["-s", "TERM", &process.id().to_string()])
        .status();
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Ok(Some(status)) = process.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn is_healthy(at: SocketAddr) -> bool {
    health(at).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn health(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_millis(500))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
