//! `[acquirer]`, and the keys it names. They are read only where somebody talks to the acquirer: a store is entered at its hub before its
//! keys have come.

use std::path::{Path, PathBuf};

use guitai_console::text;
use guitai_core::{
    acquirer::{
        Acquirer, Kind,
        allinpay::{self, Allinpay, KeyError, Keys},
    },
    secret::SecretText,
};
use guitai_store::private;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::ConfigError;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcquirerSection {
    #[serde(deserialize_with = "kind")]
    pub(super) kind: Kind,
    pub(super) base: String,
    orgid: Option<String>,
    cusid: String,
    appid: String,
    sign: SignKind,
    md5_key_file: Option<PathBuf>,
    merchant_private_key_file: Option<PathBuf>,
    platform_public_key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SignKind {
    Md5,
    Rsa,
}

/// Whence keys come.
const ORIGIN: &str = "密钥由收单机构给出；试用沙盒：guitai-sandbox run --keys 目录 / the acquirer gives the keys; for the sandbox: \
                      guitai-sandbox run --keys DIR";

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<Kind, D::Error> {
    let name = String::deserialize(from)?;
    Kind::parse(&name).ok_or_else(|| {
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        D::Error::custom(format!("no acquirer \"{name}\" is known; there are: {}", known.join(", ")))
    })
}

impl AcquirerSection {
    /// The acquirer with its keys, whose files are relative to `folder`.
    pub(super) fn read(&self, folder: &Path) -> Result<Acquirer, ConfigError> {
        match self.kind {
            Kind::Allinpay => Ok(Acquirer::Allinpay(Allinpay::new(allinpay::Config {
                orgid: self.orgid.clone(),
                cusid: self.cusid.clone(),
                appid: self.appid.clone(),
                keys: self.keys(folder)?,
            }))),
        }
    }

    fn keys(&self, folder: &Path) -> Result<Keys, ConfigError> {
        let wrong = |key: &str, file: &Option<PathBuf>, error: KeyError| {
            let file = file.as_ref().map_or_else(String::new, |file| file.display().to_string());
            ConfigError(format!("[acquirer] {key}: {file}: {error}; {ORIGIN}"))
        };
        match self.sign {
            SignKind::Md5 => {
                let (key, file) = ("md5_key_file", &self.md5_key_file);
                Keys::md5(secret(folder, key, file)?.expose()).map_err(|error| wrong(key, file, error))
            }
            SignKind::Rsa => {
                let merchant = ("merchant_private_key_file", &self.merchant_private_key_file);
                let platform = ("platform_public_key_file", &self.platform_public_key_file);
                let own = secret(folder, merchant.0, merchant.1)?;
                let theirs = public(folder, platform.0, platform.1)?;
                Keys::rsa(own.expose(), theirs.trim()).map_err(|error| {
                    // A good own key fails otherwise in the other's place: as a private one.
                    let own_fails =
                        error != KeyError::NotAPublicKey && Keys::rsa(own.expose(), own.expose()).err() == Some(error);
                    let (key, file) = if own_fails { merchant } else { platform };
                    wrong(key, file, error)
                })
            }
        }
    }
}

fn named<'a>(key: &str, file: &'a Option<PathBuf>) -> Result<&'a PathBuf, ConfigError> {
    file.as_ref().ok_or_else(|| ConfigError(format!("[acquirer] {key} is missing; {ORIGIN}")))
}

fn secret(folder: &Path, key: &str, file: &Option<PathBuf>) -> Result<SecretText, ConfigError> {
    let file = named(key, file)?;
    let bytes = private::read(&folder.join(file)).map_err(|error| {
        let origin = if error.is_missing() { format!("; {ORIGIN}") } else { String::new() };
        ConfigError(format!("[acquirer] {key}: {error}{origin}"))
    })?;
    let text =
        text::decode(&bytes).map_err(|why| ConfigError(format!("[acquirer] {key}: {}: {why}", file.display())))?;
    Ok(SecretText::new(text.trim().to_owned()))
}

/// Everybody may know this one.
fn public(folder: &Path, key: &str, file: &Option<PathBuf>) -> Result<String, ConfigError> {
    let file = named(key, file)?;
    text::read(&folder.join(file)).map_err(|error| match error {
        text::ReadError::Io(path, error) => {
            ConfigError(format!("[acquirer] {key}: {}: {error}; {ORIGIN}", path.display()))
        }
        text::ReadError::NotText(..) => ConfigError(format!("[acquirer] {key}: {error}")),
    })
}
