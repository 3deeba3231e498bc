//! The log of events: one line each, as JSON for machines or as a sentence for people.
//!
//! Lines go through a channel to a thread that writes many at once: mail never waits for a terminal or a pipe. When the
//! reader of our log cannot keep up, lines are counted instead of kept, and the count is written. The ledger has all.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;

use crate::config::LogFormat;

/// Lines that may wait.
const WAITING_MAX: usize = 16_384;
/// Reasons of [`policy::Reason`] that mean: this client may not send there through us.
const RELAY_DENIED: [&str; 4] = [
    "no-grant",
    "not-our-domain",
    "recipient-outside-scope",
    "login-without-grant",
];
/// Octets written at once at most.
const BATCH_OCTETS: usize = 64 * 1024;

/// Writes events. Cloning shares it.
#[derive(Clone)]
pub struct Journal {
    format: LogFormat,
    host: Arc<str>,
    lines: SyncSender<Vec<u8>>,
    tally: Arc<Tally>,
}

/// How far the writing is.
#[derive(Default)]
struct Tally {
    /// Lines that went into the channel.
    taken: AtomicU64,
    /// Lines that found it full, until the count is written.
    lost: AtomicU64,
    /// Lines written.
    written: Mutex<u64>,
    wrote: Condvar,
}

impl Journal {
    /// A journal to `out`, written by a thread of its own that ends with the last clone.
    pub fn new(format: LogFormat, host: &str, out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let tally = Arc::new(Tally::default());
        let counted = tally.clone();
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(&waiting, &counted, out))?;
        Ok(Self {
            format,
            host: host.into(),
            lines,
            tally,
        })
    }

    /// Waits until every line logged so far is written, no longer than `patience`; says whether it came to that. Blocks.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let taken = self.tally.taken.load(Ordering::SeqCst);
        let written = self.tally.written.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = |written: &mut u64| *written < taken;
        let waited = self.tally.wrote.wait_timeout_while(written, patience, behind);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Writes one event of the ledger's closed list.
    pub fn event(&self, at: Timestamp, event: &ledger::Event) {
        let mut value = serde_json::to_value(event).unwrap_or_default();
        if let (Some(fields), Some(name)) = (value.as_object_mut(), name(event)) {
            fields.insert("event".to_owned(), name.into());
        }
        self.line(at, value);
    }

    /// Writes something that is no testimony: connections, handshakes, what a session was noticed for.
    pub fn note(&self, at: Timestamp, event: &str, fields: serde_json::Value) {
        let mut value = serde_json::json!({ "event": event });
        if let (Some(into), serde_json::Value::Object(fields)) = (value.as_object_mut(), fields) {
            into.extend(fields);
        }
        self.line(at, value);
    }

    fn line(&self, at: Timestamp, value: serde_json::Value) {
        let mut line = match self.format {
            LogFormat::Json => self.as_json(at, value),
            LogFormat::Text => as_text(at, &value),
        };
        line.push('\n');
        match self.lines.try_send(line.into_bytes()) {
            Ok(()) => self.tally.taken.fetch_add(1, Ordering::SeqCst),
            Err(TrySendError::Full(_)) => self.tally.lost.fetch_add(1, Ordering::Relaxed),
            // The thread is gone only with the last of us.
            Err(TrySendError::Disconnected(_)) => 0,
        };
    }

    fn as_json(&self, at: Timestamp, value: serde_json::Value) -> String {
        let mut line = serde_json::Map::new();
        line.insert("ts".to_owned(), at.to_rfc3339().into());
        line.insert("host".to_owned(), (*self.host).into());
        if let serde_json::Value::Object(fields) = value {
            line.extend(fields);
        }
        serde_json::Value::Object(line).to_string()
    }
}

/// The log's name of an event, where the ledger has one word for what dashboards tell apart.
fn name(event: &ledger::Event) -> Option<&'static str> {
    match event {
        ledger::Event::Login(login) if login.outcome == ledger::LoginOutcome::Proved => Some("auth.ok"),
        ledger::Event::Login(_) => Some("auth.fail"),
        ledger::Event::Refused(refused) if RELAY_DENIED.contains(&refused.reason.as_str()) => Some("relay.deny"),
        ledger::Event::Refused(refused) => Some(match (&refused.from, &refused.rcpt) {
            (_, Some(_)) => "rcpt.reject",
            (Some(_), None) => "data.reject",
            (None, None) => "smtp.reject",
        }),
        _ => None,
    }
}

/// Time, event, and the fields that are there, in one line.
fn as_text(at: Timestamp, value: &serde_json::Value) -> String {
    let mut line = format!("{} ", at.to_rfc3339());
    let Some(fields) = value.as_object() else { return line };
    line.push_str(
        fields
            .get("event")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("event"),
    );
    for (name, value) in fields.iter().filter(|(name, _)| *name != "event") {
        line.push(' ');
        line.push_str(name);
        line.push('=');
        line.push_str(&value.to_string());
    }
    line
}

fn write_all(waiting: &Receiver<Vec<u8>>, tally: &Tally, mut out: impl Write) {
    while let Ok(first) = waiting.recv() {
        let mut batch = first;
        let mut count = 1;
        while batch.len() < BATCH_OCTETS {
            match waiting.try_recv() {
                Ok(line) => batch.extend_from_slice(&line),
                Err(_) => break,
            }
            count += 1;
        }
        let missing = tally.lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            batch.extend_from_slice(format!("{{\"event\":\"log.lost\",\"lines\":{missing}}}\n").as_bytes());
        }
        // A log nobody reads any more is no reason to stop mail; the ledger goes on.
        let _ = out.write_all(&batch).and_then(|()| out.flush());
        *tally.written.lock().unwrap_or_else(PoisonError::into_inner) += count;
        tally.wrote.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_json_object_with_time_and_host() {
        let paper = Paper::default();
        let text = paper.0.clone();
        let journal = Journal::new(LogFormat::Json, "gate.example.edu", paper).unwrap();
        journal.note(
            Timestamp::from_secs(0),
            "smtp.connect",
            serde_json::json!({ "src_ip": "192.0.2.1" }),
        );
        assert!(journal.flush(Duration::from_secs(60)));
        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["ts"], "1970-01-01T00:00:00.000Z");
        assert_eq!(line["host"], "gate.example.edu");
        assert_eq!(line["src_ip"], "192.0.2.1");
    }

    /// A reader that never comes back.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            loop {
                std::thread::park();
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_is_not_waited_for_for_ever() {
        let journal = Journal::new(LogFormat::Text, "gate.example.edu", Stuck).unwrap();
        assert!(journal.flush(Duration::ZERO), "nothing was logged yet");
        journal.note(Timestamp::from_secs(0), "smtp.connect", serde_json::json!({}));
        assert!(!journal.flush(Duration::from_millis(1)));
    }
}
