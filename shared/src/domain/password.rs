//! Passwords as people type them.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::InvalidValue;

const SHORTEST: usize = 8;
const LONGEST: usize = 128;

/// A password in the clear: 8 to 128 characters, counted as Unicode scalar
/// values, of any kind but NUL. How hard it is to guess is judged elsewhere.
///
/// It is wiped from memory when dropped, is never printed, and can't be
/// serialized.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(SecretString);

impl Password {
    /// The password itself, for the code that hashes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for Password {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        // In its box first, so that it is wiped when it is refused too.
        let secret = SecretString::from(raw);
        match secret.expose_secret().chars().take(LONGEST + 1).count() {
            ..SHORTEST => Err(InvalidValue::PasswordTooShort),
            SHORTEST..=LONGEST if secret.expose_secret().contains('\0') => Err(InvalidValue::PasswordCharacters),
            SHORTEST..=LONGEST => Ok(Self(secret)),
            _ => Err(InvalidValue::PasswordTooLong),
        }
    }
}

impl FromStr for Password {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        raw.to_owned().try_into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_length_is_counted_in_characters() {
        for (raw, expected) in [
            ("1234567".to_owned(), Some(InvalidValue::PasswordTooShort)),
            ("비밀번호여덟글자".to_owned(), None),
            ("비밀".to_owned(), Some(InvalidValue::PasswordTooShort)),
            ("é".repeat(128), None),
            ("a".repeat(129), Some(InvalidValue::PasswordTooLong)),
            ("a".repeat(1_000_000), Some(InvalidValue::PasswordTooLong)),
            ("pass\0word".to_owned(), Some(InvalidValue::PasswordCharacters)),
            (" leading and trailing ".to_owned(), None),
        ] {
            assert_eq!(Password::try_from(raw).err(), expected);
        }
    }

    #[test]
    fn is_kept_as_typed_and_never_printed() {
        let password: Password = " correct horse ".parse().unwrap();
        assert_eq!(password.expose(), " correct horse ");
        assert!(!format!("{password:?}").contains("horse"));
    }
}
