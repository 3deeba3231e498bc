//! `portcullis config rollback`: the text of an earlier generation serves again.

mod file;

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use policy::diff::{Diff, diff};
use serde_json::json;

use super::found::Gate;
use crate::change::{Served, told};
use crate::commands::{say, say_aside};
use crate::config::{self, Change, Machine};
use crate::control::{self, AskError, Asked};
use crate::generations::{Carried, Flows, compose};
use file::Rewritten;

/// Arguments of `config rollback`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Let the text of an earlier generation serve again, as a new generation, through the gate that runs.\n\n\
        The text is written into the configuration file, with the former file beside it (NAME.before-rollback), and the \
        gate reads it like any change: it is proven, and where it lets in more than what serves it needs --author and \
        --reason, for which the command asks at a terminal. If the gate refuses it, the former file is put back.\n\nWhat \
        happened since does not roll back: a grant that is suspended now stays suspended, and a login whose secret was \
        exchanged keeps the new one.\n\nStatus 0: it serves. Status 1: it does not; the gate and the file are as they were, and \
        the reason is said. Status 2: it could not be tried.",
    after_help = "Example:\n  portcullis config rollback 41 --author ann@example.edu --reason 'copiers of building 7 refused, CHG-2042'"
)]
pub(super) struct Args {
    /// The generation whose text is to serve again.
    #[arg(value_name = "N")]
    generation: u64,
    /// Who answers for it.
    #[arg(long, value_name = "WHO")]
    author: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Say what would become possible and impossible, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    gate: Gate,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// What would serve.
struct Planned {
    text: String,
    carried: Carried,
    diff: Diff,
    /// What serves until then.
    from: u64,
}

/// Rolls back.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let socket = control::path(&args.gate.spool()?);
    let from = serving(&socket)?;
    let generations = args.gate.generations()?;
    let file = generations
        .record(from)?
        .written
        .file
        .unwrap_or_else(|| args.gate.config.path.clone());
    let mut planned = match plan(args, from, &file, &said(args)) {
        Ok(planned) => planned,
        Err(why) => return Ok(refused(args, &format!("{why:#}"))),
    };
    if !args.json {
        say(&preview(args.generation, &planned));
    }
    if args.dry_run {
        return Ok(done(args, &planned, None));
    }
    if planned.diff.widens() && (args.author.is_none() || args.reason.is_none()) {
        let Some(change) = ask_for_change(args)? else {
            let why = "it lets in more than what serves: say who answers for that, and why, with --author and --reason";
            return Ok(refused(args, why));
        };
        planned = plan(args, from, &file, &change)?;
    }
    let rewritten = Rewritten::write(&file, &planned.text)
        .with_context(|| format!("{} cannot be written; nothing was changed", file.display()))?;
    let of = args.generation;
    match control::ask(&socket, Asked::Rollback { of, from }) {
        Ok(answer) => {
            let outcome = answer.done.get("outcome").and_then(serde_json::Value::as_str);
            if !args.json {
                say(&format!(
                    "{}; {} has its text, the former file is {}\n",
                    outcome.unwrap_or_default(),
                    file.display(),
                    rewritten.backup().display()
                ));
            }
            Ok(done(args, &planned, outcome))
        }
        Err(AskError::Refused(why)) => {
            rewritten
                .put_back()
                .with_context(|| format!("the gate refused it, and {} has its text nevertheless", file.display()))?;
            Ok(refused(args, &format!("{why}\nThe file is as it was.")))
        }
        // It may serve, or not: the file is left as it is meant to be.
        Err(why) => Err(why).context("the file was written; `portcullis config history` shows what serves"),
    }
}

fn serving(socket: &Path) -> anyhow::Result<u64> {
    let answer = match control::ask(socket, Asked::Status) {
        Err(why @ AskError::Nobody(_)) => {
            let how = "where none runs, `portcullis config show N` prints the text to start with";
            return Err(anyhow::Error::new(why).context(how));
        }
        answered => answered?,
    };
    let generation = answer.done.get("generation").and_then(serde_json::Value::as_u64);
    generation.context("the gate does not say what serves; is it of another version?")
}

/// What was said of the change, completed.
fn said(args: &Args) -> Change {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|who| !who.is_empty()));
    change(
        args,
        args.author.clone().or(user).unwrap_or_else(|| "an operator".to_owned()),
        args.reason.as_deref().unwrap_or("no reason was given"),
    )
}

/// A reason that no other change has.
fn change(args: &Args, author: String, reason: &str) -> Change {
    Change {
        author,
        reason: format!("{reason} (rollback to generation {})", args.generation),
    }
}

fn ask_for_change(args: &Args) -> anyhow::Result<Option<Change>> {
    if !std::io::stdin().is_terminal() || args.json {
        return Ok(None);
    }
    let ask = |what: &str, given: &Option<String>| -> anyhow::Result<Option<String>> {
        if let Some(given) = given {
            return Ok(Some(given.clone()));
        }
        say_aside(&format!("{what}: "));
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
    };
    let Some(author) = ask("Who answers for it", &args.author)? else {
        return Ok(None);
    };
    Ok(ask("Why", &args.reason)?.map(|reason| change(args, author, &reason)))
}

fn plan(args: &Args, from: u64, file: &Path, change: &Change) -> anyhow::Result<Planned> {
    let generations = args.gate.generations()?;
    let (earlier, serving) = (generations.text(args.generation)?, generations.text(from)?);
    let (text, carried) = compose(&earlier, &serving, change)?;
    let machine = Machine::look(crate::drill::now()?);
    let folder = file.parent().unwrap_or(Path::new("/"));
    let reading = config::read(
        &format!("generation {}", args.generation),
        text.clone(),
        folder,
        &machine,
    );
    let Some(config) = reading.config else {
        bail!("it has errors by now\n{}", reading.report.render());
    };
    let after = config
        .snapshot(policy::Generation(0))
        .map_err(|_| anyhow::anyhow!("it contradicts itself"))?;
    let before = match args.gate.served(&generations, from)? {
        Served::Read { snapshot, .. } => snapshot,
        Served::Nothing => bail!("nothing serves"),
        Served::Unreadable { why, .. } => bail!("it cannot be compared with what serves: {why}"),
    };
    Ok(Planned {
        diff: diff(&before, &after),
        text,
        carried,
        from,
    })
}

fn preview(of: u64, planned: &Planned) -> String {
    let name = |number: u64| format!("generation {number}");
    let mut text = told::change(&name(planned.from), &name(of), &planned.diff);
    let listed = |names: &[String]| names.join(", ");
    let Carried { suspended, secrets } = &planned.carried;
    if !suspended.is_empty() {
        text.push_str(&format!("  stay suspended: {}\n", listed(suspended)));
    }
    if !secrets.is_empty() {
        text.push_str(&format!("  keep the secret they have now: {}\n", listed(secrets)));
    }
    text
}

fn done(args: &Args, planned: &Planned, outcome: Option<&str>) -> ExitCode {
    if args.json {
        let told = json!({
            "of": args.generation,
            "from": planned.from,
            "outcome": outcome,
            "flows": Flows::of(&planned.diff),
            "stay_suspended": planned.carried.suspended,
            "keep_secret": planned.carried.secrets,
        });
        say(&format!("{told:#}\n"));
    }
    ExitCode::SUCCESS
}

fn refused(args: &Args, why: &str) -> ExitCode {
    if args.json {
        say(&format!("{:#}\n", json!({ "of": args.generation, "error": why })));
    } else {
        say_aside(&format!(
            "portcullis: generation {} does not serve again: {why}\n",
            args.generation
        ));
    }
    ExitCode::from(1)
}
