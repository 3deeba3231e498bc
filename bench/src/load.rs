//! `smtp-source`, the load of the throughput rows.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::generator;
use crate::network::Network;
use crate::rig::Rig;

/// Whether a session sends one message or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// All messages of a session over one connection.
    Stay,
    /// A new connection for each message.
    Reconnect,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Octets of each body.
    pub octets: usize,
    /// Sessions at once.
    pub sessions: usize,
    /// How long sessions last.
    pub stay: Sessions,
}

/// Sends this many messages; returns when the last one was acknowledged. Any refusal ends it.
///
/// On a shared network it is our own generator that sends, as `smtp-source` cannot come from a granted address there.
pub async fn send(
    rig: &Rig,
    to: SocketAddr,
    load: &Load,
    messages: usize,
    patience: Duration,
) -> anyhow::Result<Instant> {
    if rig.network == Network::Shared {
        return Ok(generator::send(to, *load, messages, None, patience).await?.ended);
    }
    let mut command = Command::from(rig.postfix.command("smtp-source"));
    command.args([
        "-4",
        "-M",
        "load.example.edu",
        "-f",
        "load@example.edu",
        "-t",
        "a@far.example",
        "-C",
        "50",
    ]);
    command.args(["-l", &load.octets.to_string(), "-m", &messages.to_string()]);
    command.args(["-s", &load.sessions.min(messages).to_string()]);
    if load.stay == Sessions::Stay {
        command.arg("-d");
    }
    command.arg(to.to_string());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let sent = command.spawn().context("smtp-source")?.wait_with_output();
    let done = tokio::time::timeout(patience, sent)
        .await
        .with_context(|| format!("smtp-source did not send {messages} messages within {patience:?}"))??;
    if !done.status.success() {
        bail!("smtp-source: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(Instant::now())
}
