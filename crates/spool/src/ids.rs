//! Ids of messages: 40 bits of milliseconds since 2026, 20 bits that count.

use std::sync::atomic::{AtomicU64, Ordering};

use mail::MessageId;

/// 2026-01-01T00:00:00Z.
const GENESIS_MS: i64 = 1_767_225_600_000;
const COUNTER_BITS: u32 = 20;

/// Gives each message an id of its own, each later than all before it.
pub(crate) struct IdSource {
    last: AtomicU64,
    /// Where the counter begins in each millisecond: parts writers that share a folder.
    seed: u64,
}

impl IdSource {
    /// Continues behind `last`, the greatest id that is known to have been given.
    pub(crate) fn new(last: u64, random: u64) -> Self {
        // Half of the range stays free above the seed, so the counter hardly ever runs into the next millisecond; if
        // it does, nothing breaks: ids then run ahead of the clock.
        Self {
            last: AtomicU64::new(last),
            seed: random % (1 << (COUNTER_BITS - 1)),
        }
    }

    pub(crate) fn next(&self, wall_ms: i64) -> MessageId {
        let ms = u64::try_from(wall_ms.saturating_sub(GENESIS_MS)).unwrap_or(0);
        let by_clock = (ms << COUNTER_BITS) | self.seed;
        let step = |last: u64| Some(by_clock.max(last + 1));
        let last = match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(last) | Err(last) => last,
        };
        MessageId::new(by_clock.max(last + 1))
    }

    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_falls() {
        let ids = IdSource::new(0, 77);
        let noon = GENESIS_MS + 1000;
        let given: Vec<_> = [noon, noon, noon + 1, noon - 500, 0]
            .into_iter()
            .map(|wall| ids.next(wall))
            .collect();
        assert!(given.windows(2).all(|pair| pair[0] < pair[1]), "{given:?}");
    }

    #[test]
    fn a_restart_continues_behind_what_was_given() {
        let before = IdSource::new(0, 5).next(GENESIS_MS + 1000);
        assert!(IdSource::new(before.number(), 3).next(GENESIS_MS + 10) > before);
    }
}
