//! Allinpay's signatures (acquirers.md 2.7), and the only file that touches the `rsa` crate.
//!
//! The text that is signed: every member received or sent except `sign`, empty ones dropped, sorted by name, joined as
//! `name=value` with `&`, raw UTF-8. MD5 mixes a member `key` into the sort; RSA signs the SHA-1 of the text.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::Md5;
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey,
    pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey},
    pkcs8::{DecodePrivateKey, DecodePublicKey},
};
use sha1::Sha1;
use sha2::Digest;
use zeroize::Zeroizing;

use crate::secret::SecretText;

/// What signs our requests and proves the acquirer's answers.
#[derive(Clone)]
pub enum Keys {
    /// One secret shared with the acquirer.
    Md5(SecretText),
    /// A pair of ours and the acquirer's public key.
    Rsa {
        /// Signs what we send.
        merchant: Box<RsaPrivateKey>,
        /// Proves what we receive.
        platform: Box<RsaPublicKey>,
    },
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing in it.
    Empty,
    /// Neither PEM nor base64.
    NotBase64,
    /// Not an RSA private key in PKCS#8 or PKCS#1 form, or smaller than 1024 bits.
    NotAPrivateKey,
    /// Not an RSA public key in SPKI or PKCS#1 form, or smaller than 1024 bits.
    NotAPublicKey,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the key is empty",
            Self::NotBase64 => "the key is neither PEM nor base64",
            Self::NotAPrivateKey => "not an RSA private key (PKCS#8 or PKCS#1) of 1024 bits or more",
            Self::NotAPublicKey => "not an RSA public key (SPKI or PKCS#1) of 1024 bits or more",
        })
    }
}

impl core::error::Error for KeyError {}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.signtype())
    }
}

impl Keys {
    /// The shared secret.
    ///
    /// # Errors
    /// [`KeyError::Empty`].
    pub fn md5(key: &str) -> Result<Self, KeyError> {
        match key.trim() {
            "" => Err(KeyError::Empty),
            key => Ok(Self::Md5(SecretText::new(key.into()))),
        }
    }

    /// Both keys as PEM or as the bare base64 the acquirer's site shows.
    ///
    /// # Errors
    /// Says which key is wrong and how.
    pub fn rsa(merchant_private: &str, platform_public: &str) -> Result<Self, KeyError> {
        let merchant = private_key(merchant_private)?;
        // A key whose parts contradict each other parses but cannot sign: find out now, not at the counter.
        let sample = Sha1::digest(b"sample");
        merchant.sign(Pkcs1v15Sign::new::<Sha1>(), &sample).map_err(|_| KeyError::NotAPrivateKey)?;
        let platform = public_key(platform_public)?;
        Ok(Self::Rsa { merchant: Box::new(merchant), platform: Box::new(platform) })
    }

    /// The value of `signtype`.
    #[must_use]
    pub const fn signtype(&self) -> &'static str {
        match self {
            Self::Md5(_) => "MD5",
            Self::Rsa { .. } => "RSA",
        }
    }

    /// The signature over the members; any `sign` among them is ignored.
    #[must_use]
    pub fn sign(&self, members: &[(&str, &str)]) -> String {
        match self {
            Self::Md5(key) => md5_hex(members, key),
            // Nobody but us chooses the text and nobody can time us, so the operation goes without blinding and needs
            // no randomness.
            Self::Rsa { merchant, .. } => merchant
                .sign(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(signed_text(members, None).as_bytes()))
                .map(|signature| STANDARD.encode(signature))
                .expect("a key that has signed once signs again"),
        }
    }

    /// Whether the `sign` among the members is right. Members nobody knows count like any other.
    #[must_use]
    pub fn verify(&self, members: &[(&str, &str)]) -> bool {
        let Some((_, sign)) = members.iter().find(|(name, _)| *name == "sign") else { return false };
        match self {
            Self::Md5(key) => md5_hex(members, key).eq_ignore_ascii_case(sign),
            Self::Rsa { platform, .. } => {
                let hash = Sha1::digest(signed_text(members, None).as_bytes());
                STANDARD
                    .decode(sign.trim())
                    .is_ok_and(|sign| platform.verify(Pkcs1v15Sign::new::<Sha1>(), &hash, &sign).is_ok())
            }
        }
    }
}

fn md5_hex(members: &[(&str, &str)], key: &SecretText) -> String {
    use fmt::Write;
    let digest = Md5::digest(signed_text(members, Some(key)).as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02X}").expect("a string takes any text");
        hex
    })
}

/// The text under the signature. It holds keys and payment codes, so it is wiped, and made in one piece so that no
/// smaller buffer is left behind.
fn signed_text(members: &[(&str, &str)], key: Option<&SecretText>) -> Zeroizing<String> {
    let mut sorted: Vec<(&str, &str)> =
        members.iter().copied().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
    sorted.extend(key.map(|key| ("key", key.expose())));
    sorted.sort_unstable();
    let room = sorted.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut text = Zeroizing::new(String::with_capacity(room));
    for (name, value) in sorted {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

fn private_key(text: &str) -> Result<RsaPrivateKey, KeyError> {
    let der = der(text)?;
    RsaPrivateKey::from_pkcs8_der(&der)
        .or_else(|_| RsaPrivateKey::from_pkcs1_der(&der))
        .map_err(|_| KeyError::NotAPrivateKey)
}

fn public_key(text: &str) -> Result<RsaPublicKey, KeyError> {
    let der = der(text)?;
    RsaPublicKey::from_public_key_der(&der)
        .or_else(|_| RsaPublicKey::from_pkcs1_der(&der))
        .map_err(|_| KeyError::NotAPublicKey)
}

/// The bytes of a PEM text or of bare base64, with or without line breaks.
fn der(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut bare = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("-----")) {
        bare.extend(line.split_whitespace());
    }
    if bare.is_empty() {
        return Err(KeyError::Empty);
    }
    STANDARD.decode(bare.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const V1_PLATFORM: &str = "\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCYBzBmLLKYIbz/sgm4yxuNwpGbkN2Ccg3JhCsb5oG5SE35okz8dm/WNosA\
        0/YJyxhMUw5tQS9gPFczKG42h34gpk2w3LbuvNDC5qQw5FV5iTqnZV4dLXC44TePogwNipEaoh8bA6Ymik+jDAbnnF0GybT5\
        VXNV41YaFJc1IDwq7wIDAQAB";
    const V1_SIGN: &str = "\
        ce6EAOj4rhoBMJM5MJCNG4qQ/CVMTWkoRuSGpSzRAnD3U3V5QyHkQUEej2eZXRaa+qSbw2/IJJSPV0sPuAia1+ccb7OnvxyZ\
        qkV9wQyimX6qAMz0K+UWFhQ5McCcQ/XsFhhezoVd5QgL7PtdvuK1AtjuzA3J9yzNmwuPssPnKnc=";

    const V1: [(&str, &str); 6] = [
        ("version", "11"),
        ("trxid", "112094120001088317"),
        ("signtype", "RSA"),
        ("randomstr", "82712208"),
        ("cusid", "990581007426001"),
        ("appid", "00000051"),
    ];

    /// Made for these tests; it guards nothing.
    const DEMO_PRIVATE: &str = "\
        MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOOmkrqvjjeFwfMG/agbphjgbjBlNzQk/n6YMXmHOfPyZOWI\
        /0T4DDt3VyW6zsnOA/2s53xFluQS9bQVBi+TBgtciZBwIRzAu3aZPKEyq9/isp3CTyvW6+DIwGyH+ng4bVSlQIPErJW5CmCN\
        cqUsPOnvyNPCj3iD9nk/9iL+fwWdAgMBAAECgYBBYIQA8wvPrC0f4yETlyUjPcjHQzoQUpN3vbNvqEMfaLxLIwXUQ7wXk9VG\
        M5jRYcXJo08zZDTKORuw5NzK6tkv/W3yITyLyyhIz4HiHJ5WfAB/dxfiaaKdN6BBDBAw8kchFBdn4dsUHcNJ+pYeAAtQ2m+l\
        hpakNI9teAlFzMssgQJBAPTvpQeHhCsvXVaYk65wiK4C3+s3QAebZGofw7DRak0ebos6nDl9kruVhWGbzBJ4BPAHBcgZrHM7\
        6+zJuWPJwb0CQQDt7wu5W8L/quu84naR+iVLy9YqdExA2TahOrRl0CcW+447GJt6jJQ7h5pcODqqFIjdF8FMWr7zUB4Kwshv\
        dGFhAkBtjbaxzHJYYoIMFoiPkHQB6PVAnuC7xkw+j2CW+MPkJIVrLtbre/gigPk8tFOtuxLyTSHP43PXwuh+a6fJM1e9AkEA\
        nt8vBOWwnuaR4d2VLoPIw4OnzVE6WVKwl5eLPTBv6Xiuz+buajXUBKvW9hzVjxuHB5oFB+bP+cdVR/onu8QKAQJAVIBa32gS\
        dyR4GQ0nlWgKEwdvkjQHAiMM5RV7UqfdIG9kd0y8lV5jCpqaIn2vviLtYOnOXbCjUzpps4wAtbrr+g==";
    const DEMO_PUBLIC: &str = "\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDjppK6r443hcHzBv2oG6YY4G4wZTc0JP5+mDF5hznz8mTliP9E+Aw7d1cl\
        us7JzgP9rOd8RZbkEvW0FQYvkwYLXImQcCEcwLt2mTyhMqvf4rKdwk8r1uvgyMBsh/p4OG1UpUCDxKyVuQpgjXKlLDzp78jT\
        wo94g/Z5P/Yi/n8FnQIDAQAB";

    fn demo_md5() -> Keys {
        Keys::md5("allinpay888").expect("a key")
    }

    #[test]
    fn v1_a_foreign_rsa_signature_is_accepted_and_any_change_is_not() {
        let keys = Keys::rsa(DEMO_PRIVATE, V1_PLATFORM).expect("keys");
        let mut members = V1.to_vec();
        members.push(("sign", V1_SIGN));
        members.push(("remark", ""));
        assert!(keys.verify(&members));
        members.push(("extra", "1"));
        assert!(!keys.verify(&members), "an unknown member takes part");
        assert!(!keys.verify(&V1), "no signature at all");
        assert!(!keys.verify(&[("sign", "not base64 ☃")]));
    }

    #[test]
    fn rsa_signatures_read_back_with_pem_and_bare_base64_keys() {
        let label = "PRIVATE KEY";
        let (begin, rest) = DEMO_PRIVATE.split_at(64);
        let pem = format!("-----BEGIN {label}-----\r\n{begin}\r\n{rest}\r\n-----END {label}-----\r\n");
        for private in [DEMO_PRIVATE, pem.as_str()] {
            let keys = Keys::rsa(private, DEMO_PUBLIC).expect("keys");
            let sign = keys.sign(&V1);
            let mut members = V1.to_vec();
            members.push(("sign", &sign));
            assert!(keys.verify(&members));
            members[0].1 = "12";
            assert!(!keys.verify(&members));
        }
    }

    #[test]
    fn v3_md5() {
        let mut members = V1;
        members[2].1 = "MD5";
        assert_eq!(demo_md5().sign(&members), "ab4d89aa16fc7d84a3cbcd19cec54073".to_ascii_uppercase());
    }

    #[test]
    fn v4_md5_of_a_charge_and_of_its_pending_answer() {
        let charge = [
            ("trxamt", "1"),
            ("version", "11"),
            ("terminfo", r#"{"devicetype":"11","termno":"00000001","deviceip":"127.0.0.1"}"#),
            ("signtype", "MD5"),
            ("reqsn", "ST01-0001-00000001"),
            ("remark", ""),
            ("randomstr", "0123456789abcdef"),
            ("cusid", "990581007426001"),
            ("body", "测试 商品"),
            ("authcode", "130000000000000001"),
            ("appid", "00000051"),
        ];
        assert_eq!(demo_md5().sign(&charge), "E6181AA20ACEE61E3A3790AD8AF1CE41");
        let answer = [
            ("appid", "00000051"),
            ("cusid", "990581007426001"),
            ("errmsg", "处理中"),
            ("randomstr", "82712208"),
            ("reqsn", "ST01-0001-00000001"),
            ("retcode", "SUCCESS"),
            ("trxamt", "1"),
            ("trxcode", "VSP501"),
            ("trxid", "112094120001088317"),
            ("trxstatus", "2000"),
            ("sign", "1f7c8f1853c5f0e181274d23a0bb3910"),
        ];
        assert!(demo_md5().verify(&answer), "hex is compared without case");
    }

    #[test]
    fn v5_md5_of_a_notification() {
        let notice = [
            ("acct", "000000"),
            ("appid", "00000051"),
            ("chnltrxid", "4200000000000000000000000001"),
            ("cusid", "990581007426001"),
            ("cusorderid", "ST01-0001-00000001"),
            ("fee", "0"),
            ("initamt", "1"),
            ("paytime", "20260105101112"),
            ("sign", "CB528438BB669B628FE0BD587B67C760"),
            ("signtype", "MD5"),
            ("trxamt", "1"),
            ("trxcode", "VSP501"),
            ("trxdate", "20260105"),
            ("trxid", "112094120001088317"),
            ("trxstatus", "0000"),
        ];
        assert!(demo_md5().verify(&notice));
    }

    #[test]
    fn names_are_sorted_not_pairs() {
        // As pairs `a-b=1` sorts before `a=2`; as names `a` is a prefix of `a-b` and comes first.
        let text = signed_text(&[("a-b", "1"), ("a", "2")], None);
        assert_eq!(text.as_str(), "a=2&a-b=1");
    }

    #[test]
    fn a_text_that_is_no_key_is_named() {
        let error = |private: &str, public: &str| Keys::rsa(private, public).expect_err("no key");
        assert_eq!(error(" \n", V1_PLATFORM), KeyError::Empty);
        assert_eq!(error("???", V1_PLATFORM), KeyError::NotBase64);
        assert_eq!(error(V1_PLATFORM, V1_PLATFORM), KeyError::NotAPrivateKey);
        assert_eq!(error(DEMO_PRIVATE, DEMO_PRIVATE), KeyError::NotAPublicKey);
        assert_eq!(Keys::md5("").expect_err("no key"), KeyError::Empty);
        let shown = format!("{:?}", demo_md5());
        assert!(!shown.contains("888"), "{shown}");
    }
}
