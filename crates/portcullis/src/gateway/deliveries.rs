//! What happens at the back gate, told to the ledger, the log and the metrics.

use bytes::Bytes;
use ledger::{Attempt, Deferred, Entry, Event, Words};
use mail::{ForwardPath, ReversePath};
use outbound::{Event as Happening, Report, Watcher};
use policy::{Basis, NoticeKind};
use tokio::sync::{mpsc, oneshot};

use crate::witness::Recorder;

/// Tells of deliveries. The back gate must not wait for the ledger, and nothing of this may be lost, so events go
/// through a queue; what is in it is bounded by what the back gate works on at a time.
pub(super) struct Deliveries {
    recorder: Recorder,
    queue: mpsc::UnboundedSender<Told>,
}

/// What goes through the queue.
enum Told {
    /// As it was stored.
    Testimony(Bytes),
    /// Everything before this was told.
    Mark(oneshot::Sender<()>),
}

impl Deliveries {
    pub(super) fn new(recorder: Recorder) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel();
        let telling = recorder.clone();
        tokio::spawn(async move {
            while let Some(told) = waiting.recv().await {
                match told {
                    Told::Testimony(testimony) => telling.testify_stored(testimony).await,
                    // Whoever waited may have gone.
                    Told::Mark(mark) => drop(mark.send(())),
                }
            }
        });
        Self { recorder, queue }
    }

    fn tell(&self, testimony: Bytes) {
        // The task ends only with this sender.
        let _ = self.queue.send(Told::Testimony(testimony));
    }

    /// Returns when everything that happened so far was told.
    pub(super) async fn flush(&self) {
        let (mark, reached) = oneshot::channel();
        if self.queue.send(Told::Mark(mark)).is_ok() {
            // An error means that the task is gone, and with it what it could tell.
            let _ = reached.await;
        }
    }
}

impl Watcher for Deliveries {
    fn noted(&self, event: &Happening<'_>) {
        let metrics = &self.recorder.metrics;
        match event {
            Happening::Delivered(_) => metrics.delivery("delivered"),
            Happening::Deferred { .. } => metrics.delivery("deferred"),
            Happening::Failed { report, .. } => {
                metrics.delivery("failed");
                // Nobody is told of it: it is we who wrote, so it is we who note that somebody cannot be reached.
                if let Basis::Notice {
                    kind: NoticeKind::Letter,
                    ..
                } = report.basis
                {
                    self.recorder.uses.returned(report.recipient);
                }
            }
            Happening::DestinationDown { destination, why } => {
                tracing::warn!(
                    event = "deliver.destination_down",
                    destination,
                    why,
                    "left alone for a while"
                );
            }
            Happening::Trouble { message, what } => {
                let message = message.map(tracing::field::display);
                tracing::error!(
                    event = "deliver.trouble",
                    message,
                    what,
                    "a fault of ours; the mail stays queued"
                );
            }
            // Admission tells of notices when they are durable; attempts are told by their outcome.
            Happening::NoticePosted { .. } | Happening::Attempted { .. } => {}
        }
    }

    fn reads(&self, recipient: &ForwardPath) -> bool {
        self.recorder.uses.listens_at(recipient)
    }

    fn read(&self, from: &ReversePath, beginning: &[u8]) {
        self.recorder.uses.heard(from, beginning);
    }

    fn testimony(&self, fate: &Happening<'_>) -> Bytes {
        fate_of(fate).map_or_else(Bytes::new, |event| Entry::of(&event).json().clone())
    }

    fn settled(&self, fate: &Happening<'_>, testimony: Bytes) {
        self.noted(fate);
        self.tell(testimony);
    }
}

/// What the ledger says of a recipient's fate.
fn fate_of(happening: &Happening<'_>) -> Option<Event> {
    match happening {
        Happening::Delivered(report) => Some(Event::Delivered(Box::new(attempt(report)))),
        Happening::Deferred { report, until } => Some(Event::Deferred(Box::new(Deferred {
            attempt: attempt(report),
            until: *until,
        }))),
        Happening::Failed { report, .. } => Some(Event::Failed(Box::new(attempt(report)))),
        Happening::Attempted { .. }
        | Happening::DestinationDown { .. }
        | Happening::NoticePosted { .. }
        | Happening::Trouble { .. } => None,
    }
}

fn attempt(report: &Report<'_>) -> Attempt {
    Attempt {
        message: report.message,
        attempt: report.attempt,
        rcpt: Words::of(report.recipient),
        host: Words::new(report.host),
        ip: report.ip,
        tls: tls(report.tls),
        enhanced: Some(report.enhanced),
        text: Words::new(report.text),
        took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The back gate tells TLS in words, version and cipher first.
fn tls(words: &str) -> Option<ledger::Tls> {
    let (version, rest) = words.split_once(' ').unwrap_or((words, ""));
    let (cipher, worth) = rest.split_once(", ").unwrap_or((rest, ""));
    (!version.is_empty()).then(|| ledger::Tls {
        version: Words::new(version),
        cipher: Words::new(cipher),
        verified: Some(worth.starts_with("verified")),
        client_cert: None,
        client_names: Vec::new(),
        client_doubt: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use mail::MessageId;

    use super::*;
    use crate::config::LogFormat;
    use crate::journal::Journal;
    use crate::metrics::Metrics;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_to_be_told_is_told_before_the_end() {
        let (world, _hands) = world::sim::world(1);
        let book = ledger::open(ledger::Config::new("/ledger"), &world, ledger::Writer::Task).unwrap();
        let paper = Paper::default();
        let recorder = Recorder {
            ledger: book.ledger,
            refusals: Arc::default(),
            journal: Journal::new(LogFormat::Json, "gate.example.edu", paper.clone()).unwrap(),
            metrics: Arc::new(Metrics::new()),
            shadow: Arc::default(),
            uses: Arc::default(),
            clock: world.clock.clone(),
        };
        let deliveries = Deliveries::new(recorder.clone());
        for number in 0..100 {
            let event = Event::Delivered(Box::new(Attempt {
                message: MessageId::new(number),
                attempt: Some(mail::AttemptId::new(number)),
                rcpt: Words::new("<bob@example.org>"),
                host: Words::new("mx.example.org"),
                ip: None,
                tls: None,
                enhanced: None,
                text: Words::new("250 ok"),
                took_ms: 1,
            }));
            deliveries.tell(Entry::of(&event).json().clone());
        }
        deliveries.flush().await;
        assert!(recorder.journal.flush(Duration::from_secs(60)));
        let lines = paper.0.lock().unwrap().iter().filter(|octet| **octet == b'\n').count();
        assert_eq!(lines, 100);
    }
}
