//! `portcullis queue`: the queue, looked at and changed.

mod table;

pub(super) use table::aligned;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::{ConfigFile, check, say};
use crate::config::Config;
use crate::control::{self, Act, Answer, Asked, Listing, Mail, Select};

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Look at the queue of the running gateway, and move, hold or remove what is in it.\n\nHold, release \
        and remove go into the ledger with your name, all changes into the log. What judgement holds back (a masked \
        source, an exceeded rate) or set aside is decided again when `release` names it by --id: you answer for its \
        rate and its content, but its grant must still allow it. What stays is named, with why and what to do.\n\n\
        Status 0: done. Status 1: nothing was there to be changed, or something was left alone. Status 2: no gateway \
        could be asked.",
    after_help = "Examples:\n  \
        portcullis queue list --state held\n  \
        portcullis queue hold --domain example.org --for 2h --reason 'their server is moving'\n  \
        portcullis queue release --id 06M3K8FQ2XRA --reason 'known scans, asked Facilities'\n  \
        portcullis queue retry --all\n  \
        portcullis queue bounce --id 06M3K8FQ2XRA"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The configuration file; it says where the spool is.
    #[arg(
        long = "config",
        short = 'c',
        value_name = "FILE",
        default_value = super::CONFIG_PATH,
        env = "PORTCULLIS_CONFIG",
        global = true
    )]
    config: PathBuf,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE", global = true)]
    socket: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List messages, the oldest first.
    List(ListArgs),
    /// Show one message with all its recipients.
    Show {
        /// The message.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Say how much is in the queue, and what is suspended.
    Counts,
    /// Hold mail back until it is released.
    Hold {
        #[command(flatten)]
        select: SelectArgs,
        /// Release it by itself after this long, such as 30m, 2h or 3d.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        for_how_long: Option<Duration>,
        #[command(flatten)]
        why: Why,
    },
    /// Free what operators hold; named by --id also what judgement holds or set aside, if a new decision allows it.
    Release {
        #[command(flatten)]
        select: SelectArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Try deferred mail now.
    Retry {
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Take mail out of the queue. Nobody is told; `bounce` tells the sender.
    Remove {
        #[command(flatten)]
        select: SelectArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Give mail back to its sender with a notice.
    Bounce {
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Stop delivering some mail, also what comes later, until it is resumed. It is accepted and kept.
    Suspend {
        #[command(flatten)]
        select: SelectArgs,
    },
    /// End a suspension.
    Resume {
        #[command(flatten)]
        select: SelectArgs,
    },
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Some recipient is in this state.
    #[arg(long, value_parser = ["ready", "deferred", "held", "quarantined", "bouncing"])]
    state: Option<String>,
    /// From this envelope sender.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Some recipient was accepted on this grant.
    #[arg(long, value_name = "NAME")]
    grant: Option<String>,
    /// Some recipient is in this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only messages behind this one.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// What to change; exactly one kind.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct SelectArgs {
    /// These messages; may be said several times.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Messages from this envelope sender.
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Recipients that were accepted on this grant.
    #[arg(long, value_name = "NAME")]
    grant: Option<String>,
    /// Recipients in this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Everything.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct Why {
    /// Why, for the ledger.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl SelectArgs {
    fn select(self) -> Select {
        let Self {
            id,
            sender,
            grant,
            domain,
            all: _,
        } = self;
        match (sender, grant, domain) {
            (Some(sender), ..) => Select::Sender(sender),
            (_, Some(grant), _) => Select::Grant(grant),
            (.., Some(domain)) => Select::Domain(domain),
            _ if !id.is_empty() => Select::Ids(id),
            // The group demands one of them, so it was --all.
            _ => Select::All,
        }
    }
}

/// Looks at the queue, or changes it.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (text, status) = answer(args)?;
    say(&text);
    Ok(status)
}

fn answer(args: Args) -> anyhow::Result<(String, ExitCode)> {
    let socket = match args.socket {
        Some(socket) => socket,
        None => socket_of(&ConfigFile { path: args.config })?,
    };
    let asked = args.what.asked();
    let answer = control::ask(&socket, asked.clone())?;
    let text = if args.json {
        format!("{:#}\n", as_json(&asked, &answer))
    } else {
        as_text(&asked, &answer)?
    };
    Ok((text, status(&answer)))
}

impl What {
    fn asked(self) -> Asked {
        match self {
            Self::List(list) => Asked::List(Listing {
                state: list.state,
                sender: list.sender,
                grant: list.grant,
                domain: list.domain,
                after: list.after,
                limit: Some(list.limit),
            }),
            Self::Show { id } => Asked::Show { id },
            Self::Counts => Asked::Counts,
            Self::Hold {
                select,
                for_how_long,
                why,
            } => change(
                select,
                Act::Hold {
                    for_secs: for_how_long.map(|long| long.as_secs()),
                },
                why.reason,
            ),
            Self::Release { select, why } => change(select, Act::Release, why.reason),
            Self::Retry { select } => change(select, Act::Retry, None),
            Self::Remove { select, why } => change(select, Act::Remove, why.reason),
            Self::Bounce { select } => change(select, Act::Bounce, None),
            Self::Suspend { select } => Asked::Suspend {
                select: select.select(),
            },
            Self::Resume { select } => Asked::Resume {
                select: select.select(),
            },
        }
    }
}

fn change(select: SelectArgs, act: Act, reason: Option<String>) -> Asked {
    Asked::Change {
        select: select.select(),
        act,
        reason,
    }
}

/// Where the configuration says that the gateway is reached.
pub(super) fn socket_of(file: &ConfigFile) -> anyhow::Result<PathBuf> {
    Ok(control::path(&config_of(file)?.spool.dir))
}

/// The configuration, where it has no errors.
pub(super) fn config_of(file: &ConfigFile) -> anyhow::Result<Config> {
    let reading = check::read(&file.path)?;
    let counts = reading.report.counts();
    reading.config.with_context(|| {
        format!(
            "{} has {counts}, so it cannot say where the spool is; `portcullis check` shows them, --socket names \
             the running gateway's control.sock in the spool's folder",
            file.path.display()
        )
    })
}

fn as_json(asked: &Asked, answer: &Answer) -> Value {
    match asked {
        Asked::List(_) => serde_json::json!({
            "messages": answer.items,
            "more": answer.done.get("more"),
        }),
        Asked::Change { .. } => {
            let mut done = answer.done.clone();
            if let Some(fields) = done.as_object_mut() {
                fields.insert("left_alone".to_owned(), answer.items.clone().into());
            }
            done
        }
        _ => answer.done.clone(),
    }
}

fn as_text(asked: &Asked, answer: &Answer) -> anyhow::Result<String> {
    Ok(match asked {
        Asked::List(_) => {
            let mails: Vec<Mail> = answer
                .items
                .iter()
                .map(|item| serde_json::from_value(item.clone()))
                .collect::<Result<_, _>>()?;
            table::list(&mails, answer.done.get("more") == Some(&Value::Bool(true)))
        }
        Asked::Show { .. } => table::show(&serde_json::from_value(answer.done.clone())?),
        Asked::Counts => table::counts(&answer.done),
        Asked::Change { act, .. } => table::changed(*act, answer),
        Asked::Suspend { select } => format!("Suspended: {select}. It is accepted and kept; `resume` ends this.\n"),
        Asked::Resume { select } => format!("Resumed: {select}.\n"),
        _ => bail!("not a question about the queue"),
    })
}

/// 1 where a change changed nothing, or left something alone.
fn status(answer: &Answer) -> ExitCode {
    let number = |name| answer.done.get(name).and_then(Value::as_u64);
    match (number("changed"), number("kept")) {
        (Some(0), _) => ExitCode::from(1),
        (_, Some(kept)) if kept > 0 => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}

/// A whole number and a unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write 90s, 30m, 2h or 3d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match text.strip_prefix(digits) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit)
        .filter(|secs| *secs > 0)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::control::rig::Rig;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Result<Args, clap::Error> {
        Line::try_parse_from(std::iter::once(&"queue").chain(line)).map(|line| line.args)
    }

    /// What the command prints, and its exit status.
    async fn queue(rig: &Rig, line: &[&str]) -> anyhow::Result<(String, String)> {
        let mut args = parse(line).unwrap();
        args.socket = Some(rig.socket());
        let (text, status) = tokio::task::spawn_blocking(|| answer(args)).await.unwrap()?;
        Ok((text, format!("{status:?}")))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_commands_work_on_a_running_queue() {
        let (good, no) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::from(1)));
        let rig = Rig::new(100);
        rig.open();
        let id = rig.store(&["bob@example.org", "eve@example.net"]).await.to_string();

        let (list, status) = queue(&rig, &["list"]).await.unwrap();
        assert_eq!(status, good);
        assert!(
            list.contains(&id) && list.contains("bob@example.org +1  ready"),
            "{list}"
        );
        let (held, _) = queue(
            &rig,
            &["hold", "--all", "--for", "2h", "--reason", "their server moves"],
        )
        .await
        .unwrap();
        assert_eq!(held, "2 recipients held.\n");
        let (show, _) = queue(&rig, &["show", &id]).await.unwrap();
        assert!(
            show.contains("subject   Scan from 3rd floor") && show.contains("holds it until"),
            "{show}"
        );
        let (counts, _) = queue(&rig, &["counts", "--json"]).await.unwrap();
        let counts: Value = serde_json::from_str(&counts).unwrap();
        assert_eq!(counts["recipients"]["held"], 2);
        let (list, _) = queue(&rig, &["list", "--state", "ready"]).await.unwrap();
        assert!(list.starts_with("Nothing"), "{list}");
        assert_eq!(
            queue(&rig, &["release", "--id", &id]).await.unwrap().0,
            "2 recipients released.\n"
        );
        let (again, status) = queue(&rig, &["release", "--id", &id]).await.unwrap();
        assert!(again.starts_with("Nothing was released") && status == no, "{again}");
        queue(&rig, &["suspend", "--grant", "copier-3f"]).await.unwrap();
        let (counts, _) = queue(&rig, &["counts"]).await.unwrap();
        assert!(counts.contains("Suspended: mail on grant copier-3f."), "{counts}");
        let unknown = queue(&rig, &["show", "000000000007"]).await.unwrap_err();
        assert!(
            unknown.to_string().contains("portcullis trace 000000000007"),
            "{unknown}"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_gateway_it_says_which_socket_was_tried() {
        let rig = Rig::new(100);
        let nobody = queue(&rig, &["counts"]).await.unwrap_err().to_string();
        assert!(
            nobody.contains("control.sock") && nobody.contains("portcullis serve"),
            "{nobody}"
        );
    }

    #[test]
    fn exactly_one_kind_of_selection_is_demanded() {
        assert!(parse(&["remove"]).is_err());
        assert!(parse(&["remove", "--all", "--domain", "example.org"]).is_err());
        assert!(parse(&["remove", "--id", "06M3K8FQ2XRA", "--id", "06M3K8FQ2XRB"]).is_ok());
    }

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("3d"), Ok(Duration::from_secs(259_200)));
        for wrong in [
            "",
            "h",
            "2",
            "2 h",
            "0m",
            "-1h",
            "2w",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
