//! What can happen at a store. A stored fact is CBOR `[kind, body]`, the body a map of numbered fields; kinds and fields are
//! only ever added. Unknown kinds are kept byte for byte. Trailing bytes and non-canonical forms are refused.
//!
//! Each family of facts lives with its module, which says what its facts mean: [`crate::people`], [`crate::bill`],
//! [`crate::payment`]. Here is only what they share: the envelope, and the journal's own first fact.

use alloc::vec::Vec;

use minicbor::{Decode, Decoder, Encode, bytes::ByteArray, data::Type};

use super::{canonical::is_canonical, chain::Point};
pub use crate::family::{FactError, Kind};
use crate::{
    bill,
    family::encode,
    ids::{Issuer, OrderNo, StoreId, Writer},
    limits,
    money::Fen,
    payment, people,
    show::{Show as _, Shown, show},
    text::{Record, Salt, Text},
    time::UtcMs,
    trust::KeyBytes,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An epoch of the journal began: first fact of each.
    Opened(Opened),
    /// Who may do what.
    People(people::Fact),
    /// What a bill of the shop comes to.
    Bill(bill::Fact),
    /// What happened to a payment.
    Payment(payment::Fact),
}

/// See [`Fact::Opened`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Opened {
    /// Whose journal it is.
    #[n(0)]
    pub store: StoreId,
    /// Whose numbers it draws.
    #[n(1)]
    pub issuer: Issuer,
    /// When.
    #[n(2)]
    pub at: UtcMs,
    /// Who writes it.
    #[n(3)]
    pub writer: Writer,
    /// Which epoch begins.
    #[n(4)]
    pub epoch: u32,
    /// The public key that seals this epoch.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub key: KeyBytes,
    /// Where the history ended that this epoch goes on from; absent in the first.
    #[n(6)]
    pub parent: Option<Point>,
    /// The signature of the key before, where the key is a new one; see [`super::epoch`].
    #[n(7)]
    pub vouch: Option<ByteArray<64>>,
}

show! {
    Opened { store, issuer, at, writer, epoch, key, parent, vouch };
}

const OPENED: u16 = 1;

impl Fact {
    /// The bytes to store and hash. Its texts must have been committed to ([`Self::commit_texts`]).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Opened(opened) => encode(OPENED, opened),
            Self::People(fact) => fact.to_bytes(),
            Self::Bill(fact) => fact.to_bytes(),
            Self::Payment(fact) => fact.to_bytes(),
        }
    }

    /// Reads stored bytes; texts stay closed until their records open them.
    ///
    /// # Errors
    /// Tells bytes nobody may store from facts a newer version wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FactError> {
        let (kind, body) = envelope(bytes)?;
        if kind == OPENED {
            return minicbor::decode(body).map(Self::Opened).map_err(|_| FactError::Undigestible);
        }
        None.or_else(|| people::Fact::decode(kind, body).map(|fact| fact.map(Self::People)))
            .or_else(|| bill::Fact::decode(kind, body).map(|fact| fact.map(Self::Bill)))
            .or_else(|| payment::Fact::decode(kind, body).map(|fact| fact.map(Self::Payment)))
            .unwrap_or(Err(FactError::UnknownKind(kind)))
    }

    /// The name of the kind, for people and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "Opened",
            Self::People(fact) => fact.name(),
            Self::Bill(fact) => fact.name(),
            Self::Payment(fact) => fact.name(),
        }
    }

    /// Its fields by name, without secrets.
    #[must_use]
    pub fn show(&self) -> Shown {
        match self {
            Self::Opened(opened) => opened.show(),
            Self::People(fact) => fact.show(),
            Self::Bill(fact) => fact.show(),
            Self::Payment(fact) => fact.show(),
        }
    }

    /// When this store recorded it.
    #[must_use]
    pub const fn at(&self) -> UtcMs {
        match self {
            Self::Opened(opened) => opened.at,
            Self::People(fact) => fact.at(),
            Self::Bill(fact) => fact.at(),
            Self::Payment(fact) => fact.at(),
        }
    }

    /// The payment this fact is about.
    #[must_use]
    pub const fn order_no(&self) -> Option<OrderNo> {
        match self {
            Self::Payment(fact) => Some(fact.order_no()),
            Self::Opened(_) | Self::People(_) | Self::Bill(_) => None,
        }
    }

    /// The number this fact draws from its journal's sequence.
    #[must_use]
    pub const fn draws(&self) -> Option<OrderNo> {
        match self {
            Self::Payment(fact) => fact.draws(),
            Self::Opened(_) | Self::People(_) | Self::Bill(_) => None,
        }
    }

    /// The void or refund whose row it makes or changes.
    #[must_use]
    pub fn return_no(&self) -> Option<OrderNo> {
        match self {
            Self::Payment(fact) => fact.return_no(),
            Self::Opened(_) | Self::People(_) | Self::Bill(_) => None,
        }
    }

    /// The request that caused it, if a person or program asked for it.
    #[must_use]
    pub fn idempotency(&self) -> Option<&people::Idempotency> {
        match self {
            Self::Opened(_) | Self::People(_) | Self::Bill(bill::Fact::Opened(_)) => None,
            Self::Bill(bill::Fact::TotalChanged(changed)) => Some(&changed.approval.idempotency),
            Self::Payment(fact) => fact.idempotency(),
        }
    }

    /// The greatest sum it states: what no journal of ours writes is not counted by who reads it.
    #[must_use]
    pub fn greatest_amount(&self) -> Option<Fen> {
        match self {
            Self::Opened(_) | Self::People(_) => None,
            Self::Bill(fact) => Some(fact.total()),
            Self::Payment(fact) => fact.greatest_amount(),
        }
    }

    /// Its texts, in an order that never changes: a text's place is its slot.
    pub fn texts_mut(&mut self) -> Vec<&mut Text> {
        match self {
            Self::Opened(_) => Vec::new(),
            Self::People(fact) => fact.texts_mut(),
            Self::Bill(fact) => fact.texts_mut(),
            Self::Payment(fact) => fact.texts_mut(),
        }
    }

    /// Commits to every text; answers the records to lie beside the fact.
    pub fn commit_texts(&mut self, mut salt: impl FnMut(u8) -> Salt) -> Vec<Record> {
        let texts = self.texts_mut().into_iter().zip(0_u8..);
        texts.filter_map(|(text, slot)| text.commit(slot, salt(slot))).collect()
    }

    /// Puts the texts back that lie beside the fact; answers whether every record was one of its own.
    pub fn open_texts(&mut self, records: impl IntoIterator<Item = Record>) -> bool {
        let mut texts = self.texts_mut();
        records.into_iter().all(|record| texts.get_mut(usize::from(record.slot)).is_some_and(|text| text.open(record)))
    }
}

impl From<Opened> for Fact {
    fn from(opened: Opened) -> Self {
        Self::Opened(opened)
    }
}

impl From<people::Fact> for Fact {
    fn from(fact: people::Fact) -> Self {
        Self::People(fact)
    }
}

impl From<bill::Fact> for Fact {
    fn from(fact: bill::Fact) -> Self {
        Self::Bill(fact)
    }
}

impl From<payment::Fact> for Fact {
    fn from(fact: payment::Fact) -> Self {
        Self::Payment(fact)
    }
}

impl<K: Kind> From<K> for Fact
where
    Self: From<K::Family>,
{
    fn from(kind: K) -> Self {
        Self::from(K::Family::from(kind))
    }
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
    use crate::ids::Numbering;

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
    fn facts_read_back_as_written_and_their_texts_with_their_records() {
        let no = Numbering::resume(Issuer::new(7).expect("in range"), None).next(UtcMs(1_767_579_072_000));
        let mut doubt: Fact =
            payment::Doubted { order_no: no, at: UtcMs(1_767_579_072_000), detail: Some("超时".into()) }.into();
        let records = doubt.commit_texts(|slot| [slot; 16]);
        assert_eq!(records.len(), 1);
        for (fact, records) in [(opened(), Vec::new()), (doubt, records)] {
            let mut read = Fact::from_bytes(&fact.to_bytes()).expect("as written");
            assert!(read.open_texts(records));
            assert_eq!(read, fact);
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
