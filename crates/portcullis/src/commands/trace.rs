//! `portcullis trace`: the story of one message.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use ledger::Reader;
use serde_json::json;
use world::OsDisk;

use super::{queue, say, say_aside};
use crate::control::{self, AskError, Asked};
use crate::story::Tale;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Tell the story of one message: received, judged, stored, each attempt, what became of it.\n\n\
        ID stands in our 250, in the Received line and in every line of the log. The id of a refusal (at the end of \
        the reply, in brackets) and of a session tell what happened there.\n\nAsks the running gateway; where none \
        runs, the ledger's files alone are read. Status 0: told. Status 1: nothing is known of the id.",
    after_help = "Example:\n  portcullis trace 06M3K8FQ2XRA"
)]
pub struct Args {
    /// The id of a message, a session or a refusal, as replies and logs write it; or the Message-ID of its header.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The configuration file.
    #[command(flatten)]
    pub config: super::ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// The ledger's folder, in place of the configuration's, when no gateway runs.
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// Tells the story.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match find(&args)? {
        Ok((tale, source)) if args.json => {
            let mut value = serde_json::to_value(&tale)?;
            if let Some(fields) = value.as_object_mut() {
                fields.insert("told_by".to_owned(), source.into());
            }
            Ok(say(&format!("{value:#}\n")))
        }
        Ok((tale, _)) => Ok(say(&tale.to_string())),
        Err(why) => {
            if args.json {
                say(&format!("{:#}\n", json!({ "error": why })));
            } else {
                say_aside(&format!("portcullis: {why}\n"));
            }
            Ok(ExitCode::from(1))
        }
    }
}

/// The tale and who told it; in the inner error, why there is none.
fn find(args: &Args) -> anyhow::Result<Result<(Tale, &'static str), String>> {
    // Who names the ledger's folder wants that one read.
    let Some(folder) = &args.ledger else {
        let socket = match &args.socket {
            Some(socket) => socket.clone(),
            None => queue::socket_of(&args.config)?,
        };
        return match control::ask(&socket, Asked::Trace { id: args.id.clone() }) {
            Ok(answer) => Ok(Ok((serde_json::from_value(answer.done)?, "gateway"))),
            Err(AskError::Refused(why)) => Ok(Err(why)),
            Err(why @ AskError::Nobody(_)) if args.socket.is_none() => {
                if !args.json {
                    say_aside(&format!(
                        "{why}\nTold from the ledger's files alone: without subject and present state.\n"
                    ));
                }
                Ok(from_files(&queue::config_of(&args.config)?.ledger.dir, &args.id))
            }
            Err(why) => Err(why.into()),
        };
    };
    folder
        .read_dir()
        .with_context(|| format!("the ledger in {} cannot be read", folder.display()))?;
    Ok(from_files(folder, &args.id))
}

fn from_files(folder: &Path, id: &str) -> Result<(Tale, &'static str), String> {
    let reader = Reader::new(Arc::new(OsDisk), folder);
    control::trace_files(&reader, id).map(|tale| (tale, "ledger"))
}
