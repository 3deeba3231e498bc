//! Mutations for bounded runs: small, and the same ones for the same seed.

/// Chance that follows from a seed (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// From this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % (end as u64).max(1)) as usize
    }
}

/// A few changes to `input`, with pieces of `other` and of `words` among them.
#[must_use]
pub fn mutate(input: &[u8], other: &[u8], words: &[&[u8]], octets_max: usize, chance: &mut Chance) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(out.len() + 1);
        let until = (at + chance.below(20)).min(out.len());
        match chance.below(9) {
            0 | 1 if at < out.len() => out[at] ^= 1 << chance.below(8),
            2 if at < out.len() => out[at] = chance.number() as u8,
            3 => drop(out.drain(at..until)),
            4 => out.insert(at, b"\0\r\n .<>\"\xff"[chance.below(9)]),
            5 => {
                let copied = out[at..until].to_vec();
                insert(&mut out, at, &copied.repeat(1 + chance.below(8)));
            }
            6 => {
                let from = chance.below(other.len() + 1);
                let to = (from + chance.below(60)).min(other.len());
                insert(&mut out, at, &other[from..to]);
            }
            7 if !words.is_empty() => insert(&mut out, at, words[chance.below(words.len())]),
            8 => out.truncate(at),
            _ => {}
        }
    }
    out.truncate(octets_max);
    out
}

fn insert(out: &mut Vec<u8>, at: usize, piece: &[u8]) {
    out.splice(at..at, piece.iter().copied());
}
