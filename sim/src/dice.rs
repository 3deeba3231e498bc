//! Chance from one seed, parted into streams so that one more throw in one place changes nothing in another.

use std::time::Duration;

use world::Rng;
use world::sim::SeedRng;

/// A stream of throws.
pub struct Dice(SeedRng);

impl Dice {
    /// The stream of this name.
    #[must_use]
    pub fn of(seed: u64, stream: &str) -> Self {
        // FNV-1a, then through the generator once, so that neighbouring seeds have nothing in common.
        let hash = stream.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SeedRng::new(SeedRng::new(seed ^ hash.rotate_left(17)).next_u64()))
    }

    /// A number below `bound`.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A number within, both ends included.
    #[must_use]
    pub fn within(&self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// Whether something happens that happens so many times out of a hundred.
    #[must_use]
    pub fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    #[must_use]
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or_default())
    }

    /// One of several words.
    #[must_use]
    pub fn word(&self, from: &[&'static str]) -> &'static str {
        self.pick(from).copied().unwrap_or_default()
    }

    /// A moment within a span.
    #[must_use]
    pub fn moment(&self, span: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// One of several by weight.
    #[must_use]
    pub fn weighted<T: Copy>(&self, from: &[(u64, T)]) -> Option<T> {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in from {
            if left < *weight {
                return Some(*one);
            }
            left -= weight;
        }
        None
    }
}
