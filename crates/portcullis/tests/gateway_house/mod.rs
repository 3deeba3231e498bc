//! A gateway on loopback, on ports of the system's choice, with peers that follow a script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "helpers of tests; not every test uses all of them"
)]

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::Literal;
use mail::Host;
use portcullis::change::Keeper;
use portcullis::config::{self, LogFormat, Machine, Reading};
use portcullis::control::{self, Answer, AskError, Asked};
use portcullis::gateway::{Gateway, Passed, Setting, Writers};
use portcullis::journal::Journal;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wire::{TlsClient, Trust};
use world::{Clock, World};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until it is so.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "not so in time: {what}");
}

// ------------------------------------------------------------------------------------------------------------- peers

/// What a peer was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub octets: Vec<u8>,
}

impl Letter {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }
}

/// A next hop. It ends when dropped.
pub struct Peer {
    pub address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    task: tokio::task::JoinHandle<()>,
}

/// Its answer to a line, where it is not the usual one.
type Script = Arc<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

impl Peer {
    /// Takes everything.
    pub async fn usual() -> Self {
        Self::answering(|_| None).await
    }

    pub async fn answering(script: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub async fn at(
        address: SocketAddr,
        script: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, letters.clone(), Arc::new(script)));
        Self { address, letters, task }
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }

    pub async fn has(&self, count: usize) -> Vec<Letter> {
        eventually("letters arrive", || self.letters.lock().unwrap().len() >= count).await;
        let letters = self.letters();
        assert_eq!(letters.len(), count);
        letters
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, letters: Arc<Mutex<Vec<Letter>>>, script: Script) {
    let mut sessions = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        sessions.spawn(converse(BufReader::new(stream), letters.clone(), script.clone()));
    }
}

async fn converse(
    mut stream: BufReader<TcpStream>,
    letters: Arc<Mutex<Vec<Letter>>>,
    script: Script,
) -> std::io::Result<()> {
    let usual = |line: &str| match line.split([' ', ':']).next().unwrap_or_default() {
        "connect" => "220 peer.test ESMTP",
        "EHLO" => "250-peer.test\r\n250-PIPELINING\r\n250 8BITMIME",
        "DATA" => "354 go on",
        "QUIT" => "221 2.0.0 goodbye",
        _ => "250 2.0.0 ok",
    };
    let mut letter = Letter {
        from: String::new(),
        to: Vec::new(),
        octets: Vec::new(),
    };
    let mut line = "connect".to_owned();
    loop {
        let reply = match script(&line) {
            Some(reply) => reply,
            None if line == "DATA" && letter.to.is_empty() => "554 5.5.1 nobody is to get it",
            None => usual(&line),
        };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
        if reply.starts_with("250") {
            note(&line, &mut letter, &letters);
        }
        if line == "QUIT" || reply.starts_with("421") {
            return Ok(());
        }
        if reply.starts_with("354") {
            letter.octets = body(&mut stream).await?;
            ".".clone_into(&mut line);
            continue;
        }
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        line.truncate(line.trim_end().len());
    }
}

fn note(line: &str, letter: &mut Letter, letters: &Mutex<Vec<Letter>>) {
    let address = |rest: &str| {
        rest.split('>')
            .next()
            .unwrap_or_default()
            .trim_start_matches('<')
            .to_owned()
    };
    if let Some(rest) = line.strip_prefix("MAIL FROM:") {
        letter.from = address(rest);
        letter.to.clear();
    } else if let Some(rest) = line.strip_prefix("RCPT TO:") {
        letter.to.push(address(rest));
    } else if line == "." {
        letters.lock().unwrap().push(letter.clone());
    }
}

async fn body(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    loop {
        let begun = octets.len();
        if stream.read_until(b'\n', &mut octets).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &octets[begun..] == b".\r\n" {
            octets.truncate(begun);
            return Ok(octets);
        }
        if octets[begun] == b'.' {
            octets.remove(begun);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- gates

/// What the journal writes on.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// What is written on it, each line an event.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let octets = self.0.lock().unwrap().clone();
        let text = String::from_utf8(octets).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A folder for a gateway, and where its mail goes.
pub struct House {
    pub dir: tempfile::TempDir,
    pub outside: SocketAddr,
    pub inside: SocketAddr,
    /// Pauses between attempts.
    pub schedule: &'static str,
    /// Another calendar than the system's.
    pub clock: Option<Arc<dyn Clock>>,
}

impl House {
    pub fn new(outside: SocketAddr, inside: SocketAddr) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            outside,
            inside,
            schedule: "[\"1h\"]",
            clock: None,
        }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("gate.toml")
    }

    /// A configuration in which the copier at 127.0.0.2 may send.
    pub fn text(&self) -> String {
        self.text_without_grants() + &grant("copier", "127.0.0.2")
    }

    pub fn text_without_grants(&self) -> String {
        let Self {
            outside,
            inside,
            schedule,
            ..
        } = self;
        format!(
            r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["127.0.0.0/8"]
help     = "https://help.example.edu/why"
[listeners.mx]
role   = "mx"
listen = ["127.0.0.1:0"]
[listeners.devices]
role   = "relay"
listen = ["127.0.0.1:0"]
[routes.inside]
domains    = ["example.edu"]
to         = ["{inside}"]
recipients = "any"
[routes.internet]
to = ["{outside}"]
[delivery]
schedule = {schedule}
[spool]
dir       = "spool"
keep_free = "1 MiB"
[ledger]
dir = "ledger"
"#
        )
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    /// Starts a gateway from the file; nobody judges it.
    pub async fn start(&self) -> Running {
        self.start_with(|_| None).await
    }

    /// Starts a gateway from the file, which is judged as `serve` does it.
    pub async fn start_judged(&self) -> Running {
        self.start_with(|reading| {
            let config = reading.config.as_mut()?;
            let (keeper, source) = (Keeper::of(config), reading.report.source());
            let now = self.now();
            let decided = keeper.judge_start(source.name(), config, source.text(), now);
            let decided = decided.unwrap_or_else(|why| panic!("{why}"));
            *config = decided.passed.config.clone();
            let keeper = Arc::new(keeper);
            Some(Passed { keeper, decided })
        })
        .await
    }

    fn world(&self) -> World {
        let mut world = World::real();
        if let Some(clock) = &self.clock {
            world.clock = clock.clone();
        }
        world
    }

    pub fn now(&self) -> mail::Timestamp {
        mail::Timestamp(self.world().clock.wall())
    }

    /// What the file means.
    pub fn config(&self) -> portcullis::config::Config {
        let machine = Machine {
            now: self.now(),
            ..Machine::default()
        };
        let reading = config::load(&self.file(), &machine).unwrap();
        reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()))
    }

    async fn start_with(&self, judge: impl FnOnce(&mut Reading) -> Option<Passed>) -> Running {
        let world = self.world();
        let machine = Machine {
            now: mail::Timestamp(world.clock.wall()),
            ..Machine::default()
        };
        let mut reading = config::load(&self.file(), &machine).unwrap();
        let keeper = judge(&mut reading);
        let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
        let socket = control::path(&config.spool.dir);
        let paper = Paper::default();
        let journal = Journal::new(LogFormat::Json, "gate.example.edu", paper.clone()).unwrap();
        let setting = Setting {
            world,
            resolver: Arc::new(Literal::new()),
            journal: journal.clone(),
            writers: Writers::Threads,
            file: Some(self.file()),
            keeper,
        };
        let gateway = Gateway::start(config, setting).await.unwrap();
        Running {
            gateway,
            socket,
            journal,
            paper,
        }
    }
}

/// A grant for the client at `address`, which may send as `scan@example.edu` to everybody.
pub fn grant(name: &str, address: &str) -> String {
    format!(
        r#"[grants.{name}]
owner    = "Chemistry"
contact  = "it@example.edu"
reason   = "scan to mail"
until    = {}
by       = {{ address = ["{address}"] }}
from     = ["scan@example.edu"]
to       = "any"
class    = "device"
"#,
        in_a_month()
    )
}

fn in_a_month() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let then = now.checked_add(jiff::Span::new().months(1)).unwrap();
    then.strftime("%Y-%m-%d").to_string()
}

/// A gateway at work.
pub struct Running {
    pub gateway: Gateway,
    socket: PathBuf,
    journal: Journal,
    /// What the gateway's log is written on.
    pub paper: Paper,
}

impl Running {
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.gateway.addresses()[listener][0]
    }

    /// What was logged so far, each line an event.
    pub fn log(&self) -> Vec<serde_json::Value> {
        assert!(self.journal.flush(PATIENCE));
        self.paper.lines()
    }

    /// So many events of this name are logged, and no more.
    pub async fn logs(&self, event: &str, count: usize) -> Vec<serde_json::Value> {
        eventually(event, || self.logged(event).len() >= count).await;
        let lines = self.logged(event);
        assert_eq!(lines.len(), count, "{event}");
        lines
    }

    /// The events of this name.
    pub fn logged(&self, event: &str) -> Vec<serde_json::Value> {
        self.log().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// Asks over the control socket, as the commands do.
    pub async fn ask(&self, asked: Asked) -> Result<Answer, AskError> {
        let socket = self.socket.clone();
        tokio::task::spawn_blocking(move || control::ask(&socket, asked))
            .await
            .unwrap()
    }

    /// The queue is empty.
    pub async fn is_done(&self) {
        eventually("the queue is empty", || self.gateway.view().counts().messages == 0).await;
    }

    pub async fn stop(self) {
        self.gateway.stop().await;
    }

    /// The copier, greeted.
    pub async fn copier(&self) -> Client {
        let mut client = Client::connect(self.address("devices"), "127.0.0.2").await;
        client.expect("220").await;
        client.ask("EHLO copier", "250").await;
        client
    }
}

/// A client that says what it is told to.
pub struct Client<S = TcpStream> {
    stream: BufReader<S>,
}

pub const LETTER: &str = "From: <scan@example.edu>\r\nSubject: a scan\r\n\r\nHello.\r\n";

impl Client {
    pub async fn connect(to: SocketAddr, from: &str) -> Self {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4().unwrap(),
            SocketAddr::V6(_) => TcpSocket::new_v6().unwrap(),
        };
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        let stream = socket.connect(to).await.unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Goes on under TLS, with whatever the client shows of itself.
    pub async fn secured(mut self, tls: &TlsClient) -> Client<impl AsyncRead + AsyncWrite + Unpin + use<>> {
        self.ask("STARTTLS", "220").await;
        let (stream, host) = (Box::new(self.stream.into_inner()), "gate.example.edu".parse().unwrap());
        let secured = tls.secure(stream, &Host::Domain(host), &Trust::Opportunistic).await;
        Client {
            stream: BufReader::new(secured.expect("the handshake goes well")),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn say(&mut self, octets: &[u8]) {
        tokio::time::timeout(PATIENCE, self.stream.get_mut().write_all(octets))
            .await
            .expect("the gate reads")
            .unwrap();
    }

    pub async fn expect(&mut self, start: &str) -> String {
        let mut reply = String::new();
        loop {
            let begun = reply.len();
            let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut reply)).await;
            let octets = read.expect("the gate answers").unwrap();
            if octets == 0 || reply.as_bytes().get(begun + 3) != Some(&b'-') {
                break;
            }
        }
        assert!(reply.starts_with(start), "{reply:?} is not {start}");
        reply
    }

    pub async fn ask(&mut self, line: &str, start: &str) -> String {
        self.say(format!("{line}\r\n").as_bytes()).await;
        self.expect(start).await
    }

    /// A whole message that is taken; its id.
    pub async fn deliver(&mut self, to: &str, octets: &[u8]) -> String {
        self.ask("MAIL FROM:<scan@example.edu>", "250").await;
        self.ask(&format!("RCPT TO:<{to}>"), "250").await;
        self.ask("DATA", "354").await;
        self.say(octets).await;
        let said = self.ask(".", "250").await;
        said.trim_end().rsplit(' ').next().unwrap().to_owned()
    }

    /// Everything until the gate closes.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).await.unwrap();
        text
    }
}
