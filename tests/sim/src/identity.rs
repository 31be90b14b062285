//! Identities from the seed. Where the program was built so, those of most worlds sign with a stand-in: curves are a quarter of
//! the time, and nothing here makes a signature that only a curve would refuse.

use std::hash::Hash;

use ed25519_dalek::SigningKey;
use guitai_core::signature::STAND_IN;

use crate::chance::Chance;

/// One world in so many has real signatures, whatever the build.
pub const REAL_IN: u64 = 10;

/// The key of a hub or box of a world, named by what it is.
#[must_use]
pub fn identity(seed: u64, of: impl Hash) -> SigningKey {
    let mut chance = Chance::of(seed, of);
    #[cfg(feature = "stand-in")]
    if !signs_for_real(seed) {
        return guitai_core::signature::stand_in_key(chance.bytes());
    }
    SigningKey::from_bytes(&chance.bytes())
}

/// Whether the world of this seed has real signatures; all have, where there are no stand-ins.
#[must_use]
pub fn signs_for_real(seed: u64) -> bool {
    !STAND_IN || Chance::of(seed, "signatures").below(REAL_IN) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_world_in_ten_has_real_signatures() {
        let real = (1..=10_000).filter(|&seed| signs_for_real(seed)).count();
        if STAND_IN {
            assert!(real.abs_diff(1_000) < 100, "{real}");
        } else {
            assert_eq!(real, 10_000);
        }
    }
}
