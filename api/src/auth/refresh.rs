//! Refresh tokens: opaque, used once, each with a successor.
//!
//! A token is HMAC-SHA256(key, family ‖ generation), where the family is the id
//! of its session. The row keeps a SHA-256 of it. So the successor that one
//! client got can be made again for the other that brought the same token a
//! moment later, without being stored. The key is derived from `JWT_SECRET`,
//! which the worker need not know; a token that is stored already outlives a
//! change of that secret.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_shared::{config::AuthConfig, db::refresh_tokens::Place, mac::mac};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Says what a MAC is for, so that no other use of the same secret can ever
/// make or accept one of these.
const PURPOSE: &[u8] = b"callboard/refresh-token/v1";

/// The key that makes refresh tokens.
#[derive(Clone)]
pub struct RefreshKey([u8; 32]);

impl RefreshKey {
    /// The key that belongs to the settings.
    #[must_use]
    pub fn new(settings: &AuthConfig) -> Self {
        Self(mac(settings.jwt_secret.expose(), &[PURPOSE]))
    }

    /// The token of a place.
    #[must_use]
    pub fn token(&self, place: Place) -> RefreshToken {
        RefreshToken(mac(&self.0, &[PURPOSE, place.session_id.as_bytes(), &place.generation.to_be_bytes()]))
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey([REDACTED])")
    }
}

/// 32 bytes, written as 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; 32]);

impl RefreshToken {
    /// The text for the client.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        BASE64_URL_SAFE_NO_PAD.encode(self.0).into()
    }

    /// The SHA-256 that is stored. A plain hash is enough, as the token is no
    /// word that could be guessed.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

/// The text is no refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no refresh token")]
pub struct NotARefreshToken;

impl FromStr for RefreshToken {
    type Err = NotARefreshToken;

    fn from_str(raw: &str) -> Result<Self, NotARefreshToken> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(raw).map_err(|_| NotARefreshToken)?;
        bytes.try_into().map(Self).map_err(|_| NotARefreshToken)
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_belongs_to_one_place_and_key() {
        let key = |secret: &[u8]| RefreshKey(mac(secret, &[PURPOSE]));
        let at = |session: u128, generation| Place { session_id: Uuid::from_u128(session), generation };
        let token = key(b"one").token(at(1, 0));
        assert_eq!(token, key(b"one").token(at(1, 0)));
        for other in [key(b"one").token(at(1, 1)), key(b"one").token(at(2, 0)), key(b"two").token(at(1, 0))] {
            assert_ne!(token, other);
        }
        assert_eq!(token.expose().expose_secret().parse(), Ok(token.clone()));
        assert_eq!(format!("{:?} {token:?}", key(b"one")), "RefreshKey([REDACTED]) RefreshToken([REDACTED])");
        // Clients keep theirs over an upgrade.
        let stable = token.expose().expose_secret().to_owned();
        assert_eq!(stable.len(), 43);
    }

    #[test]
    fn other_text_is_refused() {
        for raw in ["", "abc", "!", &"A".repeat(42), &"A".repeat(44), &"é".repeat(43), &"A".repeat(100_000)] {
            assert_eq!(raw.parse::<RefreshToken>(), Err(NotARefreshToken));
        }
    }
}
