//! The loop of the back gate: leases what is due, delivers it, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use mail::Timestamp;
use spool::Lease;
use tokio::task::JoinSet;
use wire::{BodySource, Phase, Shutdown};
use world::BoxFuture;

use crate::body::stored;
use crate::config::{Config, Ports};
use crate::control::Control;
use crate::delivery::{Group, deliver};
use crate::gate::{Gate, part};
use crate::outcome::Verdict;
use crate::report::Event;
use crate::settle::{Finding, conclude};
use crate::sorting::group;

/// Next hops of one message that are spoken to at a time.
const HOPS_AT_A_TIME: usize = 8;
/// How often connections that waited too long are looked for, and destinations that stand still.
const ROUND: Duration = Duration::from_secs(1);
/// Octets of a message that are shown to whoever reads its recipient's mail.
const READ_OCTETS_MAX: usize = 64 * 1024;
/// When a lease comes back after something of ours failed.
pub(crate) const AFTER_TROUBLE: Duration = Duration::from_secs(300);

/// The back gate.
#[derive(Clone)]
pub struct Outbound {
    gate: Arc<Gate>,
}

impl Outbound {
    /// A gate that does nothing until it [runs](Self::run).
    #[must_use]
    pub fn new(config: Config, ports: Ports) -> Self {
        Self {
            gate: Arc::new(Gate::new(config, ports)),
        }
    }

    /// What an operator does with the queue.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.gate.clone())
    }

    /// Takes a new configuration; deliveries under way finish on the old one.
    pub fn reconfigure(&self, config: Config) {
        self.gate.reconfigure(config);
    }

    /// Delivers until it is told to end, then finishes what is under way, for as long as the configuration grants.
    pub async fn run(&self, mut shutdown: Shutdown) {
        let mut letters = JoinSet::new();
        let mut round = self.round();
        while shutdown.phase() == Phase::Running {
            let room = self.lease(&mut letters);
            // Where nothing is under way and nothing waits, nobody need wake up to look at it.
            let busy = !letters.is_empty() || !self.gate.pool.lock().is_empty();
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => {}
                () = &mut round, if busy => {
                    self.look_around();
                    round = self.round();
                }
                Some(done) = letters.join_next() => {
                    self.look_after(done);
                    // Those that ended with it, so that the queue is asked once for all of their places.
                    while let Some(done) = letters.try_join_next() {
                        self.look_after(done);
                    }
                }
                () = self.gate.ports.dispatch.work(), if room => {}
            }
        }
        self.finish(letters, shutdown).await;
    }

    /// Begins what is due, as far as there is room; says whether there is room for more.
    fn lease(&self, letters: &mut JoinSet<()>) -> bool {
        let most = self.gate.config.load().in_flight.max(1);
        let room = most.saturating_sub(letters.len());
        // A queue that is asked for one message after the other costs more than one asked for a handful.
        if room < most.div_ceil(16) {
            return false;
        }
        let leases = self.gate.ports.dispatch.lease(self.gate.now(), room);
        let room_left = leases.len() < room;
        for lease in leases {
            letters.spawn(deliver_letter(self.gate.clone(), lease));
        }
        room_left
    }

    /// A delivery that ended by a mistake of ours gives its lease back by itself.
    fn look_after(&self, done: Result<(), tokio::task::JoinError>) {
        if let Err(error) = done
            && error.is_panic()
        {
            self.gate.note(&Event::Trouble {
                message: None,
                what: "a delivery broke off by a mistake of ours",
            });
        }
    }

    fn round(&self) -> BoxFuture<'static, ()> {
        self.gate.ports.world.clock.sleep_until(self.gate.monotonic() + ROUND)
    }

    fn look_around(&self) {
        let now = self.gate.monotonic();
        self.gate.destinations.look_around(now);
        let stale = self.gate.pool.lock().expired(now);
        stale.into_iter().for_each(part);
    }

    async fn finish(&self, mut letters: JoinSet<()>, mut shutdown: Shutdown) {
        let until = self.gate.monotonic().saturating_add(self.gate.config.load().grace);
        let deadline = self.gate.ports.world.clock.sleep_until(until);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                done = letters.join_next() => match done {
                    Some(done) => self.look_after(done),
                    None => break,
                },
                _ = shutdown.beyond(Phase::Draining) => break,
                () = &mut deadline => break,
            }
        }
        letters.shutdown().await;
        let waiting = self.gate.pool.lock().drain();
        waiting.into_iter().for_each(part);
    }
}

/// One letter: all its recipients that were due.
///
/// What few letters need lies behind pointers: this future is moved for each letter, and is as large as its largest part.
async fn deliver_letter(gate: Arc<Gate>, lease: Lease) {
    let config = gate.config.load_full();
    let mut later = None;
    if lease.recipients.iter().any(|recipient| recipient.bounce) {
        later = Box::pin(give_back(&gate, &config, &lease)).await;
    }
    let is_read = |one: &spool::LeasedRecipient| one.attempts == 0 && gate.ports.watcher.reads(&one.path);
    if lease.recipients.iter().any(is_read) {
        Box::pin(show(&gate, &lease)).await;
    }
    let mut groups = group(&gate, &config, &lease, &mut later).await;
    let ended = match groups.pop() {
        Some(only) if groups.is_empty() => deliver(&gate, &config, &lease, only).await,
        Some(last) => Box::pin(deliver_all(&gate, &config, &lease, groups, last)).await,
        None => None,
    };
    if let Some(until) = earliest(later, ended) {
        gate.ports.dispatch.put_back(lease, until);
    }
}

/// Shows the beginning of a letter to whoever reads its recipient's mail. What cannot be read now is delivered all the same.
async fn show(gate: &Gate, lease: &Lease) {
    let Ok(mut body) = stored(&gate.ports.dispatch, lease).await else {
        return;
    };
    let mut beginning = Vec::new();
    while beginning.len() < READ_OCTETS_MAX
        && let Ok(Some(piece)) = body.next().await
    {
        beginning.extend_from_slice(&piece);
    }
    gate.ports.watcher.read(&lease.reverse, &beginning);
}

/// Several next hops, some at a time.
async fn deliver_all(
    gate: &Gate,
    config: &Config,
    lease: &Lease,
    groups: Vec<Group>,
    last: Group,
) -> Option<Timestamp> {
    let mut later = None;
    let mut groups = groups.into_iter().chain([last]);
    loop {
        let some: Vec<_> = groups
            .by_ref()
            .take(8 * HOPS_AT_A_TIME)
            .map(|group| deliver(gate, config, lease, group))
            .collect();
        if some.is_empty() {
            return later;
        }
        let mut running = stream::iter(some).buffer_unordered(HOPS_AT_A_TIME);
        while let Some(ended) = running.next().await {
            later = earliest(later, ended);
        }
    }
}

pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

/// Recipients that an operator wants given back fail without an attempt.
async fn give_back(gate: &Gate, config: &Config, lease: &Lease) -> Option<Timestamp> {
    let bounced = lease
        .recipients
        .iter()
        .enumerate()
        .filter(|(_, recipient)| recipient.bounce);
    let findings = bounced
        .map(|(place, _)| Finding {
            place,
            verdict: Verdict::given_back(),
        })
        .collect();
    let recorded = conclude(gate, config, lease, None, findings).await;
    recorded.is_err().then(|| gate.now().plus(AFTER_TROUBLE))
}
