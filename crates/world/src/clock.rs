//! Time: a calendar for rules and a stopwatch for dialogues.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::BoxFuture;

/// The two clocks of a gateway.
///
/// Calendar rules (validity of a grant, retry times that survive a restart) read [`wall`](Clock::wall); timers of a
/// dialogue read [`monotonic`](Clock::monotonic). Only the wall clock may jump.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn wall(&self) -> i64;
    /// Time since some fixed instant, never going backwards.
    fn monotonic(&self) -> Duration;
    /// Wakes when [`monotonic`](Clock::monotonic) has reached `at`.
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()>;
}

/// The clocks of the operating system, with tokio's timer wheel.
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A stopwatch that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> i64 {
        // A clock set before 1970 reads as 1970: rules then see everything as not yet begun, which widens nothing.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        let instant = self.start + at;
        Box::pin(tokio::time::sleep_until(instant))
    }
}
