//! A configuration with a registry, and commands run in it at a time that stands still until somebody lets it go by.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use mail::Timestamp;
use portcullis::commands::access::{Answer, Around, answer};
use portcullis::config::{self, Machine};
use portcullis::registrar;
use registry::{Actor, CaseId, Event, Names, Source};

/// Saturday, 21 November 2026, noon.
const NOW: Timestamp = Timestamp(1_795_262_400_000);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: portcullis::commands::access::Args,
}

/// How what a command says is shown.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// Where it was said, and the status.
    All,
    /// As people see it.
    AsOnScreen,
}

/// Chance that is none: the same secrets each time.
struct Even(std::sync::atomic::AtomicU64);

impl world::Rng for Even {
    fn fill(&self, buffer: &mut [u8]) {
        for octet in buffer {
            let next = self
                .0
                .fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
            *octet = (next >> 56) as u8;
        }
    }
}

pub(crate) struct House {
    folder: tempfile::TempDir,
    now: Timestamp,
    rng: Arc<Even>,
    /// What somebody types when they are asked for a password.
    typed: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access/files");
        for file in std::fs::read_dir(files).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let mut params = rcgen::CertificateParams::new(vec!["mail.example.edu".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("mail.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(folder.path().join("mail.key"), key.serialize_pem()).unwrap();
        Self {
            folder,
            now: NOW,
            rng: Arc::new(Even(1.into())),
            typed: String::new(),
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs a command. Words that name a file of the folder are its path.
    pub(crate) fn run(&self, words: &[&str]) -> Answer {
        let own = |word: &&str| match self.folder.path().join(word) {
            path if !word.is_empty() && path.is_file() => path.display().to_string(),
            _ => (*word).to_owned(),
        };
        let mut line = vec!["portcullis access".to_owned()];
        line.extend(words.iter().map(own));
        line.extend(["--config".to_owned(), self.path("portcullis.toml")]);
        let args = match Cli::try_parse_from(line) {
            Ok(cli) => cli.args,
            Err(why) => panic!("{words:?}: {why}"),
        };
        let typed = self.typed.clone();
        let around = Around {
            now: self.now,
            typed: Box::new(move || Ok(typed.clone().into())),
            rng: self.rng.clone(),
            names: Box::new(|_, host, address| Names {
                forward: Source::Known(host.and(address).into_iter().collect()),
                reverse: Source::Known(host.cloned().into_iter().collect()),
            }),
        };
        match answer(args, &around) {
            Ok(answer) => answer,
            Err(why) => Answer {
                aside: format!("portcullis: {why:#}\n"),
                status: 2,
                ..Answer::default()
            },
        }
    }

    /// What a command says, as it stands in a story.
    pub(crate) fn says(&self, words: &[String], shown: Shown) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Answer { text, aside, status } = self.run(&words);
        let mut said = text;
        match shown {
            Shown::AsOnScreen => said.push_str(&aside),
            Shown::All => {
                said.extend(aside.lines().map(|line| format!("! {line}\n")));
                if status != 0 {
                    said.push_str(&format!("status {status}\n"));
                }
            }
        }
        let folder = format!("{}/", self.folder.path().display());
        said.replace(&folder, "")
    }

    fn registry(&self) -> registrar::Registry {
        let machine = Machine {
            now: self.now,
            ..Machine::default()
        };
        let config = config::load(Path::new(&self.path("portcullis.toml")), &machine)
            .unwrap()
            .config
            .unwrap();
        let settings = config.registry.clone().unwrap();
        registrar::open(&settings, registrar::House::of(&config)).unwrap().0
    }

    /// Time goes by, day after day, and does what it does.
    pub(crate) fn wait(&mut self, days: u32) {
        let mut desk = self.registry();
        for _ in 0..days {
            self.now = self.now.plus(Duration::from_secs(86_400));
            desk.tick(self.now).unwrap();
        }
    }

    /// From now on somebody types this where a password is asked for.
    pub(crate) fn types(&mut self, password: &str) {
        password.clone_into(&mut self.typed);
    }

    /// A message was accepted.
    pub(crate) fn mail(&self, id: &str) {
        let event = Event::Accepted {
            message: "m1".into(),
            counts: true,
        };
        let id = CaseId::parse(id).unwrap();
        self.registry().act(id, &event, &Actor::rule("gate"), self.now).unwrap();
    }
}

/// The words of a command line: by blanks, but for what stands in quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut open) = (None, false);
    for char in line.chars() {
        match (quote, char) {
            (None, '\'' | '"') => {
                quote = Some(char);
                if !open {
                    words.push(String::new());
                }
                open = true;
            }
            (Some(end), _) if end == char => quote = None,
            (None, ' ') => open = false,
            _ => {
                if !open {
                    words.push(String::new());
                }
                open = true;
                words.last_mut().unwrap().push(char);
            }
        }
    }
    words
}
