//! Randomness that is a seed.

use std::sync::{Mutex, PoisonError};

use crate::Rng;

/// A small deterministic generator (SplitMix64). Never for secrets.
pub struct SeedRng {
    state: Mutex<u64>,
}

impl SeedRng {
    /// The generator of this seed; the same seed gives the same numbers on every machine.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: Mutex::new(seed),
        }
    }

    fn step(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Rng for SeedRng {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            let octets = Self::step(&mut state).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(octets) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_each_time() {
        let (a, b, other) = (SeedRng::new(7), SeedRng::new(7), SeedRng::new(8));
        let first: Vec<u64> = (0..4).map(|_| a.next_u64()).collect();
        assert_eq!(first, (0..4).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(first, (0..4).map(|_| other.next_u64()).collect::<Vec<_>>());
        // The reference value of SplitMix64 for the seed 0.
        assert_eq!(SeedRng::new(0).next_u64(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn buffers_of_any_length_are_filled() {
        let mut octets = [0u8; 13];
        SeedRng::new(1).fill(&mut octets);
        assert!(octets.iter().filter(|octet| **octet != 0).count() > 8);
    }
}
