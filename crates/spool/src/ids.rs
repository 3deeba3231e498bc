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

/// Ids a writer may give in one millisecond before it could meet those of another.
const LANE: u64 = 1 << 12;

/// Whether two writers can live side by side and never give the same id.
pub(crate) fn are_apart(one: u32, other: u32) -> bool {
    seed_of(one).abs_diff(seed_of(other)) >= LANE
}

/// Half of the range stays free above the seed, so the counter hardly ever runs into the next millisecond; if it does,
/// nothing breaks: ids then run ahead of the clock.
fn seed_of(writer: u32) -> u64 {
    u64::from(writer) % (1 << (COUNTER_BITS - 1))
}

impl IdSource {
    /// Continues behind `last`, the greatest id that is known to have been given.
    pub(crate) fn new(last: u64, writer: u32) -> Self {
        Self {
            last: AtomicU64::new(last),
            seed: seed_of(writer),
        }
    }

    /// What comes from now on is later than `last`, which another writer gave.
    pub(crate) fn pass(&self, last: u64) {
        self.last.fetch_max(last, Ordering::Relaxed);
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
    fn writers_that_are_apart_never_meet_within_a_millisecond() {
        let (one, other) = (7, 7 + LANE as u32);
        assert!(are_apart(one, other) && !are_apart(one, other - 1) && !are_apart(7, 7 + (1 << 19)));
        let (first, second) = (IdSource::new(0, one), IdSource::new(0, other));
        let least = second.next(GENESIS_MS + 1000);
        assert!((0..LANE).all(|_| first.next(GENESIS_MS + 1000) < least));
    }

    #[test]
    fn a_restart_continues_behind_what_was_given() {
        let before = IdSource::new(0, 5).next(GENESIS_MS + 1000);
        assert!(IdSource::new(before.number(), 3).next(GENESIS_MS + 10) > before);
    }
}
