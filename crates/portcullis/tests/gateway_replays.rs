//! A whole gateway in a simulated world: the same seed gives the same log, octet for octet.
//!
//! Everything between two sockets takes part: listeners, TLS, logins with their password hashes, judgement, spool,
//! ledger, look-ups, retries, notices. What differs between two runs of one seed would be chance that nobody injected:
//! the order of a hash table, a race of two threads, a clock of the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::Literal;
use mail::{Domain, ForwardPath, Host, MailParams, Mailbox, RcptParams, ReversePath, Timestamp};
use portcullis::config::{self, LogFormat, Machine};
use portcullis::gateway::{Gateway, Setting, Writers};
use portcullis::identities::hash_secret;
use portcullis::journal::Journal;
use portcullis::sink::{self, Sink, SinkConfig};
use smtp::client::{ClientConfig, Login, TlsDemand, Transaction};
use smtp::server::Transport;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use wire::{Connection, Dial, Roots, Shutdown, TlsClient, Trust, WholeBody};
use world::sim::{GENESIS, SeedRng, world};
use world::{Stream, World};

const SECRET: &str = "correct horse battery staple";
const FRONT: &str = "192.0.2.25:25";
const SUBMISSION: &str = "192.0.2.26:587";
const DEVICES: &str = "10.20.0.25:25";
const INSIDE: &str = "10.1.1.1:25";
const PATIENCE: Duration = Duration::from_secs(60);

fn name(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Certificates and a password's hash: made once, as an operator would.
struct Papers {
    dir: tempfile::TempDir,
    hash: String,
}

impl Papers {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["gate.example.edu".to_owned()]).unwrap();
        std::fs::write(dir.path().join("gate.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(dir.path().join("gate.key"), key.serialize_pem()).unwrap();
        let hash = hash_secret(SECRET, &SeedRng::new(1)).unwrap().as_str().to_owned();
        Self { dir, hash }
    }

    fn configuration(&self) -> String {
        format!(
            r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["10.0.0.0/8"]
help     = "https://help.example.edu/why"
[tls]
certificates = [{{ chain = "gate.pem", key = "gate.key" }}]
[listeners.mx]
role   = "mx"
listen = ["{FRONT}"]
[listeners.submission]
role   = "submission"
listen = ["{SUBMISSION}"]
[listeners.devices]
role   = "relay"
listen = ["{DEVICES}"]
[routes.inside]
domains    = ["example.edu"]
to         = ["{INSIDE}"]
recipients = "any"
[routes.internet]
to = "mx"
[grants.billing]
owner   = "Finance"
contact = "erp@example.edu"
reason  = "invoices"
until   = 2027-06-30
by      = {{ password = "billing", hash = "{hash}" }}
from    = ["billing@example.edu"]
to      = "any"
class   = "application"
[grants.copier]
owner    = "Chemistry"
contact  = "it@example.edu"
reason   = "scan to mail"
until    = 2027-06-30
by       = {{ address = ["10.20.3.14"] }}
from     = ["scan@example.edu"]
to       = "any"
class    = "device"
tolerate = ["missing-from"]
[spool]
dir = "/spool"
[ledger]
dir = "/ledger"
"#,
            hash = self.hash
        )
    }

    fn tls(&self, world: &World) -> TlsClient {
        let roots = Roots::none().load(&self.dir.path().join("gate.pem")).unwrap();
        TlsClient::new(roots, None, world.clock.clone())
    }
}

/// What the journal writes on.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server of the outside world: late the first time, and without a `nobody`.
async fn outside(world: &World, address: &str) {
    let listener = world.net.listen(at(address)).await.unwrap();
    tokio::spawn(async move {
        let late = Arc::new(Mutex::new(true));
        while let Ok((stream, _)) = listener.accept().await {
            let late = late.clone();
            tokio::spawn(async move {
                let _ = converse(stream, &late).await;
            });
        }
    });
}

async fn converse(stream: Box<dyn Stream>, late: &Mutex<bool>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(b"220 mx.example.org ESMTP\r\n").await?;
    let (mut line, mut in_body) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match line.trim_end() {
            "." if in_body => {
                in_body = false;
                "250 2.0.0 taken"
            }
            _ if in_body => continue,
            "DATA" => {
                in_body = true;
                "354 go on"
            }
            "RCPT TO:<bob@example.org>" if std::mem::take(&mut *late.lock().unwrap()) => "451 4.7.1 not yet",
            text if text.starts_with("RCPT TO:<nobody@") => "550 5.1.1 nobody of that name",
            text if text.starts_with("EHLO") => "250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME",
            "QUIT" => "221 2.0.0 goodbye",
            _ => "250 2.0.0 ok",
        };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
        if line.starts_with("QUIT") {
            return Ok(());
        }
    }
}

/// The names of the outside world; two hosts of one preference, so that chance orders them.
fn names() -> Literal {
    let org = "example.org";
    Literal::new()
        .with_mx(name(org), 10, name("mx1.example.org"))
        .with_mx(name(org), 10, name("mx2.example.org"))
        .with_address(name("mx1.example.org"), "198.51.100.1".parse().unwrap())
        .with_address(name("mx2.example.org"), "198.51.100.2".parse().unwrap())
}

/// Sends one message and says what the gate said of each recipient, or of the session.
async fn send(world: &World, dial: Dial, from: &str, to: &[&str], text: &str) -> String {
    let mailbox = |text: &str| Mailbox::parse(text).unwrap();
    let transaction = Transaction {
        reverse: ReversePath::Mailbox(mailbox(from)),
        recipients: to
            .iter()
            .map(|one| (ForwardPath::Mailbox(mailbox(one)), RcptParams::default()))
            .collect(),
        params: MailParams::default(),
    };
    let mut connection = match Connection::open(&*world.net, world.clock.clone(), &dial).await {
        Ok(connection) => connection,
        Err(error) => return error.to_string(),
    };
    let mut body = WholeBody::new(text.replace('\n', "\r\n"));
    let outcome = connection.deliver(transaction, &mut body).await;
    connection.quit().await;
    format!("{outcome:?}")
}

fn dial(to: &str, from: &str) -> Dial {
    let from: IpAddr = from.parse().unwrap();
    let mut client = ClientConfig::new(Host::Domain(name("client.example.org")));
    client.tls = TlsDemand::Never;
    Dial {
        to: at(to),
        from: Some(from),
        host: Host::Domain(name("gate.example.edu")),
        transport: Transport::Clear,
        client,
        tls: None,
        trust: Trust::Opportunistic,
        connect_timeout: PATIENCE,
    }
}

fn logged_in(papers: &Papers, world: &World, secret: &str) -> Dial {
    let mut dial = dial(SUBMISSION, "10.3.0.7");
    dial.client.tls = TlsDemand::Required;
    dial.client.login = Some(Login::new("billing", secret).unwrap());
    dial.trust = Trust::Verify { names: Vec::new() };
    dial.tls = Some(papers.tls(world));
    dial
}

const LETTER: &str = "From: Billing <billing@example.edu>\nSubject: invoice\n\nPlease pay.\n";

/// One run: what was logged, what was written to the disk, and what the clients heard.
struct Run {
    log: String,
    disk: Vec<String>,
    heard: Vec<String>,
    inside: Vec<(sink::Envelope, Vec<u8>)>,
}

fn run(papers: &Papers, seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(live(papers, seed))
}

async fn live(papers: &Papers, seed: u64) -> Run {
    let (world, hands) = world(seed);
    hands.net.set_latency(Duration::from_millis(7));
    let machine = Machine {
        now: Timestamp(GENESIS),
        ..Machine::default()
    };
    let reading = config::read("gate.toml", papers.configuration(), papers.dir.path(), &machine);
    let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));

    let inside = tempfile::tempdir().unwrap();
    let sink = SinkConfig {
        hostname: name("inside.example.edu"),
        dir: inside.path().to_owned(),
        tls: None,
    };
    let _sink = Sink::start(sink, at(INSIDE), &world, Shutdown::never()).await.unwrap();
    outside(&world, "198.51.100.1:25").await;
    outside(&world, "198.51.100.2:25").await;

    let paper = Paper::default();
    let journal = Journal::new(LogFormat::Json, "gate.example.edu", paper.clone()).unwrap();
    let setting = Setting {
        world: world.clone(),
        resolver: Arc::new(names()),
        journal: journal.clone(),
        writers: Writers::Tasks,
        file: None,
        keeper: None,
    };
    let gateway = Gateway::start(config, setting).await.unwrap();
    let heard = everybody_sends(papers, &world).await;
    let begun = world.clock.monotonic();
    while gateway.view().counts().messages > 0 {
        assert!(
            world.clock.monotonic() - begun < Duration::from_secs(7200),
            "{:?}",
            gateway.view().counts()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    gateway.stop().await;
    assert!(journal.flush(PATIENCE));
    let log = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    Run {
        log,
        disk: hands.disk.log(),
        heard,
        inside: read_inside(inside.path()),
    }
}

fn read_inside(dir: &Path) -> Vec<(sink::Envelope, Vec<u8>)> {
    sink::messages(dir).unwrap()
}

/// Clients of every kind, several of them at once.
async fn everybody_sends(papers: &Papers, world: &World) -> Vec<String> {
    const ANNA: &str = "anna@example.edu";
    let scan = "Subject: scan\n\nA page.\n";
    let stranger = dial(FRONT, "203.0.113.9");
    let copier = dial(DEVICES, "10.20.3.14");
    let (a, b, c, d, e, f, g) = tokio::join!(
        // Somebody outside, to us: accepted; to others: refused.
        send(world, stranger.clone(), "eve@example.net", &[ANNA], LETTER),
        send(world, stranger, "eve@example.net", &["bob@example.org"], LETTER),
        // The copier, by its address, to the outside: late once, then delivered.
        send(world, copier, "scan@example.edu", &["bob@example.org"], scan),
        // A machine without a grant; its pipelined RCPT finds no sender.
        send(world, dial(DEVICES, "10.20.3.15"), "scan@example.edu", &[ANNA], scan),
        // A program with its login; one of its recipients does not exist and comes back as a notice.
        send(
            world,
            logged_in(papers, world, SECRET),
            "billing@example.edu",
            &[ANNA, "carl@example.org", "nobody@example.org"],
            LETTER
        ),
        // The same with a wrong password.
        send(
            world,
            logged_in(papers, world, "wrong"),
            "billing@example.edu",
            &[ANNA],
            LETTER
        ),
        // The same login twice at once: one hash is remembered for the other, or it is not; always alike.
        send(
            world,
            logged_in(papers, world, SECRET),
            "billing@example.edu",
            &[ANNA],
            LETTER
        ),
    );
    vec![a, b, c, d, e, f, g]
}

fn events(log: &str) -> Vec<String> {
    log.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["event"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// The reasons of what was refused.
fn refusals(log: &str) -> Vec<String> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["rule"].is_string())
        .map(|line| line["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// The first line that differs, with its number, for a person to look at.
fn difference(a: &str, b: &str) -> Option<String> {
    let number = a.lines().zip(b.lines()).position(|(a, b)| a != b);
    let (a_line, b_line) = match number {
        Some(number) => (a.lines().nth(number), b.lines().nth(number)),
        None if a.len() == b.len() => return None,
        None => (a.lines().last(), b.lines().last()),
    };
    Some(format!(
        "line {number:?}:\n{}\n{}",
        a_line.unwrap_or_default(),
        b_line.unwrap_or_default()
    ))
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let papers = Papers::new();
    let first = run(&papers, 7);

    let events = events(&first.log);
    let count = |event: &str| events.iter().filter(|one| *one == event).count();
    let told = format!("{}\n{}", first.heard.join("\n"), first.log);
    assert_eq!(count("data.accept"), 5, "four letters and a notice\n{told}");
    assert_eq!(
        refusals(&first.log),
        ["not-our-domain", "no-grant", "bad-sequence"],
        "{told}"
    );
    assert_eq!((count("auth.ok"), count("auth.fail")), (2, 1), "{told}");
    assert!(count("queue.defer") >= 1, "{told}");
    assert_eq!(count("deliver.fail"), 1, "{told}");
    assert_eq!(count("notice"), 1, "{told}");
    assert_eq!(count("deliver.ok"), 6, "{told}");
    assert_eq!(
        first.inside.len(),
        4,
        "three letters and the notice arrived inside\n{told}"
    );
    let notices: Vec<_> = first
        .inside
        .iter()
        .filter(|(envelope, _)| envelope.from.is_empty())
        .collect();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].0.to, ["billing@example.edu"]);

    for round in 0..3 {
        let again = run(&papers, 7);
        assert_eq!(difference(&first.log, &again.log), None, "round {round}");
        assert_eq!(first.disk, again.disk, "round {round}");
        assert_eq!(first.heard, again.heard);
        assert_eq!(first.inside, again.inside);
    }
    let other = run(&papers, 8);
    assert_ne!(first.log, other.log);
}
