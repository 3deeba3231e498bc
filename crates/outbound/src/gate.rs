//! What all deliveries share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mail::{AttemptId, MessageId, Timestamp};
use parking_lot::Mutex;
use policy::Name;

use crate::call::Line;
use crate::config::{Config, Ports};
use crate::destination::Destinations;
use crate::pool::Pool;
use crate::report::Event;

/// Later warnings remembered, so that each is sent once.
const TOLD_MAX: usize = 100_000;

/// The shared state of the back gate.
pub(crate) struct Gate {
    pub(crate) config: ArcSwap<Config>,
    pub(crate) ports: Ports,
    pub(crate) destinations: Destinations,
    /// What look-ups are among the destinations.
    pub(crate) dns: Arc<str>,
    pub(crate) pool: Mutex<Pool<Line>>,
    pub(crate) suspended_routes: Mutex<BTreeSet<Name>>,
    /// Warnings behind the first that were sent: message, recipient, which. The first is remembered by the spool.
    told: Mutex<BTreeSet<(MessageId, u32, usize)>>,
}

impl Gate {
    pub(crate) fn new(config: Config, ports: Ports) -> Self {
        let dispatch = ports.dispatch.clone();
        let call = Arc::new(move |messages: &[MessageId]| dispatch.wake(messages));
        Self {
            destinations: Destinations::new(config.concurrency, config.in_flight, call),
            dns: "dns".into(),
            pool: Mutex::new(Pool::new(config.reuse)),
            suspended_routes: Mutex::default(),
            told: Mutex::default(),
            config: ArcSwap::from_pointee(config),
            ports,
        }
    }

    /// Takes a new configuration. Deliveries under way finish on the old one; connections that wait were opened under it
    /// and are closed.
    pub(crate) fn reconfigure(&self, config: Config) {
        self.destinations.set_bounds(config.concurrency, config.in_flight);
        let reuse = config.reuse;
        let waiting = {
            // Under the lock, so that no connection of the old configuration is taken or kept under the new one.
            let mut pool = self.pool.lock();
            self.config.store(Arc::new(config));
            std::mem::replace(&mut *pool, Pool::new(reuse)).drain()
        };
        waiting.into_iter().for_each(part);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.ports.world.clock.wall())
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.ports.world.clock.monotonic()
    }

    /// The calendar time at which the stopwatch will show `at`.
    pub(crate) fn wall_at(&self, at: Duration) -> Timestamp {
        self.now().plus(at.saturating_sub(self.monotonic()))
    }

    pub(crate) fn attempt_id(&self) -> AttemptId {
        AttemptId::new(self.ports.world.rng.next_u64())
    }

    pub(crate) fn note(&self, event: &Event<'_>) {
        self.ports.watcher.noted(event);
    }

    pub(crate) fn is_suspended(&self, route: &Name) -> bool {
        self.suspended_routes.lock().contains(route)
    }

    /// Remembers a warning behind the first; `false` where it was sent before.
    pub(crate) fn remember_told(&self, message: MessageId, recipient: u32, warning: usize) -> bool {
        let mut told = self.told.lock();
        while told.len() >= TOLD_MAX {
            told.pop_first();
        }
        told.insert((message, recipient, warning))
    }

    /// Forgets it again: it could not be sent.
    pub(crate) fn forget_told(&self, message: MessageId, recipient: u32, warning: usize) {
        self.told.lock().remove(&(message, recipient, warning));
    }

    /// Keeps a line for the next message, or ends it. `config` is what it was opened under: a line of a former
    /// configuration may lead to another host, or be less protected than is asked now, so it is not used again.
    pub(crate) fn keep(&self, config: &Config, key: &Arc<str>, line: Line) {
        if !line.connection.is_usable() {
            return;
        }
        let mut pool = self.pool.lock();
        if !std::ptr::eq(&**self.config.load(), config) {
            drop(pool);
            return part(line);
        }
        let messages = line.messages;
        let spare = pool.give(key, line, messages, self.monotonic());
        drop(pool);
        spare.into_iter().for_each(part);
    }
}

/// Says goodbye in the background; nobody waits for the answer. It ends by itself: QUIT has a timer.
pub(crate) fn part(line: Line) {
    drop(tokio::spawn(line.connection.quit()));
}
