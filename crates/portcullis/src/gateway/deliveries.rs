//! What happens at the back gate, told to the ledger, the log and the metrics.

use ledger::{Attempt, Deferred, Event, Words};
use outbound::{Event as Happening, Report, Watcher};
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
    Event(Event),
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
                    Told::Event(event) => telling.testify(event).await,
                    // Whoever waited may have gone.
                    Told::Mark(mark) => drop(mark.send(())),
                }
            }
        });
        Self { recorder, queue }
    }

    fn testify(&self, event: Event) {
        // The task ends only with this sender.
        let _ = self.queue.send(Told::Event(event));
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
            Happening::Delivered(report) => {
                metrics.delivery("delivered");
                self.testify(Event::Delivered(Box::new(attempt(report))));
            }
            Happening::Deferred { report, until } => {
                metrics.delivery("deferred");
                self.testify(Event::Deferred(Box::new(Deferred {
                    attempt: attempt(report),
                    until: *until,
                })));
            }
            Happening::Failed { report, .. } => {
                metrics.delivery("failed");
                self.testify(Event::Failed(Box::new(attempt(report))));
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
    })
}
