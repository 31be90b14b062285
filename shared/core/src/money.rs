//! Money is a whole number of fen (1/100 yuan). There is no float, no cast and no silent overflow.

use alloc::{format, string::String};
use core::fmt;

use minicbor::{Decode, Encode};

use crate::{limits, normal};

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

/// Why a text is no amount of money that may be charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YuanError {
    /// Nothing was written.
    Empty,
    /// It is no number, or its commas, blanks or leading zeros leave open which.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It is finer than a fen.
    Decimals,
    /// It is zero.
    Zero,
    /// It is above [`limits::AMOUNT_MAX_FEN`].
    OverLimit,
}

/// Reads an amount in yuan as people write it: `12.5`, `￥12.50`, `1,234.50`, `12.50元`, all in full-width too, and `。` for
/// the point as input methods give it.
///
/// A comma is right only where every group behind one has three digits, and nothing is guessed: `0,500`, `1,23`, `12 50` and
/// `012` may be slips of `0.500`, `1.23`, `12.50` and `0.12`.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_yuan(text: &str) -> Result<Fen, YuanError> {
    let plain: String = text.trim().chars().map(plain_sign).collect();
    if plain.is_empty() {
        return Err(YuanError::Empty);
    }
    let unsigned = plain.strip_prefix('-').unwrap_or(&plain);
    let bare = unsigned.strip_prefix('¥').map_or(unsigned, str::trim_start);
    let bare = bare.strip_suffix(['元', '¥']).map_or(bare, str::trim_end);
    let signed = unsigned.len() < plain.len();
    let number = if signed { bare } else { bare.strip_prefix('-').unwrap_or(bare) };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || !all_digits(part) {
        return Err(YuanError::NotANumber);
    }
    let whole = ungrouped(whole).ok_or(YuanError::NotANumber)?;
    if signed || number.len() < bare.len() {
        return Err(YuanError::Negative);
    }
    if part.len() > 2 {
        return Err(YuanError::Decimals);
    }
    // Digits only, so the one way to fail is to be too large.
    let fen = format!("{whole}{part:0<2}").parse::<u64>().map_err(|_| YuanError::OverLimit)?;
    match fen {
        0 => Err(YuanError::Zero),
        fen if fen > limits::AMOUNT_MAX_FEN => Err(YuanError::OverLimit),
        fen => Ok(Fen(fen)),
    }
}

/// [`read_yuan`] for a reader that has other meanings to try.
#[must_use]
pub fn parse_yuan(text: &str) -> Option<Fen> {
    read_yuan(text).ok()
}

fn plain_sign(c: char) -> char {
    match normal::half_width(c) {
        '。' | '｡' => '.',
        '￥' => '¥',
        '−' => '-',
        c => c,
    }
}

/// The digits before the point, without thousands separators; may be none.
fn ungrouped(whole: &str) -> Option<String> {
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let mut groups = whole.split(',');
    let head = groups.next()?;
    let grouped = whole.contains(',');
    let head_fits = all_digits(head) && (!grouped || (1..=3).contains(&head.len()));
    let fits = head_fits && groups.all(|group| group.len() == 3 && all_digits(group));
    fits.then(|| whole.replace(',', ""))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
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
