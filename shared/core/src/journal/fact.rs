//! What can happen at a store. A stored fact is CBOR `[kind, body]`, the body a map of numbered fields; kinds and fields are
//! only ever added. Unknown kinds are kept byte for byte. Trailing bytes and non-canonical forms are refused.

use alloc::vec::Vec;

use minicbor::{Decoder, Encode, Encoder, data::Type};

pub use super::body::*;
use super::canonical::is_canonical;
use crate::{ids::OrderNo, limits};

/// Why bytes are not a fact we can digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactError {
    /// Not canonical CBOR of the form `[kind, body]`, or too long: refused from a peer.
    Malformed,
    /// A kind this version does not know: stored as it is, flagged, relayed.
    UnknownKind(u16),
    /// A known kind whose body lacks something: stored as it is and flagged.
    Undigestible,
}

macro_rules! facts {
    ($($(#[$doc:meta])* $kind:literal => $name:ident,)*) => {
        /// Something that happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fact {
            $($(#[$doc])* $name($name),)*
        }

        impl Fact {
            /// The bytes to store and hash.
            #[must_use]
            pub fn to_bytes(&self) -> Vec<u8> {
                match self {
                    $(Self::$name(body) => encode($kind, body),)*
                }
            }

            /// Reads stored bytes.
            ///
            /// # Errors
            /// Tells bytes nobody may store from facts a newer version wrote.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, FactError> {
                let (kind, body) = envelope(bytes)?;
                match kind {
                    $($kind => minicbor::decode(body).map(Self::$name).map_err(|_| FactError::Undigestible),)*
                    unknown => Err(FactError::UnknownKind(unknown)),
                }
            }

            /// The name of the kind, for people and logs.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }
    };
}

facts! {
    /// An epoch of the journal began: first fact of each.
    1 => Opened,
    /// An account was made or changed, whole.
    10 => AccountSet,
    /// A key for a program was made.
    11 => ApiKeyCreated,
    /// A charge was about to be sent.
    20 => Intended,
    /// The customer is acting, after a doubt.
    21 => Pended,
    /// No explicit answer: the charge may or may not have taken money.
    22 => Doubted,
    /// Money was taken: explicit, matching answer.
    23 => Paid,
    /// The acquirer refused; no money moved.
    24 => Declined,
    /// Ended without ever having taken money.
    25 => Closed,
    /// A paid answer that does not match its intent: a person must look.
    26 => Quarantined,
    /// The cashier handed the goods over during a doubt: never reverse by itself.
    27 => HandedOver,
    /// The goods stayed in the shop: reverse as soon as reachable.
    28 => NotHandedOver,
    /// The cashier gave the payment up: ask, and take it back unless it was paid.
    29 => CancelAsked,
    /// A reversal was about to be sent, under this number.
    30 => ReversalIntended,
    /// Taken and given back whole.
    31 => Reversed,
    /// The acquirer refused to reverse.
    32 => ReversalRefused,
    /// A refund was about to be sent, under this number.
    40 => RefundIntended,
    /// The refund's money went back.
    41 => Refunded,
    /// The refund was refused; the money stayed.
    42 => RefundRefused,
}

impl Fact {
    /// The number this fact draws from its store's sequence.
    #[must_use]
    pub const fn draws(&self) -> Option<OrderNo> {
        match self {
            Self::Intended(f) => Some(f.order_no),
            Self::ReversalIntended(f) => Some(f.reversal_no),
            Self::RefundIntended(f) => Some(f.refund_no),
            Self::Opened(_)
            | Self::AccountSet(_)
            | Self::ApiKeyCreated(_)
            | Self::Pended(_)
            | Self::Doubted(_)
            | Self::Paid(_)
            | Self::Declined(_)
            | Self::Closed(_)
            | Self::Quarantined(_)
            | Self::HandedOver(_)
            | Self::NotHandedOver(_)
            | Self::CancelAsked(_)
            | Self::Reversed(_)
            | Self::ReversalRefused(_)
            | Self::Refunded(_)
            | Self::RefundRefused(_) => None,
        }
    }

    /// The payment this fact is about.
    #[must_use]
    pub const fn order_no(&self) -> Option<OrderNo> {
        match self {
            Self::Opened(_) | Self::AccountSet(_) | Self::ApiKeyCreated(_) => None,
            Self::Intended(f) => Some(f.order_no),
            Self::Pended(f) => Some(f.order_no),
            Self::Doubted(f) => Some(f.order_no),
            Self::Paid(f) => Some(f.order_no),
            Self::Declined(f) => Some(f.order_no),
            Self::Closed(f) => Some(f.order_no),
            Self::Quarantined(f) => Some(f.order_no),
            Self::HandedOver(f) => Some(f.order_no),
            Self::NotHandedOver(f) => Some(f.order_no),
            Self::CancelAsked(f) => Some(f.order_no),
            Self::ReversalIntended(f) => Some(f.order_no),
            Self::Reversed(f) => Some(f.order_no),
            Self::ReversalRefused(f) => Some(f.order_no),
            Self::RefundIntended(f) => Some(f.order_no),
            Self::Refunded(f) => Some(f.order_no),
            Self::RefundRefused(f) => Some(f.order_no),
        }
    }
}

fn encode<T: Encode<()>>(kind: u16, body: &T) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    let written = e.array(2).and_then(|e| e.u16(kind)).and_then(|e| e.encode(body)).is_ok();
    debug_assert!(written, "writing to memory cannot fail");
    e.into_writer()
}

/// Splits `[kind, body]`, refusing what is not canonical.
fn envelope(bytes: &[u8]) -> Result<(u16, &[u8]), FactError> {
    if bytes.len() > limits::FACT_MAX_BYTES || !is_canonical(bytes) {
        return Err(FactError::Malformed);
    }
    let mut d = Decoder::new(bytes);
    if !matches!(d.array(), Ok(Some(2))) {
        return Err(FactError::Malformed);
    }
    let kind = d.u16().map_err(|_| FactError::Malformed)?;
    if !matches!(d.datatype(), Ok(Type::Map)) {
        return Err(FactError::Malformed);
    }
    let body = bytes.get(d.position()..).ok_or(FactError::Malformed)?;
    Ok((kind, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{Issuer, Numbering, StoreId, Writer},
        time::UtcMs,
    };

    fn opened() -> Fact {
        let store = StoreId::parse("S001").expect("a name");
        Fact::Opened(Opened {
            store,
            issuer: Issuer::new(7).expect("in range"),
            at: UtcMs(1_767_579_072_000),
            writer: Writer::Node,
            epoch: 1,
            key: [3; 32],
            parent: None,
            vouch: None,
        })
    }

    #[test]
    fn facts_read_back_as_written() {
        let no = Numbering::resume(Issuer::new(7).expect("in range"), None).next(UtcMs(1_767_579_072_000));
        let doubt = Fact::Doubted(Doubted { order_no: no, at: UtcMs(1_767_579_072_000), detail: "超时".into() });
        for fact in [opened(), doubt] {
            assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
        }
    }

    #[test]
    fn a_new_kind_is_told_from_rubbish() {
        assert_eq!(Fact::from_bytes(&[0x82, 0x18, 0xf0, 0xa0]), Err(FactError::UnknownKind(0xf0)));
        assert_eq!(Fact::from_bytes(&[0x82, 0x01, 0xa0]), Err(FactError::Undigestible));
        assert_eq!(Fact::from_bytes(&[0x82, 0x18, 0x01, 0xa0]), Err(FactError::Malformed), "a long integer");
        let mut trailing = opened().to_bytes();
        trailing.push(0);
        assert_eq!(Fact::from_bytes(&trailing), Err(FactError::Malformed));
        assert_eq!(Fact::from_bytes(&[]), Err(FactError::Malformed));
        for cut in 0..opened().to_bytes().len() {
            assert_eq!(Fact::from_bytes(&opened().to_bytes()[..cut]), Err(FactError::Malformed));
        }
    }

    #[test]
    fn a_newer_field_is_skipped_and_a_swapped_key_refused() {
        let mut bytes = opened().to_bytes();
        assert_eq!(bytes[2], 0xa6, "a map of six fields");
        bytes[2] = 0xa7;
        bytes.extend([0x0a, 0xf5]);
        assert_eq!(Fact::from_bytes(&bytes), Ok(opened()));
        let swapped = [0x82, 0x01, 0xa2, 0x01, 0x07, 0x00, 0x07];
        assert_eq!(Fact::from_bytes(&swapped), Err(FactError::Malformed));
    }
}
