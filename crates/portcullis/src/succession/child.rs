//! The process of a successor that this gate has started.

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Program;

/// A process of ours, until it serves; then it is a gate of its own, and nobody's child.
pub(super) struct Child {
    process: std::process::Child,
    signals: Signal,
}

/// How it ended.
pub(super) struct Ended(std::io::Result<ExitStatus>);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(status) => write!(f, "ended with {status}"),
            Err(error) => write!(f, "cannot be watched: {error}"),
        }
    }
}

impl Child {
    /// Starts it with our environment, our standard output and our standard error.
    pub(super) fn start(binary: &Path, program: &Program, grace: Duration) -> Result<Self, String> {
        // Listened for before it starts, so that its end is not missed.
        let signals = signal(SignalKind::child()).map_err(|error| format!("it could not be watched: {error}"))?;
        let process = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(&program.config)
            .arg("--predecessor")
            .arg(&program.control)
            .arg("--take-over")
            .arg("--grace")
            .arg(format!("{}s", grace.as_secs()))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
        Ok(Self { process, signals })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Ended {
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Ended(Ok(status)),
                Err(error) => return Ended(Err(error)),
                Ok(None) => {}
            }
            if self.signals.recv().await.is_none() {
                return Ended(Err(std::io::ErrorKind::BrokenPipe.into()));
            }
        }
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself; either way it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
