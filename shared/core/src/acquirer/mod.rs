//! Acquirers: how each is asked, what each answer means, and its terms. Pure: encode, sign, decode, status table, data.
//!
//! The hard rule: an answer that is not in an adapter's list of definite ones is unknown, and so is any answer whose merchant,
//! order, amount or signature does not match.

pub mod allinpay;
mod answer;
mod call;
pub mod date;
mod terms;

pub use answer::{Answer, ChargeAnswer, PaidEvidence, QueryAnswer, RefundAnswer, Refusal, ReversalAnswer, SetUp};
pub use call::{Call, ChargeCall, Expected, ExpectedReturn, Question, Reply, Request, Terminal};
pub use terms::{Pace, ReversalTerms, Terms, Window};

/// The acquirers there are, from a list: each a codec with `TERMS`, `encode` and `decode`, and its name in facts and configurations.
macro_rules! acquirers {
    ($($(#[$doc:meta])* $name:ident($codec:ty) = $text:literal,)+) => {
        /// A merchant at an acquirer: what is sent and what comes back is this value's to say.
        #[derive(Clone, Debug)]
        pub enum Acquirer {
            $($(#[$doc])* $name($codec),)+
        }

        /// Which acquirer, without a merchant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Acquirer {
            /// Which one it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)+
                }
            }

            /// The signed request for a call. `nonce` is fresh randomness in at most 32 ASCII characters.
            #[must_use]
            pub fn encode(&self, call: &Call, nonce: &str) -> Request {
                match self {
                    $(Self::$name(codec) => codec.encode(call, nonce),)+
                }
            }

            /// What a reply to this question means.
            #[must_use]
            pub fn decode(&self, question: &Question, reply: &Reply) -> Answer {
                match self {
                    $(Self::$name(codec) => codec.decode(question, reply),)+
                }
            }

            /// What the acquirer makes of this merchant and its keys, by a reply to this question.
            #[must_use]
            pub fn set_up(&self, question: &Question, reply: &Reply) -> SetUp {
                match self {
                    $(Self::$name(codec) => codec.set_up(question, reply),)+
                }
            }
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in facts, rows and configurations.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it promises and wants.
            #[must_use]
            pub const fn terms(self) -> &'static Terms {
                match self {
                    $(Self::$name => &<$codec>::TERMS,)+
                }
            }
        }
    };
}

acquirers! {
    /// 通联收银宝.
    Allinpay(allinpay::Allinpay) = "allinpay",
}

impl Acquirer {
    /// The name in facts, rows and configurations.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind().as_str()
    }

    /// What it promises and wants.
    #[must_use]
    pub const fn terms(&self) -> &'static Terms {
        self.kind().terms()
    }
}

impl Kind {
    /// Reads [`Self::as_str`] back: the one place where a name becomes an acquirer. None is one that this version does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_stands_for_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
        for other in ["", "Allinpay", "allinpay ", "wechat"] {
            assert_eq!(Kind::parse(other), None, "{other}");
        }
    }
}
