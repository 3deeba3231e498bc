//! Time that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::{BoxFuture, Clock};

/// Saturday, 21 November 2026, 12:00:00 UTC: when simulated worlds begin.
pub const GENESIS: i64 = 1_795_262_400_000;

/// A clock on tokio's paused time, with a wall that can be set.
///
/// Meant for runtimes built with `start_paused`: time then stands still while anything can run and leaps to the next
/// timer when nothing can, so a day passes in no time and always alike. The wall advances with the stopwatch and can
/// be moved on its own, as an operator or a time service would.
pub struct SimClock {
    start: tokio::time::Instant,
    wall_at_start: AtomicI64,
}

impl SimClock {
    /// A clock that shows `wall` (milliseconds since the epoch) now. To be made inside the runtime.
    #[must_use]
    pub fn new(wall: i64) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_at_start: AtomicI64::new(wall),
        }
    }

    /// Sets the wall clock; the stopwatch and running timers do not notice.
    pub fn set_wall(&self, wall: i64) {
        self.wall_at_start
            .store(wall.saturating_sub(millis(self.start.elapsed())), Ordering::SeqCst);
    }

    /// Moves the wall clock on; the stopwatch and running timers do not notice.
    pub fn advance_wall(&self, by: Duration) {
        self.wall_at_start.fetch_add(millis(by), Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn wall(&self) -> i64 {
        self.wall_at_start
            .load(Ordering::SeqCst)
            .saturating_add(millis(self.start.elapsed()))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        let instant = self.start + at;
        Box::pin(tokio::time::sleep_until(instant))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_day_passes_in_no_time_and_the_wall_goes_along() {
        let clock = SimClock::new(GENESIS);
        let day = Duration::from_secs(86_400);
        clock.sleep_until(day).await;
        assert_eq!(clock.monotonic(), day);
        assert_eq!(clock.wall(), GENESIS + 86_400_000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_can_be_set_without_touching_the_stopwatch() {
        let clock = SimClock::new(GENESIS);
        clock.sleep_until(Duration::from_secs(5)).await;
        clock.set_wall(1000);
        assert_eq!((clock.wall(), clock.monotonic()), (1000, Duration::from_secs(5)));
        clock.advance_wall(Duration::from_secs(1));
        assert_eq!((clock.wall(), clock.monotonic()), (2000, Duration::from_secs(5)));
    }
}
