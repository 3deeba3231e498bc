//! `portcullis access`: who may relay beside what stands in the configuration file. An administrator drives the whole life
//! of a grant by these commands; the portal will offer its people the same steps.
//!
//! One file a command. Each reads the configuration, opens the registry where it is kept, takes at most one step of a case
//! (`import` of many) and answers. They work with or without a running gate, which sees what they change by itself.

mod accounts;
mod ack;
mod advice;
mod approve;
mod around;
mod attest;
mod checks;
mod confirm;
mod due;
mod export;
mod import;
mod keys;
mod letters;
mod list;
mod office;
mod pinned;
mod provision;
mod reinstate;
mod reject;
mod renew;
mod report;
mod request;
mod revoke;
mod rotate;
mod secrets;
mod show;
mod shown;
mod suspend;
mod tokens;
mod told;

use std::process::ExitCode;

use mail::Timestamp;
use serde_json::Value;

use super::{say, say_aside};
pub use around::Around;
use office::Refusal;

/// Arguments of `access`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Drive the life of a grant: from a request over acknowledgement, review and checks to a device that sends, \
        and on to renewal, suspension and end.\n\nA grant of the registry is called by its case, pc-1042; a device logs in \
        under that name. What stands in the configuration file is listed as well, as pinned. All of it works with or without \
        a running gate; a running one sees a change within seconds.\n\nWho acts is recorded, and nobody decides about what \
        they asked for themselves: --as ADDRESS, or PORTCULLIS_AS in the environment. Without either it is the relay's \
        administrator, where [registry.roles] names one alone: who runs a command on the relay runs the relay. For security or \
        for a head nobody speaks unnamed.\n\nStatus 0: done. Status 1: refused, with the reason and what leads on. Status 2: \
        it could not be tried.",
    after_help = "Examples:\n  portcullis access request --template > copier.toml\n  portcullis access request --form \
        copier.toml --submit\n  portcullis access approve pc-1001\n  portcullis access provision pc-1001\n  portcullis \
        access list"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(about = "Ask for a grant, answer a question about it, or change what is asked for")]
    Request(Box<request::Args>),
    #[command(about = "List every case, and the grants of the configuration file")]
    List(list::Args),
    #[command(
        about = "Tell everything about a grant: what is asked for, where it stands, what comes next, its history"
    )]
    Show(show::Args),
    #[command(about = "Find a request complete, decide about its risk, or review what was imported")]
    Approve(approve::Args),
    #[command(about = "Refuse a request, or send it back with a question")]
    Reject(reject::Args),
    #[command(about = "Take the risk of an exception: read the three sentences and accept each of them")]
    Ack(ack::Args),
    #[command(about = "Agree, or not, that others operate a grant or answer for it")]
    Confirm(confirm::Args),
    #[command(about = "Make the technical checks, and set the grant up where they are green")]
    Provision(provision::Args),
    #[command(about = "Let a grant not serve for now")]
    Suspend(suspend::Args),
    #[command(about = "Let a suspended grant serve again")]
    Reinstate(reinstate::Args),
    #[command(about = "Tell what was seen in the mail of a grant: enough of it suspends the grant at once")]
    Report(report::Args),
    #[command(about = "End a grant, or give up a request")]
    Revoke(revoke::Args),
    #[command(about = "Let a grant go on behind its end, or say that an idle one is still needed")]
    Renew(renew::Args),
    #[command(about = "Ask the head of a department which of its grants are still needed, or answer for them")]
    Attest(attest::Args),
    #[command(about = "Make a fresh secret, with the old one beside it for a while; or name another certificate")]
    Rotate(rotate::Args),
    #[command(about = "Import who could relay before: Postfix's lists and tables, or CSV")]
    Import(import::Args),
    #[command(about = "Show the words of letters, or write them out to begin others from")]
    Letters(letters::Args),
    #[command(about = "Show the colour of each technical check, and what to do")]
    Checks(checks::Args),
    #[command(about = "Show what will happen when: reminders, ends, and what waits for whom")]
    Due(due::Args),
    #[command(about = "Write every case as CSV or JSON, with its history where that is wanted")]
    Export(export::Args),
}

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    config: super::ConfigFile,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Who acts.
#[derive(Debug, clap::Args)]
struct Acting {
    /// Who acts, by mail address.
    #[arg(long = "as", value_name = "ADDRESS", env = "PORTCULLIS_AS")]
    who: Option<String>,
}

/// The last instant of a day, in UTC.
fn day(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is no day; write it as 2027-06-30");
    let date: jiff::civil::Date = text.trim().parse().map_err(|_| wrong())?;
    let next = date.tomorrow().map_err(|_| wrong())?;
    let begin = next.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    Ok(Timestamp(begin.timestamp().as_millisecond() - 1))
}

/// What a command says, and the status it ends with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// To standard output.
    pub text: String,
    /// To standard error.
    pub aside: String,
    /// The exit status.
    pub status: u8,
}

/// What was done, for people and for programs.
struct Told {
    text: String,
    json: Value,
    /// Not zero where the answer is no.
    status: u8,
    aside: String,
}

impl Told {
    fn new(text: String, json: Value) -> Self {
        Self {
            text,
            json,
            status: 0,
            aside: String::new(),
        }
    }
}

/// Why there is nothing to tell.
enum Trouble {
    /// The answer is no.
    Refused(Refusal),
    /// It could not be tried.
    Failed(anyhow::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(why: anyhow::Error) -> Self {
        Self::Failed(why)
    }
}

/// Does it and says it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Answer { text, aside, status } = answer(args, &Around::real()?)?;
    say_aside(&aside);
    let said = say(&text);
    Ok(if status == 0 { said } else { ExitCode::from(status) })
}

/// Does it, in a world that tests may make.
pub fn answer(args: Args, around: &Around) -> anyhow::Result<Answer> {
    let (done, json) = match args.command {
        Command::Request(args) => (request::run(&args, around), args.common.json),
        Command::List(args) => (list::run(&args, around), args.common.json),
        Command::Show(args) => (show::run(&args, around), args.common.json),
        Command::Approve(args) => (approve::run(&args, around), args.common.json),
        Command::Reject(args) => (reject::run(&args, around), args.common.json),
        Command::Ack(args) => (ack::run(&args, around), args.common.json),
        Command::Confirm(args) => (confirm::run(&args, around), args.common.json),
        Command::Provision(args) => (provision::run(&args, around), args.common.json),
        Command::Report(args) => (report::run(&args, around), args.common.json),
        Command::Suspend(args) => (suspend::run(&args, around), args.common.json),
        Command::Reinstate(args) => (reinstate::run(&args, around), args.common.json),
        Command::Revoke(args) => (revoke::run(&args, around), args.common.json),
        Command::Renew(args) => (renew::run(&args, around), args.common.json),
        Command::Attest(args) => (attest::run(&args, around), args.common.json),
        Command::Rotate(args) => (rotate::run(&args, around), args.common.json),
        Command::Import(args) => (import::run(&args, around), args.common.json),
        Command::Letters(args) => (letters::run(&args), args.json),
        Command::Checks(args) => (checks::run(&args, around), args.common.json),
        Command::Due(args) => (due::run(&args, around), args.common.json),
        Command::Export(args) => (export::run(&args, around), false),
    };
    match done {
        Ok(told) if json => Ok(Answer {
            text: format!("{:#}\n", told.json),
            aside: told.aside,
            status: told.status,
        }),
        Ok(told) => Ok(Answer {
            text: told.text,
            aside: told.aside,
            status: told.status,
        }),
        Err(Trouble::Refused(refusal)) if json => Ok(Answer {
            text: format!("{:#}\n", refusal.to_json()),
            aside: String::new(),
            status: 1,
        }),
        Err(Trouble::Refused(refusal)) => Ok(Answer {
            text: String::new(),
            aside: refusal.to_string(),
            status: 1,
        }),
        Err(Trouble::Failed(why)) => Err(why),
    }
}
