//! Who is who: identities, the signed hello, enrolment, and ([`roster`]) the hub's signed words about who serves a store.
//!
//! An identity is an ed25519 key made on the machine that bears it. The transport proves possession of it; the hello says it
//! again, signed over what only this one connection has (the TLS exporter), so that a box in between that ends TLS is noticed.
//! A node enters by a code printed at the hub: a hash of the hub's public key, which the node pins, and a secret good for one use.
//! Everything signed or hashed here starts with its own domain tag and length-prefixes each part.

mod roster;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use ed25519_dalek::{SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{normal, signature};

pub use roster::{Bar, Grant, InForce, Instance, RosterEntry, key_short};

const HELLO_TAG: &[u8] = b"guitai/trust/hello/1";
const ENROL_TAG: &[u8] = b"guitai/trust/enrol/1";
const CODE_ID_TAG: &[u8] = b"guitai/trust/code-id/1";
const CODE_SUM_TAG: &[u8] = b"guitai/trust/code-sum/2";
const HUB_PIN_TAG: &[u8] = b"guitai/trust/hub-pin/1";
const COMPARE_TAG: &[u8] = b"guitai/trust/compare/1";

/// The label under which both ends export their channel's secret (RFC 5705); TLS 1.3 registers the prefix `EXPORTER`.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-guitai-hello";

/// A public key as bytes.
pub type KeyBytes = [u8; 32];

/// Reads a public key's 64 hexadecimal digits; `None` if it is not a point an ed25519 signature can verify under.
#[must_use]
pub fn parse_key(text: &str) -> Option<VerifyingKey> {
    let digits = text.trim().as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes: KeyBytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
    }
    usable_key(&bytes)
}

/// A public key as 64 lower-case hexadecimal digits, as config files and logs show it.
#[must_use]
pub fn key_text(key: &KeyBytes) -> String {
    use core::fmt::Write as _;
    key.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

/// A key whose signatures mean something: small-order points, under which anyone can make signatures, are refused.
#[must_use]
pub fn usable_key(bytes: &KeyBytes) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())
}

fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

/// Which end speaks; without it one end's hello could be played back as the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A store's node.
    Node,
    /// The merchant's hub.
    Hub,
}

/// What only this connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The node's public key.
    pub node_key: KeyBytes,
    /// The hub's public key.
    pub hub_key: KeyBytes,
    /// Exported with [`EXPORTER_LABEL`] and an empty context; both ends of one TLS session get the same.
    pub exporter: [u8; 32],
}

impl Channel {
    /// Signs `parts` as `side` on this channel.
    #[must_use]
    pub fn sign(&self, identity: &SigningKey, side: Side, parts: &[&[u8]]) -> [u8; 64] {
        signature::sign(identity, &self.hello_bytes(side, parts))
    }

    /// Whether `side` signed exactly `parts` on this channel, by RFC 8032's strict rules.
    #[must_use]
    pub fn verify(&self, side: Side, parts: &[&[u8]], signature: &[u8; 64]) -> bool {
        let signer = match side {
            Side::Node => &self.node_key,
            Side::Hub => &self.hub_key,
        };
        let Some(key) = usable_key(signer) else { return false };
        signature::verify(&key, &self.hello_bytes(side, parts), signature)
    }

    /// Six digits that both screens show during enrolment; people compare them.
    #[must_use]
    pub fn comparison_digits(&self) -> String {
        let hash: [u8; 32] = self.hash(COMPARE_TAG, &[]);
        let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 1_000_000;
        format!("{number:06}")
    }

    fn hello_bytes(&self, side: Side, parts: &[&[u8]]) -> [u8; 32] {
        let side: &[u8] = match side {
            Side::Node => b"node",
            Side::Hub => b"hub",
        };
        let all: Vec<&[u8]> = core::iter::once(side).chain(parts.iter().copied()).collect();
        self.hash(HELLO_TAG, &all)
    }

    fn hash(&self, tag: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(tag);
        hash.update(self.node_key);
        hash.update(self.hub_key);
        hash.update(self.exporter);
        for part in parts {
            let length = u64::try_from(part.len()).expect("memory holds fewer than 2^64 bytes");
            hash.update(length.to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// What a code says of the hub's public key: the first half of a hash of it. Who wants another key with this pin has to try 2^128.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HubPin([u8; Self::BYTES]);

impl HubPin {
    const BYTES: usize = 16;

    /// The pin of a key.
    #[must_use]
    pub fn of(key: &KeyBytes) -> Self {
        let hash = Sha256::new().chain_update(HUB_PIN_TAG).chain_update(key).finalize();
        let mut pin = [0; Self::BYTES];
        pin.copy_from_slice(&hash[..Self::BYTES]);
        Self(pin)
    }

    /// Whether this is that key; the channel proves that its bearer has it.
    #[must_use]
    pub fn is(&self, key: &KeyBytes) -> bool {
        *self == Self::of(key)
    }
}

/// What a new node is given: whom to trust, and the right to be trusted once. Short enough to be typed and read out.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// The hub that the node pins.
    pub hub: HubPin,
    secret: Secret,
}

#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct Secret([u8; EnrolmentCode::SECRET_BYTES]);

impl EnrolmentCode {
    /// Bytes of a secret. It lives for minutes, and only the hub can tell a guess from it: 2^80 are enough.
    pub const SECRET_BYTES: usize = 10;

    /// Base32 characters of a code: 16 bytes of pin, 10 of secret and 17 bits of checksum are 225 bits.
    pub const CHARS: usize = 45;

    const GROUP: usize = 5;
    const BODY_BYTES: usize = HubPin::BYTES + Self::SECRET_BYTES;
    /// Two bytes of checksum, and the first bit of a third; what lies behind has no place in the code.
    const SUM_MASK: [u8; 3] = [0xFF, 0xFF, 0x80];
    /// Crockford's alphabet: no I, L, O or U.
    const ALPHABET: &'static [u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// A code of the hub with this key; the secret comes from the system's generator.
    #[must_use]
    pub fn new(hub_key: KeyBytes, secret: [u8; Self::SECRET_BYTES]) -> Self {
        Self { hub: HubPin::of(&hub_key), secret: Secret(secret) }
    }

    /// Reads a code as typed: any case, with or without groups, I and L as 1, O as 0, full-width letters as others.
    ///
    /// # Errors
    /// Says what is wrong with the typing; a wrong or used secret only the hub can tell.
    pub fn parse(typed: &str) -> Result<Self, EnrolmentCodeError> {
        let mut values = Vec::with_capacity(Self::CHARS);
        let between =
            |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}');
        for c in typed.chars().filter(|c| !between(*c)) {
            let value = Self::value(c).ok_or(EnrolmentCodeError::Character { c, place: values.len() + 1 })?;
            values.push(value);
        }
        if values.len() != Self::CHARS {
            return Err(EnrolmentCodeError::Length { got: values.len() });
        }
        // Behind the last bit there are seven zeros, so that the last byte is whole.
        values.extend([0, 0]);
        let mut bytes = Self::pack(&values);
        values.zeroize();
        let pin = bytes.get(..HubPin::BYTES).and_then(|bytes| bytes.try_into().ok()).expect("29 bytes");
        let secret = bytes.get(HubPin::BYTES..Self::BODY_BYTES).and_then(|bytes| bytes.try_into().ok());
        let code = Self { hub: HubPin(pin), secret: Secret(secret.expect("29 bytes")) };
        let right = bytes.get(Self::BODY_BYTES..) == Some(code.checksum().as_slice());
        bytes.zeroize();
        if right { Ok(code) } else { Err(EnrolmentCodeError::Checksum) }
    }

    /// The code for people, in groups of five. It is a secret until used.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = [self.hub.0.as_slice(), &self.secret.0, &self.checksum()].concat();
        let mut text = String::with_capacity(Self::CHARS + Self::CHARS / Self::GROUP);
        let (mut bits, mut count, mut written) = (0_u32, 0_u32, 0_usize);
        for byte in &bytes {
            bits = (bits << 8 | u32::from(*byte)) & 0xFFFF;
            count += 8;
            while count >= 5 && written < Self::CHARS {
                count -= 5;
                if written > 0 && written.is_multiple_of(Self::GROUP) {
                    text.push('-');
                }
                let index = usize::try_from(bits >> count & 31).expect("five bits");
                text.push(char::from(Self::ALPHABET[index]));
                written += 1;
            }
        }
        bytes.zeroize();
        text
    }

    /// Names the code without telling it, so that the hub finds which of its open codes is meant.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let hash = Sha256::new().chain_update(CODE_ID_TAG).chain_update(self.secret.0).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        id
    }

    /// Proves knowledge of the secret on this one channel, telling nothing that works on another.
    #[must_use]
    pub fn proof(&self, channel: &Channel) -> [u8; 32] {
        self.mac(channel).finalize().into_bytes().into()
    }

    /// Whether `proof` was made from this code on this channel, in constant time.
    #[must_use]
    pub fn proves(&self, channel: &Channel, proof: &[u8; 32]) -> bool {
        self.hub.is(&channel.hub_key) && self.mac(channel).verify_slice(proof).is_ok()
    }

    /// The secret, for tests that nobody keeps it.
    #[must_use]
    pub const fn secret(&self) -> &[u8; Self::SECRET_BYTES] {
        &self.secret.0
    }

    fn mac(&self, channel: &Channel) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret.0).expect("HMAC takes keys of any length");
        mac.chain_update(channel.hash(ENROL_TAG, &[]))
    }

    fn checksum(&self) -> [u8; 3] {
        let hash =
            Sha256::new().chain_update(CODE_SUM_TAG).chain_update(self.hub.0).chain_update(self.secret.0).finalize();
        let [first, second, third] = Self::SUM_MASK;
        [hash[0] & first, hash[1] & second, hash[2] & third]
    }

    fn value(c: char) -> Option<u8> {
        let upper = match normal::half_width(c).to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        let place = Self::ALPHABET.iter().position(|known| char::from(*known) == upper)?;
        u8::try_from(place).ok()
    }

    fn pack(values: &[u8]) -> Vec<u8> {
        let (mut bits, mut count) = (0_u32, 0_u32);
        let mut bytes = Vec::with_capacity(values.len() * 5 / 8);
        for value in values {
            bits = (bits << 5 | u32::from(*value)) & 0xFFFF;
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xFF).expect("eight bits"));
            }
        }
        bytes
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolmentCode").field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// What is wrong with a typed enrolment code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolmentCodeError {
    /// Characters missing or too many.
    Length {
        /// How many characters were typed.
        got: usize,
    },
    /// A character no code has.
    Character {
        /// The character.
        c: char,
        /// Its place among the characters, from 1.
        place: usize,
    },
    /// Mistyped somewhere.
    Checksum,
}

impl fmt::Display for EnrolmentCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let want = EnrolmentCode::CHARS;
        match self {
            Self::Length { got } => {
                write!(
                    f,
                    "登记码应有 {want} 个字符，收到 {got} 个 / an enrolment code has {want} characters, got {got}"
                )
            }
            Self::Character { c, place } => {
                write!(
                    f,
                    "登记码第 {place} 个字符“{c}”不可用 / character {place} of the enrolment code, '{c}', is never used"
                )
            }
            Self::Checksum => f.write_str(
                "登记码有误，请核对后重新输入 / the enrolment code is mistyped: compare it and type it again",
            ),
        }
    }
}

impl core::error::Error for EnrolmentCodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> EnrolmentCode {
        EnrolmentCode::new(hub_key(), *b"10 secrets")
    }

    fn hub_key() -> KeyBytes {
        SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes()
    }

    fn channel() -> Channel {
        Channel {
            node_key: SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes(),
            hub_key: hub_key(),
            exporter: [5; 32],
        }
    }

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let text = code().text();
        assert_eq!(text.len(), 45 + 8, "{text}");
        assert_eq!(EnrolmentCode::parse(&text), Ok(code()));
        let sloppy = text.to_lowercase().replace('-', " ").replace('1', "l").replace('0', "o");
        assert_eq!(EnrolmentCode::parse(&sloppy), Ok(code()));
        let wide: String =
            text.chars().map(|c| char::from_u32(u32::from(c) + 0xFEE0).expect("its full-width form")).collect();
        assert_eq!(EnrolmentCode::parse(&wide), Ok(code()), "{wide}");
    }

    #[test]
    fn a_code_names_one_hub() {
        assert!(code().hub.is(&hub_key()));
        for seed in 0..64 {
            let other = SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
            assert_eq!(code().hub.is(&other), other == hub_key());
        }
        let mut near = hub_key();
        near[31] ^= 1;
        assert!(!code().hub.is(&near));
    }

    #[test]
    fn a_mistyped_code_says_what_is_wrong() {
        let text = code().text();
        assert_eq!(EnrolmentCode::parse(&text[..52]), Err(EnrolmentCodeError::Length { got: 44 }));
        let with_u = format!("U{}", &text[1..]);
        assert_eq!(EnrolmentCode::parse(&with_u), Err(EnrolmentCodeError::Character { c: 'U', place: 1 }));
        let mut missed = 0;
        for place in (0..text.len()).filter(|at| text.as_bytes()[*at] != b'-') {
            let other = if text.as_bytes()[place] == b'7' { "8" } else { "7" };
            let mut wrong = text.clone();
            wrong.replace_range(place..=place, other);
            missed += usize::from(EnrolmentCode::parse(&wrong).is_ok());
        }
        assert_eq!(missed, 0, "every single wrong character of this code is noticed");
    }

    #[test]
    fn a_proof_works_on_its_own_channel_only() {
        let proof = code().proof(&channel());
        assert!(code().proves(&channel(), &proof));
        assert!(!code().proves(&Channel { exporter: [6; 32], ..channel() }, &proof));
        assert!(!code().proves(&Channel { node_key: [1; 32], ..channel() }, &proof));
        let other = EnrolmentCode::new(hub_key(), [0; 10]);
        assert!(!other.proves(&channel(), &proof));
        assert_ne!(other.id(), code().id());
    }

    #[test]
    fn a_signed_hello_cannot_be_moved() {
        let signer = SigningKey::from_bytes(&[4; 32]);
        let signature = channel().sign(&signer, Side::Node, &[b"ab", b"c"]);
        assert!(channel().verify(Side::Node, &[b"ab", b"c"], &signature));
        assert!(!channel().verify(Side::Node, &[b"a", b"bc"], &signature), "parts keep their borders");
        assert!(!channel().verify(Side::Hub, &[b"ab", b"c"], &signature));
        let elsewhere = Channel { exporter: [6; 32], ..channel() };
        assert!(!elsewhere.verify(Side::Node, &[b"ab", b"c"], &signature));
        assert_eq!(channel().comparison_digits().len(), 6);
        assert_ne!(channel().comparison_digits(), elsewhere.comparison_digits());
    }

    #[test]
    fn keys_read_back_and_useless_ones_are_refused() {
        let key = hub_key();
        assert_eq!(parse_key(&key_text(&key)).map(|k| k.to_bytes()), Some(key));
        assert!(parse_key("00").is_none());
        let weak = format!("01{}", "00".repeat(31));
        assert!(parse_key(&weak).is_none(), "the neutral element verifies anything");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", code()).contains("secret"));
    }
}
