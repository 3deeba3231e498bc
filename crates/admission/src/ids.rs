//! Ids for sessions and events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::{EventId, SessionId};
use world::{Clock, Rng};

/// 2026-01-01T00:00:00Z, from where ids count their milliseconds.
const EPOCH_MS: i64 = 1_767_225_600_000;
/// Bits below the milliseconds.
const COUNTER_BITS: u32 = 20;

/// Makes ids that grow with time and never repeat in one process.
pub struct Ids {
    clock: Arc<dyn Clock>,
    last: AtomicU64,
}

impl Ids {
    /// Begins at a random place within the present millisecond.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rng: &dyn Rng) -> Self {
        let start = milliseconds(&*clock) << COUNTER_BITS | rng.below(1 << COUNTER_BITS);
        Self {
            clock,
            last: AtomicU64::new(start),
        }
    }

    /// An id for a session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        SessionId::new(self.next())
    }

    /// An id for an event.
    #[must_use]
    pub fn event(&self) -> EventId {
        EventId::new(self.next())
    }

    fn next(&self) -> u64 {
        let floor = milliseconds(&*self.clock) << COUNTER_BITS;
        let step = |last: u64| Some(last.saturating_add(1).max(floor));
        let former = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        former.unwrap_or_else(|same| same).saturating_add(1).max(floor)
    }
}

fn milliseconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.wall() - EPOCH_MS).unwrap_or(0)
}
