//! Chance from a seed (splitmix64). What is drawn for one thing does not depend on what else was drawn: a plan with a deed less
//! meets the same accidents elsewhere, which is what makes shrinking work.

use std::hash::{Hash, Hasher};

/// A source of chance.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The source of a world.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The source for one thing of a world, named by what it is.
    #[must_use]
    pub fn of(seed: u64, what: impl Hash) -> Self {
        let mut hasher = Fnv(seed ^ 0xcbf2_9ce4_8422_2325);
        what.hash(&mut hasher);
        let mut chance = Self(hasher.finish());
        chance.draw();
        chance
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one below `limit`.
    pub const fn below(&mut self, limit: u64) -> u64 {
        // The bias of a remainder is below anything that matters here.
        (self.draw() >> 11) % if limit == 0 { 1 } else { limit }
    }

    /// From `least` to `most`, both included.
    pub const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True `permille` times of a thousand.
    pub const fn happens(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of these; there must be one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(from.len().try_into().unwrap_or(1))).unwrap_or(0);
        &from[at]
    }

    /// An index below `count`.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count.try_into().unwrap_or(1))).unwrap_or(0)
    }

    /// Bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let word = self.draw().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        bytes
    }

    /// Decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))).collect()
    }
}

/// FNV-1a: the standard library's own hasher may change with the toolchain, and a seed must not.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_chain_and_things_are_apart() {
        let drawn = |mut chance: Chance| (0..4).map(|_| chance.draw()).collect::<Vec<_>>();
        assert_eq!(drawn(Chance::new(7)), drawn(Chance::new(7)));
        assert_ne!(drawn(Chance::new(7)), drawn(Chance::new(8)));
        assert_ne!(drawn(Chance::of(7, ("call", 1))), drawn(Chance::of(7, ("call", 2))));
        let mut chance = Chance::new(1);
        assert!((0..1000).all(|_| (3..=5).contains(&chance.between(3, 5))));
        assert!((0..1000).filter(|_| chance.happens(500)).count().abs_diff(500) < 100);
    }
}
