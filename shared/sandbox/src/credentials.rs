//! The keys of both sides: what a merchant would be given, and the acquirer's counterparts.

use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
    rand_core::CryptoRng,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A merchant's key, as acquirers ask for today.
const MERCHANT_KEY_BITS: usize = 2048;

/// Allinpay's own key has 1024 bits, so clients must take one.
const PLATFORM_KEY_BITS: usize = 1024;

/// Keys and numbers of one merchant at Allinpay, both sides of them; keys are PEM.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The group's number.
    pub orgid: String,
    /// The merchant's number.
    pub cusid: String,
    /// The application's number.
    pub appid: String,
    /// The shared secret.
    pub md5_key: String,
    /// Signs requests.
    pub merchant_private_key: String,
    /// Proves requests.
    pub merchant_public_key: String,
    /// Signs answers.
    pub platform_private_key: String,
    /// Proves answers.
    pub platform_public_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, {})", self.cusid, self.appid)
    }
}

/// Why no keys were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGenerationError;

impl std::fmt::Display for KeyGenerationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no RSA key could be made")
    }
}

impl std::error::Error for KeyGenerationError {}

impl Credentials {
    /// New keys.
    ///
    /// # Errors
    /// The key generator gave up.
    pub fn generate<R: CryptoRng>(random: &mut R) -> Result<Self, KeyGenerationError> {
        let mut secret = [0_u8; 16];
        random.fill_bytes(&mut secret);
        let (merchant_private_key, merchant_public_key) = key_pair(random, MERCHANT_KEY_BITS)?;
        let (platform_private_key, platform_public_key) = key_pair(random, PLATFORM_KEY_BITS)?;
        Ok(Self {
            orgid: "550000000000001".into(),
            cusid: "990000000000001".into(),
            appid: "00000051".into(),
            md5_key: secret.iter().map(|byte| format!("{byte:02x}")).collect(),
            merchant_private_key,
            merchant_public_key,
            platform_private_key,
            platform_public_key,
        })
    }

    /// What a merchant gets: the `credentials.json` of a sandbox whose Allinpay is reachable at this base, such as
    /// `http://127.0.0.1:30000/allinpay/apiweb`.
    #[must_use]
    pub fn for_merchant(&self, base: &str) -> Value {
        json!({"allinpay": {
            "base": base,
            "orgid": self.orgid,
            "cusid": self.cusid,
            "appid": self.appid,
            "md5_key": self.md5_key,
            "merchant_private_key": self.merchant_private_key,
            "platform_public_key": self.platform_public_key,
        }})
    }
}

impl Credentials {
    /// The section of a node's configuration for a sandbox whose Allinpay is reachable at this base and whose keys lie in these files,
    /// the merchant's first.
    #[must_use]
    pub fn section(&self, base: &str, (merchant, platform): (&str, &str)) -> String {
        format!(
            "[acquirer]\nkind = \"allinpay\"\nbase = \"{base}\"\norgid = \"{}\"\ncusid = \"{}\"\nappid = \"{}\"\nsign = \"rsa\"\n\
             merchant_private_key_file = \"{merchant}\"\nplatform_public_key_file = \"{platform}\"\n",
            self.orgid, self.cusid, self.appid
        )
    }
}

fn key_pair<R: CryptoRng>(random: &mut R, bits: usize) -> Result<(String, String), KeyGenerationError> {
    let key = RsaPrivateKey::new(random, bits).map_err(|_| KeyGenerationError)?;
    let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyGenerationError)?;
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|_| KeyGenerationError)?;
    Ok((private.as_str().to_owned(), public))
}
