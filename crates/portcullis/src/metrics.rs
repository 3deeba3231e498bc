//! Counts for dashboards, in the OpenMetrics format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use admission::{Accepted, Refused, Visitor};
use ledger::LoginOutcome;
use parking_lot::RwLock;
use policy::{Name, NoticeKind};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The name of a listener; shared, for it is asked for with every message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label(Name);

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfListener {
    listener: Label,
}

/// What was accepted at a listener. Kept at hand, for two families would be asked with every message.
struct Intake {
    listener: Name,
    messages: Counter,
    octets: Counter,
}

/// A listener and a stable reason code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    listener: Label,
    reason: &'static str,
    code: u16,
}

/// A mechanism and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Login {
    mechanism: &'static str,
    outcome: String,
}

/// What came of an attempt, or what a notice tells, or a state of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// What was accepted and what was refused so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages accepted.
    pub(crate) accepted: u64,
    /// Replies that refuse or defer, those to the self-test left out.
    pub(crate) refused: u64,
}

/// All counts of a gateway.
pub struct Metrics {
    all_accepted: AtomicU64,
    all_refused: AtomicU64,
    own_refused: AtomicU64,
    registry: Registry,
    connections: Family<OfListener, Counter>,
    sessions: Family<OfListener, Gauge>,
    accepted: Family<OfListener, Counter>,
    accepted_octets: Family<OfListener, Counter>,
    intakes: RwLock<Vec<Intake>>,
    refused: Family<Refusal, Counter>,
    logins: Family<Login, Counter>,
    notices: Family<Kind, Counter>,
    deliveries: Family<Kind, Counter>,
    queue: Family<Kind, Gauge<i64>>,
    queue_octets: Gauge<i64>,
    queue_oldest_seconds: Gauge<i64>,
    generation: Gauge<u64, AtomicU64>,
    selftest_green: Gauge<i64>,
    ledger_dropped: Gauge<u64, AtomicU64>,
    shadow_on: Gauge<i64>,
    shadow_decisions: Family<Kind, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            all_accepted: AtomicU64::default(),
            all_refused: AtomicU64::default(),
            own_refused: AtomicU64::default(),
            registry: Registry::with_prefix("portcullis"),
            connections: Family::default(),
            sessions: Family::default(),
            accepted: Family::default(),
            accepted_octets: Family::default(),
            intakes: RwLock::default(),
            refused: Family::default(),
            logins: Family::default(),
            notices: Family::default(),
            deliveries: Family::default(),
            queue: Family::default(),
            queue_octets: Gauge::default(),
            queue_oldest_seconds: Gauge::default(),
            generation: Gauge::default(),
            selftest_green: Gauge::default(),
            ledger_dropped: Gauge::default(),
            shadow_on: Gauge::default(),
            shadow_decisions: Family::default(),
        };
        metrics.register();
        metrics.selftest_green.set(-1);
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Connections of clients", self.connections.clone());
        registry.register("sessions", "Sessions open now", self.sessions.clone());
        registry.register("messages_accepted", "Messages accepted", self.accepted.clone());
        registry.register("octets_accepted", "Octets accepted", self.accepted_octets.clone());
        registry.register("refusals", "Replies that refuse or defer", self.refused.clone());
        registry.register("logins", "Logins tried", self.logins.clone());
        registry.register("notices", "Notices posted", self.notices.clone());
        registry.register(
            "deliveries",
            "Attempts to deliver, by recipient",
            self.deliveries.clone(),
        );
        registry.register(
            "queue_recipients",
            "Recipients in the queue, by state",
            self.queue.clone(),
        );
        registry.register("queue_octets", "Octets in the queue", self.queue_octets.clone());
        registry.register(
            "queue_oldest_seconds",
            "Age of the oldest message in the queue",
            self.queue_oldest_seconds.clone(),
        );
        registry.register(
            "generation",
            "The generation of the rulebook that serves",
            self.generation.clone(),
        );
        registry.register(
            "selftest_green",
            "Whether the last relay self-test found nothing wrong: 1, 0, or -1 before the first",
            self.selftest_green.clone(),
        );
        registry.register(
            "ledger_dropped",
            "Refusals the ledger counted instead of kept",
            self.ledger_dropped.clone(),
        );
        registry.register(
            "shadow_on",
            "Whether a shadow decides beside the rulebook that serves",
            self.shadow_on.clone(),
        );
        registry.register(
            "shadow_decisions",
            "Decisions that a shadow made again, by whether it agrees: agree, would-take, would-let-on, would-refuse, \
             otherwise, unknown; and records it skipped",
            self.shadow_decisions.clone(),
        );
    }

    /// Notes whether a shadow is on.
    pub(crate) fn shadowing(&self, is_on: bool) {
        self.shadow_on.set(i64::from(is_on));
    }

    /// Counts what a shadow made of a decision.
    pub(crate) fn shadowed(&self, kind: &'static str) {
        self.shadow_decisions.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn connected(&self, visitor: &Visitor) {
        let label = of_listener(visitor);
        self.connections.get_or_create(&label).inc();
        self.sessions.get_or_create(&label).inc();
    }

    pub(crate) fn closed(&self, visitor: &Visitor) {
        self.sessions.get_or_create(&of_listener(visitor)).dec();
    }

    /// How much was accepted and refused so far.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            accepted: self.all_accepted.load(Ordering::Relaxed),
            refused: self
                .all_refused
                .load(Ordering::Relaxed)
                .saturating_sub(self.own_refused.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn accepted(&self, accepted: &Accepted<'_>) {
        self.all_accepted.fetch_add(1, Ordering::Relaxed);
        let listener = accepted.visitor.map_or("notices", |visitor| &visitor.listener);
        if !self.count_accepted(listener, accepted.octets) {
            self.add_intake(listener);
            self.count_accepted(listener, accepted.octets);
        }
    }

    /// Whether the listener is known, and so was counted.
    fn count_accepted(&self, listener: &str, octets: u64) -> bool {
        let intakes = self.intakes.read();
        let Some(intake) = intakes.iter().find(|intake| &*intake.listener == listener) else {
            return false;
        };
        intake.messages.inc();
        intake.octets.inc_by(octets);
        true
    }

    fn add_intake(&self, listener: &str) {
        let listener = Name::from(listener);
        let label = OfListener {
            listener: Label(listener.clone()),
        };
        // Were two to come here at once, both would add the same counters.
        self.intakes.write().push(Intake {
            listener,
            messages: self.accepted.get_or_create_owned(&label),
            octets: self.accepted_octets.get_or_create_owned(&label),
        });
    }

    pub(crate) fn refused(&self, refused: &Refused<'_>) {
        self.all_refused.fetch_add(1, Ordering::Relaxed);
        let listener = Label(refused.visitor.listener.clone());
        self.refused
            .get_or_create(&Refusal {
                listener,
                reason: refused.reason,
                code: refused.reply.code,
            })
            .inc();
    }

    pub(crate) fn login(&self, mechanism: &'static str, outcome: LoginOutcome) {
        let outcome = format!("{outcome:?}").to_lowercase();
        self.logins.get_or_create(&Login { mechanism, outcome }).inc();
    }

    pub(crate) fn noticed(&self, kind: NoticeKind) {
        let kind = match kind {
            NoticeKind::Failure => "failure",
            NoticeKind::Delay => "delay",
            NoticeKind::Success => "success",
            NoticeKind::Letter => "letter",
        };
        self.notices.get_or_create(&Kind { kind }).inc();
    }

    /// Notes whether the self-test found nothing wrong, and how many of its attempts were refused.
    pub(crate) fn tested(&self, green: bool, refused: u64) {
        self.selftest_green.set(i64::from(green));
        self.own_refused.fetch_add(refused, Ordering::Relaxed);
    }

    /// Counts what came of an attempt for one recipient: `delivered`, `deferred` or `failed`.
    pub fn delivery(&self, kind: &'static str) {
        self.deliveries.get_or_create(&Kind { kind }).inc();
    }

    /// The page a collector reads, with the queue as it is now.
    #[must_use]
    pub fn page(&self, queue: &spool::Counts, now: mail::Timestamp, generation: u64, ledger_dropped: u64) -> String {
        for (kind, count) in [
            ("ready", queue.ready),
            ("deferred", queue.deferred),
            ("held", queue.held),
            ("quarantined", queue.quarantined),
            ("bouncing", queue.bouncing),
        ] {
            self.queue
                .get_or_create(&Kind { kind })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.queue_octets.set(i64::try_from(queue.octets).unwrap_or(i64::MAX));
        let oldest = queue.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
        self.queue_oldest_seconds.set(i64::try_from(oldest).unwrap_or(i64::MAX));
        self.generation.set(generation);
        self.ledger_dropped.set(ledger_dropped);
        let mut page = String::new();
        if prometheus_client::encoding::text::encode(&mut page, &self.registry).is_err() {
            // Writing to a String does not fail; should the encoder, a collector sees why there is nothing.
            page.clear();
            let _ = writeln!(page, "# the metrics could not be encoded");
        }
        page
    }
}

fn of_listener(visitor: &Visitor) -> OfListener {
    OfListener {
        listener: Label(visitor.listener.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_happened() {
        let metrics = Metrics::new();
        metrics.delivery("delivered");
        metrics.login("PLAIN", LoginOutcome::WrongSecret);
        let page = metrics.page(&spool::Counts::default(), mail::Timestamp::from_secs(0), 7, 0);
        assert!(
            page.contains("portcullis_deliveries_total{kind=\"delivered\"} 1"),
            "{page}"
        );
        assert!(page.contains("outcome=\"wrongsecret\""), "{page}");
        assert!(page.contains("portcullis_generation 7"), "{page}");
        assert!(page.trim_end().ends_with("# EOF"), "{page}");
    }
}
