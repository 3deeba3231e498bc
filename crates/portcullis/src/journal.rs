//! The log of events: one line each, as JSON for machines or as a sentence for people.
//!
//! Lines are put behind each other in memory, and a thread writes many at once: mail never waits for a terminal or a
//! pipe, and is not charged with waking somebody for each line. When the reader of our log cannot keep up, lines are
//! counted instead of kept, and the count is written. The ledger has all.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ledger::Entry;
use mail::Timestamp;
use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde_json::Value;

use crate::config::LogFormat;

/// Octets of lines that may wait.
const WAITING_OCTETS_MAX: usize = 8 << 20;
/// Octets that are written without waiting for more.
const BATCH_OCTETS: usize = 64 << 10;
/// How long a line may wait for others to be written with.
const LATE_MAX: Duration = Duration::from_millis(20);
/// Reasons of [`policy::Reason`] that mean: this client may not send there through us.
const RELAY_DENIED: [&str; 4] = [
    "no-grant",
    "not-our-domain",
    "recipient-outside-scope",
    "login-without-grant",
];

/// Writes events. Cloning shares it.
#[derive(Clone)]
pub struct Journal {
    format: LogFormat,
    /// Our name, as JSON.
    host: Arc<str>,
    desk: Arc<Desk>,
    /// The thread ends with the last of these.
    _open: Arc<Open>,
}

/// Where lines wait, and who waits for them.
#[derive(Default)]
struct Desk {
    tray: Mutex<Tray>,
    /// Told when there is something to write, or when it is wanted at once.
    put: Condvar,
    /// Told when something was written.
    wrote: Condvar,
}

/// What waits to be written, and how far the writing is.
#[derive(Default)]
struct Tray {
    waiting: Vec<u8>,
    /// Lines that were put here.
    taken: u64,
    /// Lines that found no room, until the count is written.
    lost: u64,
    /// Lines written.
    written: u64,
    /// Whether the next write is to be made now.
    hurry: bool,
    closed: bool,
}

/// Closes the desk when the last journal is gone.
struct Open(Arc<Desk>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.tray.lock().closed = true;
        self.0.put.notify_one();
    }
}

impl Journal {
    /// A journal to `out`, written by a thread of its own that ends with the last clone.
    pub fn new(format: LogFormat, host: &str, out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let writing = desk.clone();
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writing.write_all(out))?;
        Ok(Self {
            format,
            host: Value::from(host).to_string().into(),
            _open: Arc::new(Open(desk.clone())),
            desk,
        })
    }

    /// Waits until every line logged so far is written, no longer than `patience`; says whether it came to that. Blocks.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let mut tray = self.desk.tray.lock();
        let taken = tray.taken;
        if tray.written < taken {
            tray.hurry = true;
            self.desk.put.notify_one();
        }
        let behind = |tray: &mut Tray| tray.written < taken;
        !self.desk.wrote.wait_while_for(&mut tray, behind, patience).timed_out()
    }

    /// Writes one event of the ledger's closed list; `entry` is how the ledger keeps it.
    pub fn event(&self, at: Timestamp, event: &ledger::Event, entry: &Entry) {
        match name(event) {
            Some(name) => self.line(at, name, entry.facts()),
            None => self.entry(at, entry),
        }
    }

    /// Writes one event that the log calls what the ledger calls it.
    pub fn entry(&self, at: Timestamp, entry: &Entry) {
        self.put(|out| self.write_line(out, at, |out| out.extend_from_slice(entry.members())));
    }

    /// Writes something that is no testimony: connections, handshakes, what a session was noticed for. `fields` are
    /// those of an object.
    pub fn note(&self, at: Timestamp, event: &str, fields: &impl Serialize) {
        let object = serde_json::to_vec(fields).unwrap_or_default();
        let members = object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        self.line(at, event, members.unwrap_or_default());
    }

    fn line(&self, at: Timestamp, event: &str, members: &[u8]) {
        self.put(|out| {
            self.write_line(out, at, |out| {
                out.extend_from_slice(b"\"event\":");
                // Writing to a Vec cannot fail, and a text is always JSON.
                let _ = serde_json::to_writer(&mut *out, event);
                if !members.is_empty() {
                    out.push(b',');
                    out.extend_from_slice(members);
                }
            });
        });
    }

    fn write_line(&self, out: &mut Vec<u8>, at: Timestamp, members: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend_from_slice(b"{\"ts\":\"");
        out.extend_from_slice(&at.rfc3339());
        out.extend_from_slice(b"\",\"host\":");
        out.extend_from_slice(self.host.as_bytes());
        out.push(b',');
        members(out);
        out.push(b'}');
        if self.format == LogFormat::Text {
            let text = as_text(out.get(start..).unwrap_or_default());
            out.truncate(start);
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'\n');
    }

    /// Puts a line down, and wakes the thread with the first one, and again when they are many.
    fn put(&self, line: impl FnOnce(&mut Vec<u8>)) {
        let mut tray = self.desk.tray.lock();
        let before = tray.waiting.len();
        if before >= WAITING_OCTETS_MAX {
            tray.lost += 1;
            return;
        }
        line(&mut tray.waiting);
        tray.taken += 1;
        let wakes = before == 0 || (before < BATCH_OCTETS && tray.waiting.len() >= BATCH_OCTETS);
        drop(tray);
        if wakes {
            self.desk.put.notify_one();
        }
    }
}

/// The log's name of an event, where the ledger has one word for what dashboards tell apart.
fn name(event: &ledger::Event) -> Option<&'static str> {
    match event {
        ledger::Event::Login(login) => Some(match login.outcome {
            ledger::LoginOutcome::Proved => "auth.ok",
            ledger::LoginOutcome::WithoutGrant => "auth_ok_no_grant",
            _ => "auth.fail",
        }),
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
fn as_text(json: &[u8]) -> String {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(json).unwrap_or_default();
    let mut word = |name: &str| match fields.remove(name) {
        Some(Value::String(word)) => word,
        _ => name.to_owned(),
    };
    let mut line = format!("{} {}", word("ts"), word("event"));
    word("host");
    for (name, value) in &fields {
        line.push(' ');
        line.push_str(name);
        line.push('=');
        line.push_str(&value.to_string());
    }
    line
}

impl Desk {
    fn write_all(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        let mut tray = self.tray.lock();
        loop {
            while tray.waiting.is_empty() && tray.lost == 0 && !tray.closed {
                self.put.wait(&mut tray);
            }
            if !tray.hurry && !tray.closed && tray.waiting.len() < BATCH_OCTETS {
                self.put.wait_for(&mut tray, LATE_MAX);
            }
            if tray.waiting.is_empty() && tray.lost == 0 && tray.closed {
                return;
            }
            // Two buffers take turns, so that lines are put down while others are written.
            std::mem::swap(&mut tray.waiting, &mut batch);
            let (taken, missing) = (tray.taken, std::mem::take(&mut tray.lost));
            tray.hurry = false;
            drop(tray);
            if missing > 0 {
                batch.extend_from_slice(format!("{{\"event\":\"log.lost\",\"lines\":{missing}}}\n").as_bytes());
            }
            // A log nobody reads any more is no reason to stop mail; the ledger goes on.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
            batch.shrink_to(BATCH_OCTETS * 2);
            tray = self.tray.lock();
            tray.written = taken;
            self.wrote.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<std::sync::Mutex<Vec<u8>>>);

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
            &serde_json::json!({ "src_ip": "192.0.2.1" }),
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
        journal.note(Timestamp::from_secs(0), "smtp.connect", &serde_json::json!({}));
        assert!(!journal.flush(Duration::from_millis(1)));
    }
}
