//! Randomness.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// A source of random octets. The real one is fit for secrets; a simulated one is a seed.
pub trait Rng: Send + Sync + 'static {
    /// Fills the whole buffer.
    fn fill(&self, buffer: &mut [u8]);

    /// A random number.
    fn next_u64(&self) -> u64 {
        let mut octets = [0u8; 8];
        self.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    /// A random number below `bound`; 0 where `bound` is 0. The bias is below 2^-32 for bounds of 32 bits.
    fn below(&self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }
}

/// The operating system's generator.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, buffer: &mut [u8]) {
        // The generator of the operating system does not fail once it has been seeded, and it has been before any
        // process of ours can run; a machine without one must not hand out secrets.
        if SystemRandom::new().fill(buffer).is_err() {
            std::process::abort();
        }
    }
}
