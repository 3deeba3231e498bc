//! `smtp-sink`, the end of every relay: takes mail, stores nothing, counts.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use crate::rig::{Rig, free_port};

/// A `smtp-sink` for this many sessions.
pub fn command(rig: &Rig, flags: &[&str], address: SocketAddr, sessions: usize) -> Command {
    let mut command = Command::from(rig.postfix.command("smtp-sink"));
    let sessions = (sessions + 200).to_string();
    command
        .args(flags)
        .args(["-4", "-u", "nobody", "-m", &sessions, &address.to_string(), "1000"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command
}

/// A sink that is asked how much has arrived.
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    messages: usize,
    counter: ChildStdout,
    unread: Vec<u8>,
    child: Child,
}

impl Sink {
    /// Starts one.
    pub fn start(rig: &Rig, sessions: usize) -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = command(rig, &["-c"], address, sessions);
        let mut child = command.stdout(Stdio::piped()).spawn().context("smtp-sink")?;
        let counter = child.stdout.take().context("smtp-sink does not count")?;
        Ok(Self {
            address,
            messages: 0,
            counter,
            unread: Vec::new(),
            child,
        })
    }

    /// Waits until this many messages have arrived; when that was.
    pub async fn arrived(&mut self, messages: usize, patience: Duration) -> anyhow::Result<Instant> {
        let began = Instant::now();
        while self.messages < messages {
            let left = patience.saturating_sub(began.elapsed());
            // Not woken for each message: that would cost the servers a part of the machine.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if tokio::time::timeout(left, self.read()).await.is_err() {
                bail!("{} of {messages} messages arrived within {patience:?}", self.messages);
            }
        }
        Ok(Instant::now())
    }

    /// How many messages have arrived by now.
    pub async fn count(&mut self) -> usize {
        while tokio::time::timeout(Duration::from_millis(20), self.read())
            .await
            .is_ok_and(|more| more)
        {}
        self.messages
    }

    async fn read(&mut self) -> bool {
        let mut octets = [0; 65536];
        let Ok(length @ 1..) = self.counter.read(&mut octets).await else {
            // It has ended: nothing more will arrive, and who waits runs out of patience.
            std::future::pending::<()>().await;
            return false;
        };
        self.unread.extend(octets.get(..length).unwrap_or_default());
        if let Some(end) = self.unread.iter().rposition(|octet| *octet == b'\r') {
            let whole: Vec<u8> = self.unread.drain(..=end).collect();
            self.messages = last_count(&whole).unwrap_or(self.messages);
        }
        true
    }

    /// Ends it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// From `sess=20 quit=0 mesg=417` and a carriage return, repeated.
fn last_count(octets: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(octets).ok()?;
    text.trim_end().rsplit_once("mesg=")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_count_is_the_one_that_holds() {
        assert_eq!(
            last_count(b"sess=2 quit=0 mesg=24\rsess=20 quit=0 mesg=417\r"),
            Some(417)
        );
        assert_eq!(last_count(b"sess=2 quit=0 me"), None);
    }
}
