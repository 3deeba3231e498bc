//! A count over a sliding window.

use std::time::Duration;

/// A count over a sliding window, in three numbers.
///
/// The running part and the one before it, weighed by how much of that still lies inside the window: never more than
/// one part off, where a log of every event would cost thousands of octets for each client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    number: u64,
    running: u64,
    before: u64,
}

impl Window {
    /// Whether `more` on top of what lies in the window stays within `limit`.
    pub fn fits(&mut self, now: Duration, length: Duration, more: u64, limit: u64) -> bool {
        self.count(now, length).saturating_add(more) <= limit
    }

    /// What lies in the window now.
    pub fn count(&mut self, now: Duration, length: Duration) -> u64 {
        let length_ms = length.as_millis().max(1);
        let number = u64::try_from(now.as_millis() / length_ms).unwrap_or(u64::MAX);
        if number != self.number {
            self.before = if number == self.number + 1 { self.running } else { 0 };
            self.running = 0;
            self.number = number;
        }
        let left_ms = length_ms - now.as_millis() % length_ms;
        let before = u64::try_from(u128::from(self.before) * left_ms / length_ms).unwrap_or(u64::MAX);
        before.saturating_add(self.running)
    }

    /// Counts more; call [`count`](Self::count) or [`fits`](Self::fits) first, which move the window on.
    pub fn add(&mut self, count: u64) {
        self.running = self.running.saturating_add(count);
    }

    /// Takes back what was counted.
    pub fn take_back(&mut self, count: u64) {
        self.running = self.running.saturating_sub(count);
    }
}
