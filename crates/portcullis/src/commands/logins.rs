//! `portcullis logins`: who is kept out for guessing, and letting them in again.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use super::asking::Asking;
use super::say;
use crate::control::Asked;
use crate::identities::KeptOut;

/// Arguments of `logins`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Tell which logins the running gate keeps out because somebody guesses at them, and let them in again.\n\nA \
        login that failed a hundred times in a row is stopped until somebody has looked: it works only from where it proved \
        itself before, and where its grant names the client's network. Logins, addresses and networks that failed often in \
        a short time are locked, and unlocked by themselves.",
    after_help = "Example:\n  portcullis logins list\n  portcullis why erp                     who guesses, from where\n  \
        portcullis logins release erp --reason 'INC-77'\n  portcullis access rotate pc-1042       another secret lets it go too"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Tell who is kept out, for how long, and from where a stopped login still works
    #[command(
        long_about = "Tell who is kept out, for how long, and from where a stopped login still works.\n\nStatus 0: nobody is \
            stopped. Status 1: somebody is. Status 2: no gate runs."
    )]
    List(Asking),
    /// Let a login, an address or a network in again
    #[command(
        long_about = "Let a login, an address or a network in again: its failures are forgotten, and the ledger keeps \
            who said so and why.\n\nStatus 0: it was kept \
            out, and is no longer. Status 1: it was not. Status 2: no gate runs."
    )]
    Release(Release),
}

#[derive(Debug, clap::Args)]
struct Release {
    /// A login, an address, or a network as `logins list` shows it.
    #[arg(value_name = "WHO")]
    who: String,
    /// Why; the ledger keeps it, with your name.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    ask: Asking,
}

/// Runs what it says.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(ask) => list(&ask),
        Command::Release(args) => release(args),
    }
}

fn list(ask: &Asking) -> anyhow::Result<ExitCode> {
    let Some(done) = ask.ask(Asked::Logins)? else {
        return Ok(ExitCode::from(2));
    };
    let kept_out: KeptOut = serde_json::from_value(done.clone()).context("the gate's answer is of another version")?;
    say(&if ask.json {
        format!("{done:#}\n")
    } else {
        shown(&kept_out)
    });
    Ok(ExitCode::from(u8::from(!kept_out.stopped.is_empty())))
}

fn shown(kept_out: &KeptOut) -> String {
    let mut text = String::new();
    for (login, stop) in &kept_out.stopped {
        let homes: Vec<String> = stop.homes.iter().map(ToString::to_string).collect();
        let homes = match homes.is_empty() {
            true => "nowhere but in the networks that its grant names".to_owned(),
            false => format!("{}, and in the networks that its grant names", homes.join(", ")),
        };
        text.push_str(&format!("{login}  stopped since {}; works from {homes}\n", stop.since));
    }
    for one in &kept_out.locked {
        let who = one.login.as_deref().unwrap_or("every login");
        let minutes = one.left_secs.div_ceil(60);
        text.push_str(&format!("{who}  locked for {}, {minutes} minutes more\n", one.source));
    }
    if text.is_empty() {
        text.push_str("Nobody is kept out.\n");
    }
    text
}

fn release(args: Release) -> anyhow::Result<ExitCode> {
    let Release { who, reason, ask } = args;
    let asked = Asked::ReleaseLogin {
        who: who.clone(),
        reason,
    };
    let Some(done) = ask.ask(asked)? else {
        return Ok(ExitCode::from(2));
    };
    let released = done == Value::Bool(true);
    say(&match (ask.json, released) {
        (true, _) => format!("{:#}\n", serde_json::json!({ "who": who, "released": released })),
        (false, true) => format!("{who} is let in again.\n"),
        (false, false) => format!("{who} was not kept out; `portcullis logins list` tells who is.\n"),
    });
    Ok(ExitCode::from(u8::from(!released)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_kept_out_is_told_in_words() {
        assert_eq!(shown(&KeptOut::default()), "Nobody is kept out.\n");
        let kept_out: KeptOut = serde_json::from_value(serde_json::json!({
            "stopped": {
                "erp": { "since": "2026-11-22T10:00:00Z", "homes": ["10.20.3.14/32"], "of": "x" },
                "pc-1042": { "since": "2026-11-22T11:00:00Z", "homes": [], "of": "y" },
            },
            "locked": [
                { "login": "erp", "source": "203.0.113.9/32", "left_secs": 841 },
                { "source": "203.0.113.0/24", "left_secs": 3600 },
            ],
        }))
        .unwrap();
        assert_eq!(
            shown(&kept_out),
            "erp  stopped since 2026-11-22T10:00:00Z; works from 10.20.3.14/32, and in the networks that its grant names\n\
             pc-1042  stopped since 2026-11-22T11:00:00Z; works from nowhere but in the networks that its grant names\n\
             erp  locked for 203.0.113.9/32, 15 minutes more\n\
             every login  locked for 203.0.113.0/24, 60 minutes more\n"
        );
    }
}
