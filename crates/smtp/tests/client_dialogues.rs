//! Golden dialogues of the client, one text file each in `client_dialogues/`.
//!
//! ```text
//! # why this dialogue exists
//! config: tls=required login=erp:secret    words: tls=never|required, login=, clear-login, implicit, no-bdat, whole
//! S: 220 mx.example.net                    the peer says; lines that follow each other arrive together
//! C: EHLO gate.example.edu                 the client says; nothing else may lie in between
//! = ready                                  a step of the client; all of them must be told, in this order
//! > begin from=<a@b.c> to=<d@e.f>          a call: begin, body TEXT, end, tls, quit, eof, timeout
//! ```
//! Texts know `\r`, `\n` and `\0`. Each file runs whole, octet by octet, and cut at random; only those marked `whole`
//! speak of what arrives in one piece.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::BytesMut;
use mail::{BodyType, DsnReturn, ForwardPath, Host, MailParams, Notify, RcptParams, ReversePath};
use proptest::prelude::*;
use smtp::client::{
    Client, ClientConfig, ClientStep, Failure, Login, Outcome, RecipientOutcome, TlsDemand, Transaction,
};
use smtp::server::Transport;

/// How the peer's octets arrive.
#[derive(Clone, Debug)]
enum Arrival {
    Whole,
    Octets,
    Cut(Vec<usize>),
}

struct Play {
    client: Client,
    now: Duration,
    input: BytesMut,
    said: BytesMut,
    steps: Vec<String>,
    in_body: bool,
}

impl Play {
    fn poll(&mut self) {
        loop {
            let step = self.client.poll(&mut self.input, self.now);
            let said = self.client.output().split();
            self.said.extend_from_slice(&said);
            let told = match step {
                ClientStep::Wait => return,
                ClientStep::NeedBody if self.in_body => return,
                ClientStep::NeedBody => "need-body".to_owned(),
                ClientStep::StartTls => "starttls".to_owned(),
                ClientStep::Ready => "ready".to_owned(),
                ClientStep::Done(outcome) => done(&outcome),
                ClientStep::Failed(failure) => format!("failed {}", failed(&failure)),
                ClientStep::Close => "close".to_owned(),
            };
            self.in_body = told == "need-body";
            if told == "close" {
                if self.steps.last().map(String::as_str) != Some("close") {
                    self.steps.push(told);
                }
                return;
            }
            self.steps.push(told);
            if self.in_body || self.steps.last().map(String::as_str) == Some("starttls") {
                return;
            }
        }
    }

    fn hear(&mut self, octets: &[u8], arrival: &Arrival) {
        let mut from = 0;
        let cuts: Vec<usize> = match arrival {
            Arrival::Whole => Vec::new(),
            Arrival::Octets => (1..octets.len()).collect(),
            Arrival::Cut(sizes) => sizes
                .iter()
                .scan(0, |at, size| {
                    *at += size;
                    Some(*at)
                })
                .take_while(|at| *at < octets.len())
                .collect(),
        };
        for cut in cuts.into_iter().chain([octets.len()]) {
            self.input.extend_from_slice(&octets[from..cut]);
            from = cut;
            self.poll();
        }
    }

    fn call(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "begin" => self.client.begin(transaction(rest), self.now),
            "body" => self.client.body(unescape(rest).as_bytes()),
            "end" => self.client.body_end(self.now),
            "tls" => self.client.tls_established(self.now),
            "quit" => self.client.quit(self.now),
            "eof" => self.client.handle_eof(),
            "timeout" => {
                self.now = self.client.deadline().expect("something is waited for").0;
                self.client.handle_timeout(self.now);
            }
            other => panic!("no call {other:?}"),
        }
        self.poll();
    }
}

fn done(outcome: &Outcome) -> String {
    let each: Vec<String> = outcome
        .recipients
        .iter()
        .map(|recipient| match recipient {
            RecipientOutcome::Delivered(reply) => format!("delivered {reply}"),
            RecipientOutcome::Refused(stage, reply) => format!("refused ({stage}): {reply}"),
            RecipientOutcome::Unanswered(stage) => format!("unanswered ({stage})"),
        })
        .collect();
    let mut line = format!("done {}", each.join(" | "));
    let mended = outcome.reframed;
    if mended != smtp::client::Reframed::default() {
        line += &format!(
            " (mended {} CR, {} LF, end {})",
            mended.bare_cr, mended.bare_lf, mended.open_end
        );
    }
    line
}

fn failed(failure: &Failure) -> String {
    match failure {
        Failure::Greeting(reply) => format!("greeting {reply}"),
        Failure::Hello(reply) => format!("hello {reply}"),
        Failure::TlsRefused(reply) => format!("tls-refused {reply}"),
        Failure::Auth(reply) => format!("auth {reply}"),
        Failure::Closing(reply) => format!("closing {reply}"),
        Failure::Reset(reply) => format!("reset {reply}"),
        Failure::Protocol(how) => format!("protocol {how}"),
        Failure::Timeout(timer) => format!("timeout {timer}"),
        other => format!("{other:?}"),
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0")
}

fn config(words: &str) -> (ClientConfig, Transport) {
    let mut config = ClientConfig::new(Host::parse("gate.example.edu").unwrap());
    let mut transport = Transport::Clear;
    for word in words.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("tls", "required") => config.tls = TlsDemand::Required,
            ("tls", "never") => config.tls = TlsDemand::Never,
            ("login", login) => {
                let (user, password) = login.split_once(':').unwrap();
                config.login = Some(Login::new(user, password).unwrap());
            }
            ("clear-login", _) => config.allow_clear_login = true,
            ("implicit", _) => transport = Transport::ImplicitTls,
            ("no-bdat", _) => config.chunking = false,
            ("whole", _) => {}
            other => panic!("no word {other:?}"),
        }
    }
    (config, transport)
}

fn transaction(words: &str) -> Transaction {
    let mut transaction = Transaction {
        reverse: ReversePath::Null,
        recipients: Vec::new(),
        params: MailParams::default(),
    };
    let path = |text: &str| text.trim_matches(['<', '>']).to_owned();
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "from" if value == "<>" => {}
            "from" => transaction.reverse = ReversePath::Mailbox(path(value).parse().unwrap()),
            "to" => {
                let to = ForwardPath::Mailbox(path(value).parse().unwrap());
                transaction.recipients.push((to, RcptParams::default()));
            }
            "size" => transaction.params.size = Some(value.parse().unwrap()),
            "8bit" => transaction.params.body = BodyType::EightBitMime,
            "smtputf8" => transaction.params.smtputf8 = true,
            "ret" => transaction.params.ret = Some(DsnReturn::Headers),
            "envid" => transaction.params.envid = Some(value.into()),
            "notify" => transaction.recipients.last_mut().unwrap().1.notify = Some(Notify::Never),
            "orcpt" => transaction.recipients.last_mut().unwrap().1.orcpt = Some(value.into()),
            other => panic!("no word {other:?}"),
        }
    }
    transaction
}

/// The dialogues, by name.
fn dialogues() -> Vec<(String, String)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/client_dialogues");
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

fn speaks_of_one_piece(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("config:") && line.contains("whole"))
}

fn play(name: &str, text: &str, arrival: &Arrival) {
    let words = text.lines().find_map(|line| line.strip_prefix("config:")).unwrap_or("");
    let (config, transport) = config(words);
    let mut play = Play {
        client: Client::new(config, transport, Duration::ZERO),
        now: Duration::ZERO,
        input: BytesMut::new(),
        said: BytesMut::new(),
        steps: Vec::new(),
        in_body: false,
    };
    let mut told = 0;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let place = format!("{name}:{} ({arrival:?})", at + 1);
        match line
            .split_at_checked(2)
            .map(|(mark, rest)| (mark, rest.strip_prefix(' ').unwrap_or(rest)))
        {
            Some(("C:", expected)) => {
                let end = play
                    .said
                    .iter()
                    .position(|octet| *octet == b'\n')
                    .map_or(play.said.len(), |at| at + 1);
                let said = play.said.split_to(end);
                let said = String::from_utf8_lossy(&said).into_owned();
                assert_eq!(said.strip_suffix("\r\n"), Some(expected), "{place}, said {said:?}");
            }
            Some(("S:", first)) => {
                assert!(play.said.is_empty(), "{place}: also said {:?}", play.said);
                let mut octets = unescape(first) + "\r\n";
                while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with("S:")) {
                    octets += &unescape(more[2..].strip_prefix(' ').unwrap_or(&more[2..]));
                    octets += "\r\n";
                }
                play.hear(octets.as_bytes(), arrival);
            }
            Some(("= ", expected)) => {
                assert_eq!(
                    play.steps.get(told).map(String::as_str),
                    Some(expected),
                    "{place}, said {:?}",
                    play.said
                );
                told += 1;
            }
            Some(("> ", call)) => {
                assert_eq!(play.steps.len(), told, "{place}: also told {:?}", &play.steps[told..]);
                play.call(call);
            }
            _ => assert!(
                line.is_empty() || line.starts_with('#') || line.starts_with("config:"),
                "{place}: {line:?}"
            ),
        }
    }
    assert_eq!(play.steps[told..], [""; 0], "{name}: also told");
    assert!(play.said.is_empty(), "{name}: also said {:?}", play.said);
}

#[test]
fn each_dialogue_runs_as_written() {
    let dialogues = dialogues();
    assert!(dialogues.len() > 20, "the dialogues are there");
    for (name, text) in &dialogues {
        play(name, text, &Arrival::Whole);
    }
}

#[test]
fn each_dialogue_runs_the_same_octet_by_octet() {
    for (name, text) in dialogues().iter().filter(|(_, text)| !speaks_of_one_piece(text)) {
        play(name, text, &Arrival::Octets);
    }
}

proptest! {
    // Each case is every dialogue there is.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.min(500)))]

    #[test]
    fn each_dialogue_runs_the_same_however_it_is_cut(sizes in prop::collection::vec(1usize..40, 0..60)) {
        for (name, text) in dialogues().iter().filter(|(_, text)| !speaks_of_one_piece(text)) {
            play(name, text, &Arrival::Cut(sizes.clone()));
        }
    }
}

proptest! {
    /// Whatever a peer says, the client neither panics nor loops.
    #[test]
    fn noise_ends_in_wait_or_close(noise in prop::collection::vec("(220|250|354|421|550|235|334|999)[ -][a-zA-Z0-9 .\\x00-\\xff]{0,20}\r?\n|.{0,9}", 0..20)) {
        let (config, transport) = config("login=a:b clear-login tls=never");
        let mut client = Client::new(config, transport, Duration::ZERO);
        let mut input = BytesMut::new();
        for piece in noise {
            input.extend_from_slice(piece.as_bytes());
            for _ in 0..50 {
                let step = client.poll(&mut input, Duration::ZERO);
                client.output().clear();
                match step {
                    ClientStep::Wait | ClientStep::Close => break,
                    ClientStep::Ready => client.begin(transaction("from=<a@b.c> to=<d@e.f> to=<g@e.f>"), Duration::ZERO),
                    ClientStep::NeedBody => client.body_end(Duration::ZERO),
                    _ => {}
                }
            }
        }
    }
}
