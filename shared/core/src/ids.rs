//! Numbers and names that say which store, which fact, which order.

mod journal_id;
mod order_no;

use alloc::string::{String, ToString};
use core::fmt;

use minicbor::{Decode, Decoder, Encode, decode::Error};

use crate::limits;

pub use journal_id::{JournalId, Writer};
pub use order_no::{Numbering, OrderNo};

/// A fact's place in its store's journal. Epochs begin anew when history forked (a restored disk).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct FactNo {
    /// Counts from 1.
    #[n(0)]
    pub epoch: u32,
    /// Counts from 1 within the epoch, up to [`limits::COUNT_MAX`].
    #[cbor(n(1), decode_with = "decode_count")]
    pub number: u64,
}

/// A count of the wire, which must fit where counts are kept.
///
/// # Errors
/// No integer, or one above [`limits::COUNT_MAX`].
pub(crate) fn decode_count<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<u64, Error> {
    let count = decoder.u64()?;
    if count > limits::COUNT_MAX { Err(Error::message("a count above 2^63 - 1")) } else { Ok(count) }
}

impl FactNo {
    /// Reads `epoch-number` back, as it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('-')?;
        let number = number.parse().ok().filter(|number| *number <= limits::COUNT_MAX)?;
        Some(Self { epoch: epoch.parse().ok()?, number })
    }
}

impl fmt::Display for FactNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// The number the hub gives to a key that it lets in, once and never again: see [`limits::ISSUERS_OF_NODES`] and
/// [`limits::ISSUERS_RESERVED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Issuer(#[n(0)] u32);

impl Issuer {
    /// `None` outside 1 to 999,999.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (1..=*limits::ISSUERS_RESERVED.end()).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing in it.
    Empty,
    /// More than [`limits::NAME_MAX_CHARS`] characters.
    TooLong,
    /// Something besides ASCII letters, digits, `-` and `_`.
    BadCharacter,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = limits::NAME_MAX_CHARS;
        let what = match self {
            Self::Empty => "是空的 is empty",
            Self::TooLong => "太长 is too long",
            Self::BadCharacter => "有不可用的字符 holds another character",
        };
        write!(f, "{what}: 可用 1 到 {max} 个字母、数字、-、_ / allowed 1 to {max} letters, digits, - and _")
    }
}

impl core::error::Error for NameError {}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $type(#[n(0)] String);

        impl $type {
            /// Letters, digits, `-` and `_`, 1 to [`limits::NAME_MAX_CHARS`] characters.
            ///
            /// # Errors
            /// Says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                check_name(text).map(|()| Self(text.to_string()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A store of the merchant, such as `S001`.
    StoreId
}
name! {
    /// A till: one counter of a store, such as `T1`.
    TillId
}
name! {
    /// A person's log-in account, such as `01`.
    AccountId
}

fn check_name(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limits::NAME_MAX_CHARS {
        return Err(NameError::TooLong);
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.bytes().all(fine) { Ok(()) } else { Err(NameError::BadCharacter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_no_column_holds_is_no_number() {
        let last = FactNo { epoch: 1, number: limits::COUNT_MAX };
        assert_eq!(FactNo::parse(&last.to_string()), Some(last));
        assert_eq!(minicbor::decode(&minicbor::to_vec(last).unwrap()).ok(), Some(last));
        let beyond = FactNo { number: limits::COUNT_MAX + 1, ..last };
        assert_eq!(FactNo::parse(&beyond.to_string()), None);
        assert!(minicbor::decode::<FactNo>(&minicbor::to_vec(beyond).unwrap()).is_err());
    }
}
