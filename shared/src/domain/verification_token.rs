//! The tokens in verification links.
//!
//! A token is HMAC-SHA256(key, purpose ‖ id), where `id` is the primary key of
//! its row. So nothing that could log somebody in has to be stored or queued:
//! the row keeps a SHA-256 of the token, the mail job carries the id, and the
//! worker, which has the key, makes the token again when it writes the mail.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::InvalidValue;

/// Says what a MAC is for, so that no other use of the same secret can ever
/// make or accept one of these.
const PURPOSE: &[u8] = b"callboard/verify-email/v1";

/// The key that makes tokens.
#[derive(Clone)]
pub struct VerificationKey([u8; 32]);

impl VerificationKey {
    /// The key that belongs to a secret. The secret itself, which may sign
    /// other things too, is never used to make a token.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        Self(mac(secret, &[PURPOSE]))
    }

    /// The token of the row `id`.
    #[must_use]
    pub fn token(&self, id: Uuid) -> VerificationToken {
        VerificationToken(mac(&self.0, &[PURPOSE, id.as_bytes()]))
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerificationKey([REDACTED])")
    }
}

/// The secret in a verification link: 32 bytes, written as 43 characters of
/// base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct VerificationToken([u8; 32]);

impl VerificationToken {
    /// The text for the link.
    #[must_use]
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The SHA-256 that is stored. A plain hash is enough, as the token is no
    /// word that could be guessed; and looking a row up by it takes no time
    /// that would tell how much of a token was right.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl FromStr for VerificationToken {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let bytes = URL_SAFE_NO_PAD.decode(raw).map_err(|_| InvalidValue::TokenMalformed)?;
        bytes.try_into().map(Self).map_err(|_| InvalidValue::TokenMalformed)
    }
}

impl fmt::Debug for VerificationToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerificationToken([REDACTED])")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length; the signature serves other MACs")]
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0190_5a3c_8f00_7000_8000_0000_0000_0001);

    #[test]
    fn the_same_id_and_key_make_the_same_token() {
        let token = VerificationKey::derive(b"a secret of the installation").token(ID);
        assert_eq!(token, VerificationKey::derive(b"a secret of the installation").token(ID));
        assert_eq!(token.expose().len(), 43);
        assert_eq!(token.expose().parse(), Ok(token));
    }

    /// Links in mails that are on their way must survive an upgrade.
    #[test]
    fn the_derivation_is_stable() {
        let token = VerificationKey::derive(b"a secret of the installation").token(ID);
        assert_eq!(token.expose(), "Jcxem1nqOw5tXzN0XorvgP_w5nzTf9e50TfyLUXRIx8");
    }

    #[test]
    fn another_id_or_key_makes_another_token() {
        let key = VerificationKey::derive(b"a secret of the installation");
        assert_ne!(key.token(ID), key.token(Uuid::from_u128(2)));
        assert_ne!(key.token(ID), VerificationKey::derive(b"another").token(ID));
    }

    #[test]
    fn what_is_stored_is_not_the_token() {
        let token = VerificationKey::derive(b"a secret of the installation").token(ID);
        assert_ne!(URL_SAFE_NO_PAD.encode(token.hash()), token.expose());
        assert!(!format!("{token:?}").contains(&token.expose()));
    }

    #[test]
    fn other_text_is_refused() {
        for raw in ["", "abc", "!", &"A".repeat(42), &"A".repeat(44), &"é".repeat(43), &"A".repeat(100_000)] {
            assert_eq!(raw.parse::<VerificationToken>(), Err(InvalidValue::TokenMalformed));
        }
    }
}
