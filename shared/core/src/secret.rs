//! What must never be shown: payment codes and keys. Their types cannot print themselves and wipe their bytes when dropped.

use alloc::string::{String, ToString};
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    ids::OrderNo,
    limits, normal,
    show::{Show, Shown, show},
};

/// A text such as an acquirer's key: readable only by asking for it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the text in.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// Whose wallet a payment code or a paid answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Wallet {
    /// 微信支付.
    #[n(1)]
    Wechat,
    /// 支付宝.
    #[n(2)]
    Alipay,
    /// 银联, 云闪付.
    #[n(3)]
    Unionpay,
    /// 翼支付.
    #[n(4)]
    Bestpay,
    /// 数字人民币.
    #[n(5)]
    Ecny,
    /// Any other: the aggregating acquirer recognises it.
    #[n(6)]
    Other,
}

impl Show for Wallet {
    fn show(&self) -> Shown {
        Shown::Text(self.as_str().into())
    }
}

impl Wallet {
    /// All of them, in the order lists show them.
    pub const ALL: [Self; 6] = [Self::Wechat, Self::Alipay, Self::Unionpay, Self::Bestpay, Self::Ecny, Self::Other];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Alipay => "alipay",
            Self::Unionpay => "unionpay",
            Self::Bestpay => "bestpay",
            Self::Ecny => "ecny",
            Self::Other => "other",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wallet| wallet.as_str() == text)
    }
}

/// Why a scanned or typed text is not a payment code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeError {
    /// Nothing was scanned.
    Empty,
    /// 8, 12, 13 or 14 digits: the bar code of goods.
    GoodsCode,
    /// A link: a printed plate or a shop's own code.
    Link,
    /// Something besides digits.
    NotDigits,
    /// Digits, but fewer than 16 or more than 24.
    Length,
    /// One of our own order numbers, as on a receipt.
    OrderNo,
}

/// A customer's payment code: a bearer token, good for one call. Never stored, logged or shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PaymentCode(String);

impl PaymentCode {
    /// Takes what a scanner delivered or somebody typed: framing and AIM identifier are dropped, full-width characters made
    /// half-width, groups joined; the whole rest must be a code (acquirers.md 1.2).
    ///
    /// # Errors
    /// Says what it looks like instead.
    pub fn parse(scanned: &str) -> Result<Self, CodeError> {
        let data = normal::unframed(scanned);
        // In its wiped place from the first character on, with room for all: text that grew would leave copies behind.
        let mut code = Self(String::with_capacity(data.len()));
        code.0.extend(data.chars().map(normal::half_width).filter(|c| !normal::is_gap(*c)));
        if code.0.is_empty() {
            return Err(CodeError::Empty);
        }
        if code.is_face() {
            code.lower_face();
            return Ok(code);
        }
        if code.0.contains("://") {
            return Err(CodeError::Link);
        }
        if !code.0.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CodeError::NotDigits);
        }
        match code.0.len() {
            8 | 12..=14 => Err(CodeError::GoodsCode),
            len if !limits::PAYMENT_CODE_DIGITS.contains(&len) => Err(CodeError::Length),
            _ if is_ours(&code.0) => Err(CodeError::OrderNo),
            _ => Ok(code),
        }
    }

    /// A face payment of Alipay's.
    fn is_face(&self) -> bool {
        let head = self.0.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("fp"));
        self.0.len() == 35 && head && self.0.bytes().all(|b| b.is_ascii_alphanumeric())
    }

    /// The head of a face code is `fp`; where it is `FP` and nothing is in lower case, caps lock has raised the rest with it.
    fn lower_face(&mut self) {
        let raised = self.0.starts_with("FP") && !self.0.bytes().any(|b| b.is_ascii_lowercase());
        let end = if raised { self.0.len() } else { 2 };
        if let Some(head) = self.0.get_mut(..end) {
            head.make_ascii_lowercase();
        }
    }

    /// The code itself, for the one request that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whose code it looks like. Prefixes change, so an unknown one is no reason to refuse it.
    #[must_use]
    pub fn wallet(&self) -> Wallet {
        let prefix = self.0.get(..2).unwrap_or("");
        match (prefix, self.0.len()) {
            ("fp", _) | ("25" | "26" | "27" | "28" | "29" | "30", 16..=24) => Wallet::Alipay,
            ("10" | "11" | "12" | "13" | "14" | "15", 18) => Wallet::Wechat,
            ("62", 19) => Wallet::Unionpay,
            ("51", 18) => Wallet::Bestpay,
            ("01", 19) => Wallet::Ecny,
            _ => Wallet::Other,
        }
    }

    /// What may be kept: the wallet, the last two characters and a keyed hash that notices a second use.
    #[must_use]
    pub fn trace(&self, key: &[u8; 32]) -> CodeTrace {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(self.0.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut hash = [0; 8];
        for (to, from) in hash.iter_mut().zip(digest) {
            *to = from;
        }
        let last_two = self.0.get(self.0.len().saturating_sub(2)..).unwrap_or("").to_string();
        CodeTrace { wallet: self.wallet(), last_two, hash: u64::from_be_bytes(hash) }
    }
}

/// Whether 20 digits are an order number of this product rather than a wallet's code: one code in 97 has the right check
/// digits too, so day and issuer must be possible as well.
fn is_ours(digits: &str) -> bool {
    OrderNo::parse(digits).is_some_and(|no| no.day().is_some() && no.issuer().is_some())
}

impl fmt::Debug for PaymentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PaymentCode({}, {} characters)", self.wallet().as_str(), self.0.len())
    }
}

/// What remains of a payment code after its one call.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CodeTrace {
    /// Whose code it looked like.
    #[n(0)]
    pub wallet: Wallet,
    /// Its last two characters.
    #[n(1)]
    pub last_two: String,
    /// HMAC-SHA-256 under the node's own key, cut to 64 bits.
    #[n(2)]
    pub hash: u64,
}

show! {
    CodeTrace { wallet, last_two } without hash;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_route_by_prefix_and_length() {
        let wallet = |text: &str| PaymentCode::parse(text).map(|code| code.wallet());
        assert_eq!(wallet("130000000000000001\r\n"), Ok(Wallet::Wechat));
        assert_eq!(wallet(" 281234567890123456 "), Ok(Wallet::Alipay));
        assert_eq!(wallet("6212345678901234567"), Ok(Wallet::Unionpay));
        assert_eq!(wallet("511234567890123456"), Ok(Wallet::Bestpay));
        assert_eq!(wallet("0112345678901234567"), Ok(Wallet::Ecny));
        assert_eq!(wallet("991234567890123456"), Ok(Wallet::Other));
        assert_eq!(wallet("fpabcdefghijklmnopqrstuvwxyz0123456"), Ok(Wallet::Alipay));
    }

    #[test]
    fn what_is_no_code_is_named() {
        let refusal = |text: &str| PaymentCode::parse(text).map(|_| ()).expect_err("no code");
        assert_eq!(refusal("  \r"), CodeError::Empty);
        assert_eq!(refusal("6901234567892"), CodeError::GoodsCode);
        assert_eq!(refusal("https://qr.example/1"), CodeError::Link);
        assert_eq!(refusal("13000000000000000x"), CodeError::NotDigits);
        assert_eq!(refusal("123456"), CodeError::Length);
    }

    #[test]
    fn a_code_does_not_print_itself() {
        let code = PaymentCode::parse("130000000000000042").expect("a code");
        let shown = alloc::format!("{code:?}{:?}", code.trace(&[7; 32]));
        assert!(!shown.contains("1300000000"), "{shown}");
        assert_eq!(code.trace(&[7; 32]).last_two, "42");
        assert_ne!(code.trace(&[7; 32]).hash, code.trace(&[8; 32]).hash);
    }
}
