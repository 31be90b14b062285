//! The small values other types are made of.

use std::fmt;

use guitai_core::{
    secret::Wallet,
    time::{Day, UtcMs},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::ToSchema;

/// A moment, as RFC 3339 in UTC with milliseconds: `2026-01-05T02:11:12.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-05T02:11:12.000Z")]
pub struct Time(pub UtcMs);

impl Time {
    /// Reads RFC 3339 with any offset; finer than milliseconds is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(UtcMs(at.as_millisecond())))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Outside jiff's years -9999 to 9999 there is no text; no clock of ours gets there.
        let at = Timestamp::from_millisecond(self.0.0).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{at:.3}")
    }
}

impl From<UtcMs> for Time {
    fn from(at: UtcMs) -> Self {
        Self(at)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
    }
}

/// A business day: `2026-01-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = Date, example = "2026-01-05")]
pub struct Date(pub Day);

impl From<Day> for Date {
    fn from(day: Day) -> Self {
        Self(day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Day::parse(&text).map(Self).ok_or_else(|| D::Error::custom("not a day"))
    }
}

/// A body with nothing in it: `{}`, or no body at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads [`Self::as_str`] back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(super) use words;

words! {
    /// The state of a payment.
    State {
        /// Being charged.
        Pending "pending",
        /// The money is there.
        Paid "paid",
        /// The acquirer or the customer refused; nothing was taken.
        Declined "declined",
        /// Nobody knows yet whether money was taken; it is being asked.
        Unknown "unknown",
        /// Asking has ended without an answer; a person decides.
        Held "held",
        /// Being given back whole.
        Reversing "reversing",
        /// Ended without money; `reason` says why.
        Closed "closed",
        /// Given back whole.
        Reversed "reversed",
        /// A refund is under way.
        Refunding "refunding",
        /// Some was given back.
        PartRefunded "part_refunded",
        /// All was given back by refunds.
        Refunded "refunded",
        /// The acquirer contradicts itself; a person must look.
        Quarantined "quarantined",
    }
}

words! {
    /// What a row is.
    Kind {
        /// Money in.
        Charge "charge",
        /// A charge given back whole.
        Void "void",
        /// A part given back.
        Refund "refund",
    }
}

words! {
    /// Whose wallet paid.
    WalletDto {
        /// 微信支付.
        Wechat "wechat",
        /// 支付宝.
        Alipay "alipay",
        /// 银联, 云闪付.
        Unionpay "unionpay",
        /// 翼支付.
        Bestpay "bestpay",
        /// 数字人民币.
        Ecny "ecny",
        /// Any other.
        Other "other",
    }
}

impl From<guitai_core::payment::State> for State {
    fn from(state: guitai_core::payment::State) -> Self {
        use guitai_core::payment::State as Core;
        match state {
            Core::Pending => Self::Pending,
            Core::Paid => Self::Paid,
            Core::Declined => Self::Declined,
            Core::Unknown => Self::Unknown,
            Core::Held => Self::Held,
            Core::Reversing => Self::Reversing,
            Core::Closed => Self::Closed,
            Core::Reversed => Self::Reversed,
            Core::Refunding => Self::Refunding,
            Core::PartRefunded => Self::PartRefunded,
            Core::Refunded => Self::Refunded,
            Core::Quarantined => Self::Quarantined,
        }
    }
}

impl From<Wallet> for WalletDto {
    fn from(wallet: Wallet) -> Self {
        match wallet {
            Wallet::Wechat => Self::Wechat,
            Wallet::Alipay => Self::Alipay,
            Wallet::Unionpay => Self::Unionpay,
            Wallet::Bestpay => Self::Bestpay,
            Wallet::Ecny => Self::Ecny,
            Wallet::Other => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_read_back() {
        let time = Time(UtcMs(1_767_579_072_000));
        assert_eq!(time.to_string(), "2026-01-05T02:11:12.000Z");
        assert_eq!(Time(UtcMs(1_767_579_072_007)).to_string(), "2026-01-05T02:11:12.007Z");
        assert_eq!(Time::parse("2026-01-05T10:11:12+08:00"), Some(time));
        assert_eq!(Time::parse("2026-01-05T02:11:12.0004Z"), Some(time));
        for bad in ["2026-01-05", "2026-01-05T10:11:12", "1767579072", "", "2026-02-30T00:00:00Z"] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_on_the_wire_read_back() {
        assert_eq!(State::ALL.len(), 12);
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        for wallet in Wallet::ALL {
            assert_eq!(WalletDto::from(wallet).as_str(), wallet.as_str());
        }
        assert_eq!(State::parse("Paid"), None);
    }
}
