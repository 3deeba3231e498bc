//! Anchors to syslog: one RFC 5424 datagram each.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use mail::Timestamp;

/// Facility 10 (security), severity 5 (notice).
const PRIORITY: u8 = 10 * 8 + 5;

/// The system's log, as far as it is there.
pub(super) struct Syslog {
    socket: PathBuf,
    host: Box<str>,
    /// The newest message that was not taken. Older ones are no loss: a later anchor vouches for all before it.
    waiting: Option<Vec<u8>>,
    failing: bool,
}

impl Syslog {
    /// Whoever listens at this socket.
    pub(super) fn new(socket: PathBuf, host: &str) -> Self {
        Self {
            socket,
            host: host.into(),
            waiting: None,
            failing: false,
        }
    }

    /// Sends an anchor's line.
    pub(super) fn send(&mut self, at: Timestamp, line: &[u8]) {
        let pid = std::process::id();
        let mut message = format!("<{PRIORITY}>1 {at} {} portcullis {pid} ledger-anchor - ", self.host).into_bytes();
        message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        self.waiting = Some(message);
        self.try_again();
    }

    /// Sends what was not taken.
    pub(super) fn try_again(&mut self) {
        let Some(message) = &self.waiting else { return };
        match self.put(message) {
            Ok(()) => {
                self.waiting = None;
                if std::mem::take(&mut self.failing) {
                    tracing::info!(socket = %self.socket.display(), "syslog takes anchors again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        event = "ledger.not_anchored", %error, socket = %self.socket.display(),
                        "syslog does not take where the ledger stands; it is tried again, and mail goes on"
                    );
                }
            }
        }
    }

    fn put(&self, message: &[u8]) -> io::Result<()> {
        let from = UnixDatagram::unbound()?;
        from.set_nonblocking(true)?;
        from.send_to(message, &self.socket)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_form_of_rfc_5424_and_waits_while_nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("log");
        let mut syslog = Syslog::new(socket.clone(), "gate.example.edu");
        syslog.send(Timestamp::from_secs(0), b"{\"anchor\":1}\n");
        syslog.send(Timestamp::from_secs(60), b"{\"anchor\":2}\n");
        assert!(syslog.failing);
        let listening = UnixDatagram::bind(&socket).unwrap();
        syslog.try_again();
        let mut octets = [0; 2000];
        let read = listening.recv(&mut octets).unwrap();
        let pid = std::process::id();
        assert_eq!(
            std::str::from_utf8(&octets[..read]).unwrap(),
            format!(
                "<85>1 1970-01-01T00:01:00.000Z gate.example.edu portcullis {pid} ledger-anchor - {{\"anchor\":2}}"
            )
        );
        assert!(!syslog.failing && syslog.waiting.is_none());
    }
}
