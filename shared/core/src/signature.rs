//! Signatures: ed25519, verified by RFC 8032's strict rules. Whatever core signs or verifies goes through here.
//!
//! With the feature `stand-in-signatures` a key made by `stand_in_key` signs with a hash instead, for the simulated world, which
//! would spend a quarter of its time on curves. Anyone can make such a signature, so a program that counts on signatures must not
//! be built with it: node and hub ask [`STAND_IN`] and do not compile. The key says how it signs and the signature how it was
//! made; nothing ambient does.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

/// Whether this build takes stand-ins for signatures.
pub const STAND_IN: bool = cfg!(feature = "stand-in-signatures");

/// Signs `message`.
#[must_use]
pub(crate) fn sign(identity: &SigningKey, message: &[u8]) -> [u8; 64] {
    #[cfg(feature = "stand-in-signatures")]
    if stand_in::signs(identity) {
        return stand_in::sign(&identity.verifying_key(), message);
    }
    identity.sign(message).to_bytes()
}

/// Whether `key` signed exactly `message`.
#[must_use]
pub(crate) fn verify(key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> bool {
    #[cfg(feature = "stand-in-signatures")]
    if stand_in::is_one(signature) {
        return *signature == stand_in::sign(key, message);
    }
    key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
}

#[cfg(feature = "stand-in-signatures")]
pub use stand_in::stand_in_key;

#[cfg(feature = "stand-in-signatures")]
mod stand_in {
    use ed25519_dalek::{SigningKey, VerifyingKey};
    use sha2::{Digest, Sha256};

    /// The first half of such a key's secret.
    const KEY: [u8; 16] = *b"guitai/stand-in/";

    /// The first half of such a signature; the second is a hash of key and message.
    const MARK: [u8; 32] = *b"guitai/no-signature/stand-in/1//";

    /// A key whose signatures are stand-ins. Its public key is a real one.
    #[must_use]
    pub fn stand_in_key(of: [u8; 16]) -> SigningKey {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(&KEY);
        secret[16..].copy_from_slice(&of);
        SigningKey::from_bytes(&secret)
    }

    pub(super) fn signs(identity: &SigningKey) -> bool {
        identity.as_bytes().starts_with(&KEY)
    }

    pub(super) fn is_one(signature: &[u8; 64]) -> bool {
        signature.starts_with(&MARK)
    }

    pub(super) fn sign(key: &VerifyingKey, message: &[u8]) -> [u8; 64] {
        let hash = Sha256::new().chain_update(MARK).chain_update(key.as_bytes()).chain_update(message).finalize();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&MARK);
        signature[32..].copy_from_slice(&hash);
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_for_its_own_key_and_message_only(key: &SigningKey, other: &SigningKey) {
        let signature = sign(key, b"message");
        assert!(verify(&key.verifying_key(), b"message", &signature));
        assert!(!verify(&key.verifying_key(), b"messagE", &signature));
        assert!(!verify(&other.verifying_key(), b"message", &signature));
        for at in 0..signature.len() {
            let mut bent = signature;
            bent[at] ^= 1;
            assert!(!verify(&key.verifying_key(), b"message", &bent), "byte {at}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_own_key_and_message_only() {
        holds_for_its_own_key_and_message_only(&SigningKey::from_bytes(&[1; 32]), &SigningKey::from_bytes(&[2; 32]));
    }

    #[test]
    fn a_key_of_whatever_bytes_signs_as_ed25519_does_where_stand_ins_are_not_taken() {
        let mut secret = [7; 32];
        secret[..16].copy_from_slice(b"guitai/stand-in/");
        let key = SigningKey::from_bytes(&secret);
        let real = key.sign(b"message").to_bytes();
        assert_eq!(sign(&key, b"message") == real, !STAND_IN);
        assert!(verify(&key.verifying_key(), b"message", &real));
    }

    #[cfg(feature = "stand-in-signatures")]
    #[test]
    fn a_stand_in_holds_for_its_own_key_and_message_only() {
        let (key, other) = (stand_in_key([1; 16]), stand_in_key([2; 16]));
        holds_for_its_own_key_and_message_only(&key, &other);
        assert_ne!(sign(&key, b"message"), key.sign(b"message").to_bytes());
    }
}
