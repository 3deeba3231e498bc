//! One timer for all deadlines of a connection.

use std::sync::Arc;
use std::time::Duration;

use world::Clock;

use crate::posted::Posted;

/// Sleeps until deadlines that mostly move away before they come.
///
/// A sleep once begun is kept as long as it ends no later than the deadline asked for: when it ends early the rest is
/// slept anew. A session that answers a thousand commands thus arms a timer once in a while, not a thousand times.
pub(crate) struct Alarm {
    clock: Arc<dyn Clock>,
    armed: Option<(Duration, Posted)>,
}

impl Alarm {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, armed: None }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Returns once the clock shows `at`; never where there is no deadline. Safe to drop and call again.
    pub(crate) async fn at(&mut self, at: Option<Duration>) {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        loop {
            let (_, sleep) = match self.armed.take() {
                Some(armed) if armed.0 <= at => self.armed.insert(armed),
                _ if self.clock.monotonic() >= at => return,
                _ => self.armed.insert((at, Posted::new(self.clock.sleep_until(at)))),
            };
            sleep.await;
            self.armed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use world::sim::{GENESIS, SimClock};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_is_met_where_it_stands_at_last() {
        let clock = Arc::new(SimClock::new(GENESIS));
        let mut alarm = Alarm::new(clock.clone());
        let seconds = Duration::from_secs;
        tokio::select! {
            biased;
            () = alarm.at(Some(seconds(10))) => panic!("too early"),
            () = tokio::time::sleep(seconds(5)) => {}
        }
        alarm.at(Some(seconds(300))).await;
        assert_eq!(clock.monotonic(), seconds(300));
        alarm.at(Some(seconds(1))).await;
        alarm.at(Some(seconds(301))).await;
        assert_eq!(clock.monotonic(), seconds(301));
    }
}
