//! The keys of services.
//!
//! A key is 32 random bytes and the first 4 of their SHA-256, as base64url
//! behind `cb_`. The prefix tells people and scanners of leaked secrets what it
//! is; the check bytes let a mistyped key be refused without asking anybody.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::InvalidValue;

/// What every key begins with.
const MARK: &str = "cb_";

/// Characters of a key that are shown to tell keys apart: the mark and 48 of
/// the 256 random bits.
const SHOWN: usize = MARK.len() + 8;

const RANDOM: usize = 32;
const CHECK: usize = 4;

/// The key of a service, in the clear: only who made it ever sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey([u8; RANDOM]);

impl ApiKey {
    /// A new key.
    #[must_use]
    pub fn generate() -> Self {
        Self(rand::random())
    }

    /// Whether a text wants to be a key, good or not: what follows `Bearer` is
    /// an access token otherwise.
    #[must_use]
    pub fn is_marked(raw: &str) -> bool {
        raw.starts_with(MARK)
    }

    /// The text that is shown once.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut bytes = self.0.to_vec();
        bytes.extend_from_slice(&self.check());
        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The first characters, to tell keys apart.
    #[must_use]
    pub fn prefix(&self) -> String {
        let mut text = self.expose();
        text.truncate(SHOWN);
        text
    }

    /// The SHA-256 that is stored. A plain hash is enough, as a key is no word
    /// that could be guessed; and looking a row up by it takes no time that
    /// would tell how much of a key was right.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"callboard/api-key/v1\0").chain_update(self.0).finalize().into()
    }

    fn check(&self) -> [u8; CHECK] {
        let digest = Sha256::digest(self.0);
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

impl FromStr for ApiKey {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let text = raw.strip_prefix(MARK).ok_or(InvalidValue::TokenMalformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidValue::TokenMalformed)?;
        let (random, check) = bytes.split_at_checked(RANDOM).ok_or(InvalidValue::TokenMalformed)?;
        let key = Self(random.try_into().map_err(|_| InvalidValue::TokenMalformed)?);
        if check == key.check() { Ok(key) } else { Err(InvalidValue::TokenMalformed) }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_again() {
        let key = ApiKey::generate();
        let text = key.expose();
        assert_eq!(text.len(), 51);
        assert!(ApiKey::is_marked(&text));
        assert_eq!(text.parse(), Ok(key.clone()));
        assert!(text.starts_with(&key.prefix()) && key.prefix().len() == 11);
        assert_ne!(key, ApiKey::generate());
    }

    /// Rows of keys that are in use must survive an upgrade.
    #[test]
    fn text_and_hash_are_stable() {
        let key = ApiKey([7; RANDOM]);
        assert_eq!(key.expose(), "cb_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwdLsG-O");
        assert_eq!(URL_SAFE_NO_PAD.encode(key.hash()), "2SFgPxRT12X02nlNbxYWuuxMx_L4I155wDAb4SW9u8A");
    }

    #[test]
    fn other_text_is_refused() {
        let good = ApiKey::generate().expose();
        let mistyped = format!("{}{}", &good[..20], good[20..].chars().rev().collect::<String>());
        let unmarked = good[3..].to_owned();
        for raw in ["", "cb_", "cb_x", "cb_é", mistyped.as_str(), &unmarked, &format!("{good}AAAA"), &good[..50]] {
            assert_eq!(raw.parse::<ApiKey>(), Err(InvalidValue::TokenMalformed), "{raw}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        let key = ApiKey::generate();
        assert!(!format!("{key:?}").contains(&key.expose()[3..]));
        assert_ne!(URL_SAFE_NO_PAD.encode(key.hash()), key.expose()[3..46]);
    }
}
