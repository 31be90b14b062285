//! Random bytes from the operating system, and how tokens are written.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The operating system gave no random bytes; nothing that needs a secret may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gives no random bytes")
    }
}

impl std::error::Error for NoRandomness {}

/// `N` random bytes.
///
/// # Errors
/// When the operating system has none.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A 256-bit token as 43 characters of base64url.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn token() -> Result<String, NoRandomness> {
    bytes::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}
