//! A gate of the rooms themselves, which takes mail in and delivers nothing: with the ledger as shipped, or with none.
//!
//! The product cannot be run without its ledger, and is not to be. So both kinds are wired here, alike but for who hears
//! of an acceptance: the product's own [`Recorder`], or one that writes the line of the log and nothing else, neither the
//! testimony that is stored with the message nor the ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use admission::{Accepted, Admission, LocalLimits, LoginTold, Refused, Visitor, Witness};
use anyhow::Context;
use bytes::Bytes;
use inbound::{ClientLimits, DoorsConfig, Gate, ListenerConfig};
use ledger::Entry;
use mail::{ForwardPath, MessageId};
use policy::{BoxFuture, Generation, NoticeKind};
use portcullis::config::{self, Config, Machine};
use portcullis::identities::Logins;
use portcullis::journal::Journal;
use portcullis::witness::Recorder;
use smtp::server::{Dialect, ServerConfig, Transport};
use tokio::io::AsyncReadExt;
use wire::ShutdownTrigger;
use world::World;

/// What is wired.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Its configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Records nothing.
    #[arg(long)]
    pub unrecorded: bool,
}

/// How many messages were taken, and how many events recorded: written to the file `counts` beside the configuration.
pub type Counts = (u64, u64);

/// Serves until its standard input ends.
pub fn serve(args: &Args) -> anyhow::Result<()> {
    // As many threads as the product has.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()?;
    runtime.block_on(run(args))
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let world = World::real();
    let config = read(&args.config, &world)?;
    let snapshot = config.snapshot(Generation(1));
    let snapshot = snapshot.map_err(|why| anyhow::anyhow!("the configuration contradicts itself: {why:?}"))?;
    let opened = spool::open(spool::Config::new(&config.spool.dir), &world, spool::Writer::Thread)?;
    let book = ledger::open(ledger::Config::new(&config.ledger.dir), &world, ledger::Writer::Thread)?;
    let recorder = Recorder {
        ledger: book.ledger.clone(),
        refusals: Arc::default(),
        journal: Journal::new(config.log.format, config.hostname.as_str(), std::io::stdout())?,
        metrics: Arc::default(),
        shadow: Arc::default(),
        uses: Arc::default(),
        clock: world.clock.clone(),
    };
    let witness: Arc<dyn Witness> = if args.unrecorded {
        Arc::new(Unrecorded(recorder))
    } else {
        let ledger = book.ledger.clone();
        opened.dispatch.keep_testimony_until(move || ledger.durable_until());
        Arc::new(recorder)
    };
    let settings = admission::Config {
        hostname: config.hostname.clone(),
        snapshot: Arc::new(snapshot),
    };
    let limits = Arc::new(LocalLimits::new(world.clock.clone()));
    let admission = Admission::new(settings, opened.intake, limits, witness, &world);
    let logins = Logins::new(
        config.logins.clone(),
        config.limits.clone(),
        world.clock.clone(),
        world.rng.clone(),
    );
    let (everything, ended) = ShutdownTrigger::new();
    let gate = Gate::new(doors(), admission, Arc::new(logins), &world, ended);
    for listening in inbound::bind(&*world.net, listeners(&config)).await? {
        tokio::spawn(gate.clone().serve(listening));
    }
    // Whoever measures holds the other end.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    everything.stop();
    let taken = opened.view.counts().messages;
    book.closer.close().await;
    let recorded = book.ledger.status().written;
    std::fs::write(args.config.with_file_name("counts"), format!("{taken} {recorded}"))?;
    opened.closer.close().await;
    Ok(())
}

/// What the gate beside this configuration has counted, once it has ended.
pub fn counts(config: &Path) -> anyhow::Result<Counts> {
    let text = std::fs::read_to_string(config.with_file_name("counts")).context("it did not end in good order")?;
    let (taken, recorded) = text.split_once(' ').context("no counts")?;
    Ok((taken.parse()?, recorded.parse()?))
}

fn read(file: &Path, world: &World) -> anyhow::Result<Config> {
    let machine = Machine {
        now: mail::Timestamp(world.clock.wall()),
        ..Machine::default()
    };
    let reading = config::load(file, &machine)?;
    reading.config.with_context(|| reading.report.render())
}

fn listeners(config: &Config) -> Vec<ListenerConfig> {
    let listeners = config.listeners.iter().map(|listener| {
        let mut smtp = ServerConfig::new(listener.hostname.clone());
        smtp.dialect = Dialect::Lenient;
        ListenerConfig {
            name: listener.name.clone(),
            role: listener.role,
            addresses: listener.addresses.clone(),
            smtp: Arc::new(smtp),
            tls: None,
            transport: Transport::Clear,
            proxies: Vec::new(),
        }
    });
    listeners.collect()
}

fn doors() -> DoorsConfig {
    DoorsConfig {
        default: ClientLimits {
            connections: 20_000,
            connections_per_minute: 10_000_000,
            messages_per_minute: 10_000_000,
            ..ClientLimits::default()
        },
        ..DoorsConfig::default()
    }
}

/// Hears of everything and records nothing: the log has its lines.
struct Unrecorded(Recorder);

impl Witness for Unrecorded {
    fn testimony(&self, _: &Accepted<'_>) -> Bytes {
        Bytes::new()
    }

    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, _: Bytes) -> BoxFuture<'a, ()> {
        if let Some(entry) = Entry::from_testimony(self.0.testimony(accepted)) {
            self.0.journal.entry(self.0.now(), &entry);
        }
        Box::pin(std::future::ready(()))
    }

    fn refused(&self, _: &Refused<'_>) {}

    fn connected(&self, visitor: &Visitor) {
        self.0.connected(visitor);
    }

    fn closed(&self, visitor: &Visitor, why: &str) {
        self.0.closed(visitor, why);
    }

    fn login(&self, _: &LoginTold<'_>) {}

    fn noted(&self, visitor: &Visitor, what: &str) {
        self.0.noted(visitor, what);
    }

    fn noticed(&self, _: MessageId, _: NoticeKind, _: MessageId, _: &ForwardPath) {}
}

/// How long a gate may take to greet, and to end.
pub const PATIENCE: Duration = Duration::from_secs(60);
