//! `portcullis sink`: takes every message and writes it to a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mail::Domain;
use wire::{Asking, Identity, ShutdownTrigger, TlsServer};
use world::World;

use super::{say, say_aside};
use crate::sink::{Envelope, Sink, SinkConfig};
use crate::story::{Printable, size};

/// Arguments of `sink`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Take every message for every recipient and write it to a folder, until Ctrl-C.\n\nFor trying and \
        testing: it stands for the outside world. Each message becomes 000001.eml with the octets as they came and \
        000001.json with its envelope, and one line here.",
    after_help = "Example:\n  portcullis sink --dir /tmp/outside --listen 127.0.0.1:1025"
)]
pub struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1025")]
    pub listen: std::net::SocketAddr,
    /// Where messages go: one file with the raw octets, and its envelope as JSON beside it.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// The name it greets with.
    #[arg(long, value_name = "NAME", default_value = "sink.invalid")]
    pub hostname: String,
    /// A certificate chain (PEM); STARTTLS is offered then.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Messages that may be written at once: they can be finished out of turn.
const OUT_OF_TURN: u64 = 64;

/// Takes mail.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(take(args))
}

async fn take(args: Args) -> anyhow::Result<ExitCode> {
    let world = World::real();
    let hostname = Domain::parse(&args.hostname).with_context(|| format!("{} is no host name", args.hostname))?;
    let tls = match (&args.certificate, &args.key) {
        (Some(chain), Some(key)) => {
            let identity = Identity::load(chain, key)?;
            Some(Arc::new(TlsServer::new(
                vec![identity],
                Asking::No,
                world.clock.clone(),
            )?))
        }
        _ => None,
    };
    let (trigger, shutdown) = ShutdownTrigger::new();
    let config = SinkConfig {
        hostname,
        dir: args.dir.clone(),
        tls,
    };
    let sink = Sink::start(config, args.listen, &world, shutdown)
        .await
        .with_context(|| format!("cannot take mail at {}", args.listen))?;
    let mut reading = Folder::from_now(&args.dir)?;
    say_aside(&format!(
        "Taking mail at {} into {}; Ctrl-C ends it.\n",
        sink.address(),
        args.dir.display()
    ));
    loop {
        let interrupted = tokio::select! {
            biased;
            asked = tokio::signal::ctrl_c() => { asked?; true }
            () = world.clock.sleep_until(world.clock.monotonic() + LOOK_EVERY) => false,
        };
        for (number, envelope) in reading.news() {
            say(&line(number, &envelope));
        }
        if interrupted {
            trigger.stop();
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn line(number: u64, envelope: &Envelope) -> String {
    let from = if envelope.from.is_empty() { "<>" } else { &envelope.from };
    let text = format!(
        "{number:06}  {}  {from} -> {}  {}  from {} \"{}\", {}",
        envelope.at,
        envelope.to.join(", "),
        size(envelope.octets),
        envelope.client,
        envelope.helo,
        envelope.tls.as_deref().unwrap_or("no TLS"),
    );
    format!("{}\n", Printable(&text))
}

/// A sink's folder, and what was seen of it.
struct Folder {
    dir: PathBuf,
    /// The highest number seen.
    last: u64,
    /// Numbers below it that were not there yet.
    missing: BTreeSet<u64>,
}

impl Folder {
    /// Passes over what is there already.
    fn from_now(dir: &Path) -> std::io::Result<Self> {
        let mut last = 0;
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse().ok());
            last = last.max(number.unwrap_or(0));
        }
        Ok(Self {
            dir: dir.to_owned(),
            last,
            missing: BTreeSet::new(),
        })
    }

    fn read(&self, number: u64) -> Option<Envelope> {
        let octets = std::fs::read(self.dir.join(format!("{number:06}.json"))).ok()?;
        serde_json::from_slice(&octets).ok()
    }

    /// What came since it was asked last.
    fn news(&mut self) -> Vec<(u64, Envelope)> {
        let mut news = Vec::new();
        for number in self.missing.clone() {
            if let Some(envelope) = self.read(number) {
                self.missing.remove(&number);
                news.push((number, envelope));
            }
        }
        while let Some((number, envelope)) =
            (self.last + 1..=self.last + OUT_OF_TURN).find_map(|number| Some((number, self.read(number)?)))
        {
            self.missing.extend(self.last + 1..number);
            self.last = number;
            news.push((number, envelope));
        }
        // A message that could not be written never comes.
        while self.missing.len() as u64 > OUT_OF_TURN {
            self.missing.pop_first();
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_finished_out_of_turn_are_all_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let write = |number: u64| {
            let envelope = Envelope {
                from: format!("{number}@example.edu"),
                ..Envelope::default()
            };
            std::fs::write(
                dir.path().join(format!("{number:06}.json")),
                serde_json::to_vec(&envelope).unwrap(),
            )
            .unwrap();
        };
        write(7);
        let mut folder = Folder::from_now(dir.path()).unwrap();
        assert!(folder.news().is_empty());
        write(8);
        write(10);
        let numbers = |news: Vec<(u64, Envelope)>| news.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(numbers(folder.news()), [8, 10]);
        write(9);
        assert_eq!(numbers(folder.news()), [9]);
        assert!(folder.news().is_empty());
    }
}
