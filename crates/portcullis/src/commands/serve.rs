//! `portcullis serve`: the gate itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::queue::duration;
use crate::change::{Decided, Keeper};
use crate::config::{self, Machine, Reading};
use crate::control;
use crate::drill;
use crate::gateway::{Gateway, Heritage, Passed, Setting, Writers, resolver};
use crate::journal::Journal;
use crate::signals::{Asked, Ear};
use crate::succession::{Place, Predecessor, Program, Relief, Sockets, Voice};
use crate::supervisor::{self, Word};
use crate::troubles;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Open the gate: listen, judge, keep, deliver.\n\nA configuration with errors does not start; \
    `portcullis check` says what they are. Nor does one that breaks a property, which `portcullis prove` shows, or that \
    lets in more than the one that served last without a `change` that says who wants it and why. SIGHUP reads the file again, as a whole or not at all, without dropping \
    sessions. SIGTERM lets running transactions finish, then stops; what is queued stays on disk.\n\nWith \
    --take-over it takes the place of the gate that runs on the same spool, without a refused connection, or starts as \
    usual where none runs. If it cannot serve, it says why and the other one goes on. `portcullis upgrade` lets the \
    running gate start its successor itself."
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// Take the place of the gate that runs on the same spool, if one does.
    #[arg(long)]
    pub take_over: bool,
    /// How long sessions of the gate that was relieved may go on.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    pub grace: Duration,
    /// The control socket of the gate that started this one.
    #[arg(long, value_name = "FILE", hide = true, requires = "take_over")]
    pub predecessor: Option<PathBuf>,
}

/// Opens the gate.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    take_small_pages();
    super::runtime()?.block_on(serve(args))
}

/// Memory comes in pages of 4 KiB. The allocator asks for huge ones, of which a gate with thousands of idle sessions
/// touches a little of each: half as much again for nothing, as messages are not accepted any faster with them.
fn take_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(event = "gate.huge_pages", %error, "more memory is taken than is needed");
    }
}

/// Raises the number of files and connections we may hold open to what the system allows us. What is usual, 1,024, is
/// meant for programs with few.
fn allow_many_connections() {
    let bound = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: bound.maximum,
        ..bound
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(event = "gate.few_connections", %error, most = bound.current, "no more files can be open");
    }
}

async fn serve(args: Args) -> anyhow::Result<ExitCode> {
    let mut relieving = Relieving::default();
    if let Some(control) = &args.predecessor {
        relieving.find(control)?;
    }
    let voice = relieving.voice.take();
    let opened = open(&args, relieving).await;
    let why = match opened {
        Ok(Opened::Serving(gateway, ear)) => {
            // The former gate waits for the end of the conversation.
            drop(voice);
            return attend(*gateway, ear).await;
        }
        Ok(Opened::Wrong(report)) => Ok(report),
        Err(why) => Err(why),
    };
    if let Some(voice) = voice {
        voice.give_up(match &why {
            Ok(report) => format!("the configuration has errors\n{report}"),
            Err(why) => format!("{why:#}"),
        });
    }
    why.map(|_| ExitCode::FAILURE)
}

/// The gate that is to be relieved, where there is one.
#[derive(Default)]
struct Relieving {
    sockets: Option<Sockets>,
    predecessor: Option<Predecessor>,
    voice: Option<Voice>,
}

impl Relieving {
    fn find(&mut self, control: &Path) -> anyhow::Result<()> {
        if let Some((predecessor, sockets)) = Predecessor::find(control)? {
            self.voice = Some(predecessor.voice()?);
            self.predecessor = Some(predecessor);
            self.sockets = Some(Sockets::inheriting(sockets));
        }
        Ok(())
    }
}

enum Opened {
    Serving(Box<Gateway>, Ear),
    /// The configuration cannot serve; here is why.
    Wrong(String),
}

async fn open(args: &Args, mut relieving: Relieving) -> anyhow::Result<Opened> {
    let file = std::path::absolute(&args.config.path)?;
    let mut world = drill::world()?;
    let machine = Machine::look(mail::Timestamp(world.clock.wall()));
    let reading =
        config::load(&file, &machine).with_context(|| format!("{} cannot be read", args.config.path.display()))?;
    let report = reading.report.render();
    super::say_aside(&report);
    let (keeper, decided) = match judged(reading, mail::Timestamp(world.clock.wall())).await? {
        Ok(judged) => judged,
        Err(refused) => return Ok(Opened::Wrong(report + &refused)),
    };
    let config = decided.passed.config.clone();
    let journal = Journal::new(config.log.format, config.hostname.as_str(), std::io::stdout())?;
    troubles::into_journal(journal.clone(), world.clock.clone(), config.log.level);
    if drill::is_on() {
        tracing::warn!(event = "gate.drill", "a drill: what happens is dated later than it is");
    }
    allow_many_connections();
    let ear = Ear::new()?;
    let control = control::path(&config.spool.dir);
    if args.take_over && relieving.predecessor.is_none() {
        relieving.find(&control)?;
    }
    let sockets = Arc::new(relieving.sockets.unwrap_or_default());
    world.net = sockets.clone();
    let heritage = Heritage {
        place: Place {
            sockets: Some(sockets.clone()),
            program: Some(Program {
                binary: binary()?,
                config: file.clone(),
                control,
            }),
        },
        predecessor: relieving.predecessor,
        grace: args.grace,
    };
    let former = heritage
        .predecessor
        .as_ref()
        .map(|one| (one.pid(), one.version().to_owned()));
    tell_proof(&decided, mail::Timestamp(world.clock.wall()));
    let setting = Setting {
        resolver: resolver(&config.dns, &world)?,
        journal,
        writers: Writers::Threads,
        file: Some(file),
        keeper: Some(Passed { keeper, decided }),
        world,
    };
    let gateway = Gateway::succeed(config, setting, heritage).await?;
    sockets.forget_unwanted();
    for (listener, addresses) in gateway.addresses() {
        for address in addresses {
            tracing::info!(event = "listener.open", %listener, %address, "the gate is open");
        }
    }
    if let Some((pid, version)) = former {
        tracing::info!(
            event = "upgrade.done",
            pid,
            version,
            "the former gate accepts nobody any more; its sessions end"
        );
    }
    supervisor::tell(Word::Ready);
    Ok(Opened::Serving(Box::new(gateway), ear))
}

/// Judges what was read, before anything listens; or says why it does not serve, which is on standard error then. A proof
/// of ten thousand grants takes seconds, beside the runtime.
async fn judged(reading: Reading, now: mail::Timestamp) -> anyhow::Result<Result<(Arc<Keeper>, Decided), String>> {
    let Reading { report, config } = reading;
    let Some(config) = config else {
        return Ok(Err(String::new()));
    };
    let keeper = Arc::new(Keeper::of(&config));
    let judge = keeper.clone();
    let work = move || judge.judge_start(report.source().name(), &config, report.source().text(), now);
    Ok(match tokio::task::spawn_blocking(work).await? {
        Ok(decided) => Ok((keeper, decided)),
        Err(refused) => {
            let refused = format!("portcullis: {refused}");
            super::say_aside(&refused);
            Err(refused)
        }
    })
}

/// Tells how it is known that it may serve.
fn tell_proof(decided: &Decided, now: mail::Timestamp) {
    let proof = decided.passed.remember(now);
    tracing::info!(
        event = "config.proven",
        properties = proof.properties,
        cells = proof.cells,
        millis = proof.millis,
        findings = proof.findings,
        "nothing that must not be is possible; `portcullis prove` shows the whole"
    );
}

/// Does what it is asked until the end.
async fn attend(mut gateway: Gateway, mut ear: Ear) -> anyhow::Result<ExitCode> {
    loop {
        let asked = tokio::select! {
            biased;
            asked = ear.hear() => asked,
            relief = gateway.relieved() => {
                leave(&mut gateway, &mut ear, &relief).await;
                break;
            }
        };
        match asked {
            Asked::End => {
                supervisor::tell(Word::Stopping);
                break;
            }
            // A refusal is told where it happens.
            Asked::Reload => {
                if let Ok(done) = gateway.reload().await {
                    tracing::info!(event = "config.reloaded", done);
                }
            }
        }
    }
    tracing::info!(
        event = "gate.closing",
        "sessions finish their message; what is queued stays on disk"
    );
    gateway.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Lets the sessions end; whoever is impatient asks for the end once more.
async fn leave(gateway: &mut Gateway, ear: &mut Ear, relief: &Relief) {
    supervisor::tell(Word::MainProcess(relief.successor.pid));
    tracing::info!(
        event = "gate.relieved",
        successor = relief.successor.pid,
        version = relief.successor.version,
        grace_secs = relief.grace.as_secs(),
        "another gate has taken over; sessions end by themselves"
    );
    let impatient = async { while ear.hear().await != Asked::End {} };
    tokio::select! {
        biased;
        () = impatient => {}
        () = gateway.leave(relief.grace) => {}
    }
}

/// The file this program was started from, as it was named: a link leads to the next version once it is turned.
fn binary() -> std::io::Result<PathBuf> {
    let named = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if named
        .parent()
        .is_some_and(|folder| folder.as_os_str() != OsStr::new(""))
    {
        std::path::absolute(named)
    } else {
        std::env::current_exe()
    }
}
