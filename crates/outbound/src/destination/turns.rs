//! When those who were sent away come back.

use std::collections::BTreeMap;
use std::time::Duration;

/// Turns this close together are one: a million of them are kept in some tens of thousands of places.
const GRAIN_MS: u128 = 16;

/// How many come back when.
#[derive(Default)]
pub(super) struct Turns {
    at: BTreeMap<u128, usize>,
    away: usize,
}

impl Turns {
    /// Those who are away at this moment.
    pub(super) fn away(&mut self, now: Duration) -> usize {
        let now = grain(now);
        while let Some(first) = self.at.first_entry().filter(|first| *first.key() <= now) {
            self.away = self.away.saturating_sub(first.remove());
        }
        self.away
    }

    /// One more is away, until this turn.
    pub(super) fn give(&mut self, turn: Duration) {
        *self.at.entry(grain(turn)).or_default() += 1;
        self.away += 1;
    }

    /// Places that are kept.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.at.len()
    }

    /// Whether nobody is known to be away.
    pub(super) fn is_empty(&self) -> bool {
        self.away == 0
    }
}

fn grain(at: Duration) -> u128 {
    at.as_millis() / GRAIN_MS
}
