//! `portcullis ledger hold`: what must not be removed of the ledger, however old it is.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use ledger::{Event, HOLDS_WRITER, Hold, Holds, OpenError, Opening, Released, Scope, Words, Writer};
use mail::{MessageId, Timestamp};
use serde_json::{Value, json};
use world::{Disk, OsDisk, World};

use super::{Folder, say};
use crate::commands::{runtime, say_aside};
use crate::story::Printable;

/// How often a chain that is in use is tried again, and after how long each time.
const TRIES: u32 = 50;
const TRY_EVERY: Duration = Duration::from_millis(200);

/// Arguments of `ledger hold`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Keep whatever the ledger says of an address, a grant or a message, or all of it
    #[command(
        long_about = "Keep whatever the ledger says of an address, a grant or a message, or all of it, however old it \
            grows.\n\nA file in which anything is covered is not removed. Of an address and of a grant, the whole story of \
            each of their messages is covered. The gate may run meanwhile.\n\nStatus 0: it is in force. Status 2: it could \
            not be set.",
        after_help = "Example:\n  portcullis ledger hold add --address kim@example.edu --reason 'case 2027-114' --until 2029-12-31"
    )]
    Add(Add),
    /// Say which holds there are
    List(List),
    /// End a hold: what only it covered goes when its time has come
    #[command(
        long_about = "End a hold: what only it covered is removed when its time has come, at the gate's next daily \
            run.\n\nStatus 0: it is released. Status 1: there is none of this number. Status 2: it could not be released."
    )]
    Release(Release),
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    covers: Covers,
    /// Why; it is written into the ledger.
    #[arg(long)]
    reason: String,
    /// The last day on which it is in force, as 2029-12-31. Without it, until it is released.
    #[arg(long, value_name = "DAY", value_parser = end_of_day)]
    until: Option<Timestamp>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Covers {
    /// What this address sent or was sent.
    #[arg(long)]
    address: Option<String>,
    /// What was decided on or about this grant.
    #[arg(long)]
    grant: Option<String>,
    /// This message.
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// All there is.
    #[arg(long)]
    everything: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    folder: Folder,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Release {
    #[command(flatten)]
    folder: Folder,
    /// The number of the hold, as `list` says it.
    #[arg(value_name = "N")]
    number: u64,
    /// Why; it is written into the ledger.
    #[arg(long)]
    reason: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Runs what it says.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Add(args) => add(args),
        Command::List(args) => list(&args),
        Command::Release(args) => release(&args),
    }
}

fn add(args: Add) -> anyhow::Result<ExitCode> {
    let dir = args.folder.path()?;
    let covers = args.covers.scope()?;
    let hold = runtime()?.block_on(async {
        let opening = open(&dir).await?;
        let (disk, mut holds) = read(&dir)?;
        let hold = Hold {
            number: holds.next(),
            covers,
            reason: Words::new(&args.reason),
            by: operator(),
            since: now(),
            until_ms: args.until.map(|until| until.0),
        };
        // First it is in force, then it is testified to: nothing in between can remove what it covers.
        holds
            .add(&*disk, &dir, hold.clone())
            .with_context(|| format!("the holds in {} cannot be written", dir.display()))?;
        opening.ledger.record(Event::HoldAdded(Box::new(hold.clone()))).await;
        opening
            .closer
            .close()
            .await
            .context("the hold is in force, but not testified to")?;
        anyhow::Ok(hold)
    })?;
    Ok(say(&if args.json {
        format!("{:#}\n", as_json(&hold))
    } else {
        format!(
            "Hold {} is in force: {}{}.\n",
            hold.number,
            Printable(&hold.covers.to_string()),
            until(&hold)
        )
    }))
}

fn release(args: &Release) -> anyhow::Result<ExitCode> {
    let dir = args.folder.path()?;
    let released = runtime()?.block_on(async {
        let opening = open(&dir).await?;
        let (disk, mut holds) = read(&dir)?;
        let found = holds.get(args.number).cloned();
        if found.is_some() {
            let released = Released {
                number: args.number,
                by: operator(),
                reason: Words::new(&args.reason),
            };
            // First it is testified to: a hold that nobody released stays in force.
            opening.ledger.record(Event::HoldReleased(Box::new(released))).await;
            opening
                .ledger
                .flush()
                .await
                .context("the release cannot be testified to")?;
            holds
                .release(&*disk, &dir, args.number)
                .with_context(|| format!("the holds in {} cannot be written", dir.display()))?;
        }
        opening.closer.close().await;
        anyhow::Ok(found)
    })?;
    let Some(hold) = released else {
        let why = format!(
            "there is no hold {}; `portcullis ledger hold list` says which there are",
            args.number
        );
        if args.json {
            say(&format!("{:#}\n", json!({ "error": why })));
        } else {
            say_aside(&format!("portcullis: {why}\n"));
        }
        return Ok(ExitCode::from(1));
    };
    Ok(say(&if args.json {
        format!("{:#}\n", json!({ "released": as_json(&hold) }))
    } else {
        format!(
            "Hold {} is released: {}.\n",
            hold.number,
            Printable(&hold.covers.to_string())
        )
    }))
}

fn list(args: &List) -> anyhow::Result<ExitCode> {
    let (_, holds) = read(&args.folder.path()?)?;
    if args.json {
        let holds: Vec<Value> = holds.all().iter().map(as_json).collect();
        return Ok(say(&format!("{:#}\n", json!({ "holds": holds }))));
    }
    let mut text = String::new();
    for hold in holds.all() {
        let ended = if hold.is_in_force(now()) {
            ""
        } else {
            ", which has passed: it holds nothing any more"
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:>4}  {}{}{ended}\n      since {} by {}: {}",
            hold.number,
            Printable(&hold.covers.to_string()),
            until(hold),
            hold.since.to_date(),
            Printable(hold.by.as_str()),
            Printable(hold.reason.as_str()),
        );
    }
    if text.is_empty() {
        text.push_str("Nothing is held.\n");
    }
    Ok(say(&text))
}

impl Covers {
    fn scope(self) -> anyhow::Result<Scope> {
        Ok(match self {
            Self {
                address: Some(address), ..
            } => {
                let bare = address.trim().trim_start_matches('<').trim_end_matches('>');
                if !bare.contains('@') {
                    bail!("`{address}` is no mail address");
                }
                Scope::Address(Words::new(bare))
            }
            Self { grant: Some(grant), .. } => Scope::Grant(Words::new(&grant)),
            Self { message: Some(id), .. } => Scope::Message(id),
            _ => Scope::Everything,
        })
    }
}

/// Opens the chain in which holds are testified to, which nobody else has open then.
async fn open(dir: &Path) -> anyhow::Result<Opening> {
    dir.read_dir()
        .with_context(|| format!("the ledger in {} cannot be read", dir.display()))?;
    let world = World::real();
    let mut settings = ledger::Config::new(dir);
    settings.writer = HOLDS_WRITER.into();
    for _ in 0..TRIES {
        match ledger::open(settings.clone(), &world, Writer::Thread) {
            Err(OpenError::Busy(_)) => world.clock.sleep_until(world.clock.monotonic() + TRY_EVERY).await,
            opened => return opened.context("the hold cannot be testified to"),
        }
    }
    bail!("old files are being removed now, or somebody else changes holds; try again in a while")
}

fn read(dir: &Path) -> anyhow::Result<(Arc<dyn Disk>, Holds)> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let holds = Holds::read(&disk, dir).with_context(|| format!("the holds in {} cannot be read", dir.display()))?;
    Ok((disk, holds))
}

fn as_json(hold: &Hold) -> Value {
    let (kind, name) = match &hold.covers {
        Scope::Address(address) => ("address", Some(address.to_string())),
        Scope::Grant(grant) => ("grant", Some(grant.to_string())),
        Scope::Message(id) => ("message", Some(id.to_string())),
        Scope::Everything => ("everything", None),
    };
    json!({
        "number": hold.number,
        "covers": kind,
        "name": name,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since.to_rfc3339(),
        "until": hold.until().map(Timestamp::to_rfc3339),
        "in_force": hold.is_in_force(now()),
    })
}

fn until(hold: &Hold) -> String {
    match hold.until() {
        Some(until) => format!(", until {}", until.to_date()),
        None => String::new(),
    }
}

fn now() -> Timestamp {
    Timestamp(World::real().clock.wall())
}

/// The user id, and the name that came with it.
fn operator() -> Words {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|who| !who.is_empty()));
    let uid = rustix::process::getuid().as_raw();
    Words::from(match name {
        Some(name) => format!("{name} (uid {uid})"),
        None => format!("uid {uid}"),
    })
}

fn end_of_day(text: &str) -> Result<Timestamp, String> {
    let day: jiff::civil::Date = text.parse().map_err(|_| "write a day, as 2029-12-31".to_owned())?;
    let begin = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|why| why.to_string())?;
    Ok(Timestamp(
        begin.timestamp().as_millisecond().saturating_add(86_400_000 - 1),
    ))
}
