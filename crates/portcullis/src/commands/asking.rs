//! Asking the running gate: what the commands that do so share.

use std::path::PathBuf;

use serde_json::Value;

use super::{ConfigFile, queue, say, say_aside};
use crate::control::{self, AskError, Asked};

/// Where the gate is reached, and how its answer is told.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// The configuration file of the gate; it says where the running gate is reached.
    #[command(flatten)]
    config: ConfigFile,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Asking {
    /// What the gate answers; `None` where it refuses, which is told.
    pub(super) fn ask(&self, asked: Asked) -> anyhow::Result<Option<Value>> {
        let socket = match &self.socket {
            Some(socket) => socket.clone(),
            None => queue::socket_of(&self.config)?,
        };
        match control::ask(&socket, asked) {
            Ok(answer) => Ok(Some(answer.done)),
            Err(AskError::Refused(why)) => {
                if self.json {
                    say(&format!("{:#}\n", serde_json::json!({ "error": why })));
                } else {
                    say_aside(&format!("portcullis: {why}\n"));
                }
                Ok(None)
            }
            Err(why) => Err(why.into()),
        }
    }
}
