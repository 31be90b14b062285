//! The small values other types are made of.

use guitai_core::secret::Wallet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A body with nothing in it: `{}`, or no body at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

// The text is a `tt`: derives read it then as if it were written there, where a `literal` comes in a wrapping that utoipa does not open.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident $text:tt,)* }) => {
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

    #[test]
    fn words_are_described_as_they_are_on_the_wire() {
        fn described<T: utoipa::PartialSchema>() -> serde_json::Value {
            serde_json::to_value(T::schema()).unwrap()["enum"].clone()
        }
        let words: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(described::<State>(), serde_json::json!(words));
        assert_eq!(described::<Kind>(), serde_json::json!(["charge", "void", "refund"]));
        assert_eq!(
            described::<crate::session::Role>(),
            serde_json::json!(["administrator", "cashier", "headquarters"])
        );
    }
}
