//! How far the record has come: up to when all that was recorded is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What others see of it.
pub(crate) struct Progress {
    /// Milliseconds of the stopwatch.
    until: AtomicU64,
    /// Whether the one who writes waits for something to do.
    idle: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            until: AtomicU64::new(0),
            idle: AtomicBool::new(true),
        }
    }
}

impl Progress {
    /// All that was recorded before this moment is on disk; `waiting` items are in the queue.
    pub(crate) fn until(&self, waiting: usize, now: Duration) -> Duration {
        if waiting == 0 && self.idle.load(Ordering::Acquire) {
            return now;
        }
        Duration::from_millis(self.until.load(Ordering::Acquire))
    }
}

/// The count of the one who writes. Items leave the queue in the order in which they came: when as many are written as
/// waited at some moment, all from before it is on disk.
pub(crate) struct Tally {
    progress: Arc<Progress>,
    /// A moment, and how many of those that waited then are still to be written.
    mark: Option<(Duration, usize)>,
}

impl Tally {
    pub(crate) fn new(progress: Arc<Progress>) -> Self {
        Self { progress, mark: None }
    }

    /// Something is to be written.
    pub(crate) fn begins(&self) {
        self.progress.idle.store(false, Ordering::Release);
    }

    /// So many items are on disk, and so many wait now.
    pub(crate) fn wrote(&mut self, items: usize, waiting: usize, now: Duration) {
        if let Some((at, left)) = self.mark.take() {
            match left.checked_sub(items).filter(|left| *left > 0) {
                Some(left) => self.mark = Some((at, left)),
                None => self.is_durable_until(at),
            }
        }
        if waiting == 0 {
            self.mark = None;
            self.is_durable_until(now);
            self.progress.idle.store(true, Ordering::Release);
        } else if self.mark.is_none() {
            self.mark = Some((now, waiting));
        }
    }

    fn is_durable_until(&self, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.progress.until.store(millis, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_waits_is_not_durable_before_as_much_is_written() {
        let progress = Arc::new(Progress::default());
        let mut tally = Tally::new(progress.clone());
        assert_eq!(progress.until(0, secs(1)), secs(1), "nothing was ever recorded");
        tally.begins();
        assert_eq!(progress.until(0, secs(2)), secs(0), "something is being written");
        tally.wrote(3, 5, secs(10));
        tally.begins();
        tally.wrote(4, 7, secs(20));
        assert_eq!(
            progress.until(7, secs(21)),
            secs(0),
            "one of the five is still to be written"
        );
        tally.begins();
        tally.wrote(4, 3, secs(30));
        assert_eq!(progress.until(3, secs(31)), secs(10));
        tally.begins();
        tally.wrote(3, 0, secs(40));
        assert_eq!(progress.until(0, secs(99)), secs(99));
        assert_eq!(progress.until(1, secs(99)), secs(40));
    }
}
