//! What the operating system asks of us.

use tokio::signal::unix::{SignalKind, signal};

/// What a running gate may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM or Ctrl-C: end in good order.
    End,
}

/// Hears what a running gate is asked.
pub struct Ear {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ear {
    /// From now on these signals no longer end the process by themselves.
    ///
    /// Nor does SIGXFSZ, by which the system ends a process that writes beyond the largest size of a file; the write
    /// then fails like one to a full disk.
    pub fn new() -> std::io::Result<Self> {
        // Once it has been asked for, the signal is caught for the life of the process.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next thing that is asked.
    pub async fn hear(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
