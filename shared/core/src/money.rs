//! Money is a whole number of fen (1/100 yuan). There is no float, no cast and no silent overflow.

use alloc::{format, string::String};
use core::fmt;

use minicbor::{Decode, Encode};

use crate::limits;

/// An amount of money in fen, never negative. What goes back to a customer is a fact of its own, not a negative amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Fen(#[n(0)] u64);

/// Why a number is not an amount that may be charged or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// The amount is zero.
    Zero,
    /// The amount is below zero.
    Negative,
    /// The amount is above [`limits::AMOUNT_MAX_FEN`].
    OverLimit,
}

impl Fen {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Wraps a sum that is already known to be right, such as one read from a fact.
    #[must_use]
    pub const fn new(fen: u64) -> Self {
        Self(fen)
    }

    /// An amount that may be charged or given back: 1 fen to [`limits::AMOUNT_MAX_FEN`].
    ///
    /// # Errors
    /// Says which bound was crossed.
    pub fn chargeable(fen: i64) -> Result<Self, AmountError> {
        if fen < 0 {
            return Err(AmountError::Negative);
        }
        let fen = u64::try_from(fen).map_err(|_| AmountError::Negative)?;
        match fen {
            0 => Err(AmountError::Zero),
            fen if fen > limits::AMOUNT_MAX_FEN => Err(AmountError::OverLimit),
            fen => Ok(Self(fen)),
        }
    }

    /// The number of fen.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or `None` past 2^64 fen.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount in yuan with two decimals, as receipts and bills print it: `1234.50`.
    #[must_use]
    pub fn yuan(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chargeable_amounts_have_two_ends() {
        assert_eq!(Fen::chargeable(0), Err(AmountError::Zero));
        assert_eq!(Fen::chargeable(-1), Err(AmountError::Negative));
        assert_eq!(Fen::chargeable(i64::MAX), Err(AmountError::OverLimit));
        let most = i64::try_from(limits::AMOUNT_MAX_FEN).expect("the limit fits");
        assert_eq!(Fen::chargeable(most).map(Fen::get), Ok(limits::AMOUNT_MAX_FEN));
        assert_eq!(Fen::chargeable(1).map(Fen::get), Ok(1));
    }

    #[test]
    fn yuan_always_has_two_decimals() {
        assert_eq!(Fen::new(0).yuan(), "0.00");
        assert_eq!(Fen::new(5).yuan(), "0.05");
        assert_eq!(Fen::new(123_450).yuan(), "1234.50");
    }
}
