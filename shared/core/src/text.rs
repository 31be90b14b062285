//! Texts that people or other programs wrote: remarks, reasons, names, an acquirer's words. A fact can never be erased and
//! these may have to be, so a fact keeps a commitment to the text and the text lies in a record beside it. A record that is
//! gone leaves the chain whole; a record that was altered no longer fits its commitment.

use alloc::string::String;
use core::fmt;

use minicbor::{
    Decode, Encode,
    bytes::ByteArray,
    decode,
    encode::{self, Write},
};
use sha2::{Digest, Sha256};

const TAG: &[u8] = b"guitai/journal/text/1";

/// What keeps short texts from being guessed by their commitments. Fresh for every text.
pub type Salt = [u8; 16];

/// What a fact keeps of a text: SHA-256 over a domain tag, the salt and the text.
pub type Commitment = [u8; 32];

/// A text of a fact. In memory it is whole, or only its commitment when the record is gone; stored, it is its commitment.
/// Equal are texts that read the same.
#[derive(Clone, Default)]
pub struct Text {
    plain: Option<String>,
    commitment: Option<Commitment>,
}

/// A text on its way beside its fact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// Which of the fact's texts it is, from 0, in the order of [`crate::journal::fact::Fact::texts_mut`].
    #[n(0)]
    pub slot: u8,
    /// See [`Salt`].
    #[n(1)]
    salt: ByteArray<16>,
    /// The text.
    #[n(2)]
    pub text: String,
}

impl Text {
    /// A text not yet committed to.
    #[must_use]
    pub const fn new(plain: String) -> Self {
        Self { plain: Some(plain), commitment: None }
    }

    /// The text, unless its record is gone.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.plain.as_deref()
    }

    /// Commits to the text under `salt`; answers its record. None if the text is gone or committed to already.
    pub fn commit(&mut self, slot: u8, salt: Salt) -> Option<Record> {
        if self.commitment.is_some() {
            return None;
        }
        let text = self.plain.clone()?;
        self.commitment = Some(commitment(&salt, &text));
        Some(Record { slot, salt: salt.into(), text })
    }

    /// Puts the text back from its record; false if it is not the one committed to.
    pub fn open(&mut self, record: Record) -> bool {
        let fits = self.commitment == Some(commitment(record.salt(), &record.text));
        if fits {
            self.plain = Some(record.text);
        }
        fits
    }
}

impl Record {
    /// Puts a stored record together again.
    #[must_use]
    pub fn from_parts(slot: u8, salt: Salt, text: String) -> Self {
        Self { slot, salt: salt.into(), text }
    }

    /// See [`Salt`].
    #[must_use]
    pub fn salt(&self) -> &Salt {
        &self.salt
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.plain == other.plain
    }
}

impl Eq for Text {}

/// Never the text itself: it may be a password's verifier or a customer's words, and facts are printed and logged.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plain {
            Some(plain) => write!(f, "Text({} characters)", plain.chars().count()),
            None => f.write_str("Text(gone)"),
        }
    }
}

impl From<String> for Text {
    fn from(plain: String) -> Self {
        Self::new(plain)
    }
}

impl From<&str> for Text {
    fn from(plain: &str) -> Self {
        Self::new(plain.into())
    }
}

impl<C> Encode<C> for Text {
    fn encode<W: Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        let commitment = self.commitment.ok_or_else(|| encode::Error::message("a text not committed to"))?;
        e.bytes(&commitment)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Text {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let commitment = d.bytes()?.try_into().map_err(|_| decode::Error::message("a commitment has 32 bytes"))?;
        Ok(Self { plain: None, commitment: Some(commitment) })
    }
}

fn commitment(salt: &Salt, text: &str) -> Commitment {
    Sha256::new().chain_update(TAG).chain_update(salt).chain_update(text).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_committed_to_opens() {
        let mut written = Text::from("少一个袋子");
        let record = written.commit(0, [7; 16]).expect("a new text");
        assert_eq!(written.commit(0, [8; 16]), None, "once");
        let bytes = minicbor::to_vec(&written).expect("memory");
        let mut read: Text = minicbor::decode(&bytes).expect("as written");
        assert_eq!(read.as_str(), None);
        assert!(!read.open(Record::from_parts(0, [7; 16], "多一个袋子".into())));
        assert!(!read.open(Record::from_parts(0, [8; 16], "少一个袋子".into())));
        assert!(read.open(record));
        assert_eq!(read, written);
    }
}
