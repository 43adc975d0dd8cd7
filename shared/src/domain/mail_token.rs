//! The tokens in the links of mails.
//!
//! A token is HMAC-SHA256(key, purpose ‖ id), where `id` is the primary key of
//! its row. So nothing that could log somebody in has to be stored or queued:
//! the row keeps a SHA-256 of the token, the mail job carries the id, and the
//! worker, which has the key, makes the token again when it writes the mail.
//!
//! Each purpose has a table and a key of its own, so a token is good for one
//! thing only.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::InvalidValue;
use crate::mac::mac;

/// What the token of a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Proves that an address is the user's; table `email_verification_tokens`.
    VerifyEmail,
    /// Sets a password without the old one; table `password_reset_tokens`.
    ResetPassword,
    /// Proves a new address and makes it the user's; table `email_change_tokens`.
    ChangeEmail,
}

impl TokenPurpose {
    /// Says what a MAC is for, so that no other use of the same secret can ever
    /// make or accept one of these.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::VerifyEmail => b"callboard/verify-email/v1",
            Self::ResetPassword => b"callboard/reset-password/v1",
            Self::ChangeEmail => b"callboard/change-email/v1",
        }
    }
}

/// The key that makes the tokens of one purpose.
#[derive(Clone)]
pub struct MailKey {
    bytes: [u8; 32],
    purpose: TokenPurpose,
}

impl MailKey {
    /// The key for a purpose that belongs to a secret. The secret itself, which
    /// may sign other things too, is never used to make a token.
    #[must_use]
    pub fn derive(secret: &[u8], purpose: TokenPurpose) -> Self {
        Self { bytes: mac(secret, &[purpose.label()]), purpose }
    }

    /// The token of the row `id`.
    #[must_use]
    pub fn token(&self, id: Uuid) -> MailToken {
        MailToken(mac(&self.bytes, &[self.purpose.label(), id.as_bytes()]))
    }
}

impl fmt::Debug for MailKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MailKey({:?}, [REDACTED])", self.purpose)
    }
}

/// The secret in the link of a mail: 32 bytes, written as 43 characters of
/// base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct MailToken([u8; 32]);

impl MailToken {
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

impl FromStr for MailToken {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let bytes = URL_SAFE_NO_PAD.decode(raw).map_err(|_| InvalidValue::TokenMalformed)?;
        bytes.try_into().map(Self).map_err(|_| InvalidValue::TokenMalformed)
    }
}

impl fmt::Debug for MailToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MailToken([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0190_5a3c_8f00_7000_8000_0000_0000_0001);

    const SECRET: &[u8] = b"a secret of the installation";
    const PURPOSES: [TokenPurpose; 3] =
        [TokenPurpose::VerifyEmail, TokenPurpose::ResetPassword, TokenPurpose::ChangeEmail];

    #[test]
    fn the_same_id_and_key_make_the_same_token() {
        for purpose in PURPOSES {
            let token = MailKey::derive(SECRET, purpose).token(ID);
            assert_eq!(token, MailKey::derive(SECRET, purpose).token(ID));
            assert_eq!(token.expose().len(), 43);
            assert_eq!(token.expose().parse(), Ok(token));
        }
    }

    /// Links in mails that are on their way must survive an upgrade.
    #[test]
    fn the_derivation_is_stable() {
        let tokens = PURPOSES.map(|purpose| MailKey::derive(SECRET, purpose).token(ID).expose());
        assert_eq!(
            tokens,
            [
                "Jcxem1nqOw5tXzN0XorvgP_w5nzTf9e50TfyLUXRIx8",
                "6sOTRFENMDmRjn_RXG2v4MuE7nfhkeMsBw9TJnF_TBA",
                "zicRTCD8LaJmwUn6YWUlSQ5i8qEzMewY1jA_DYBLWhQ",
            ]
        );
    }

    #[test]
    fn another_id_key_or_purpose_makes_another_token() {
        let key = MailKey::derive(SECRET, TokenPurpose::ResetPassword);
        assert_ne!(key.token(ID), key.token(Uuid::from_u128(2)));
        assert_ne!(key.token(ID), MailKey::derive(b"another", TokenPurpose::ResetPassword).token(ID));
        for other in [TokenPurpose::VerifyEmail, TokenPurpose::ChangeEmail] {
            assert_ne!(key.token(ID), MailKey::derive(SECRET, other).token(ID));
        }
    }

    #[test]
    fn what_is_stored_is_not_the_token() {
        let key = MailKey::derive(SECRET, TokenPurpose::ResetPassword);
        let token = key.token(ID);
        assert_ne!(URL_SAFE_NO_PAD.encode(token.hash()), token.expose());
        assert_eq!(format!("{key:?} {token:?}"), "MailKey(ResetPassword, [REDACTED]) MailToken([REDACTED])");
    }

    #[test]
    fn other_text_is_refused() {
        for raw in ["", "abc", "!", &"A".repeat(42), &"A".repeat(44), &"é".repeat(43), &"A".repeat(100_000)] {
            assert_eq!(raw.parse::<MailToken>(), Err(InvalidValue::TokenMalformed));
        }
    }
}
