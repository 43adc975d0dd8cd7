//! Usernames.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Email, InvalidValue};

const SHORTEST: usize = 3;
const LONGEST: usize = 50;

/// A name to log in with: 3 to 50 of `a-z`, `0-9`, `.`, `_` and `-`. Capital
/// letters are taken and kept as small ones, so case never tells two users apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Username(String);

impl Username {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name made from an address, for a user who gave none: its local part
    /// without what a username can't have, and `number` behind it.
    #[must_use]
    pub fn from_email(email: &Email, number: Option<u32>) -> Self {
        let (local, _tag) = email.local_part().split_once('+').unwrap_or((email.local_part(), ""));
        let suffix = number.map(|number| number.to_string()).unwrap_or_default();
        let mut name: String = local
            .chars()
            .map(|character| character.to_ascii_lowercase())
            .filter(|character| is_allowed(*character))
            .take(LONGEST - suffix.len())
            .collect();
        if name.len() < SHORTEST {
            // Such as `li@…` or `길동@…`.
            name = format!("user{name}");
        }
        Self(name + &suffix)
    }
}

impl FromStr for Username {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        if !(SHORTEST..=LONGEST).contains(&raw.chars().take(LONGEST + 1).count()) {
            return Err(InvalidValue::UsernameLength);
        }
        let name = raw.to_ascii_lowercase();
        if name.chars().all(is_allowed) { Ok(Self(name)) } else { Err(InvalidValue::UsernameCharacters) }
    }
}

const fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-')
}

impl TryFrom<String> for Username {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Username> for String {
    fn from(username: Username) -> Self {
        username.0
    }
}

/// Shows nothing: it is often made from an address.
impl fmt::Debug for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Username(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_in_small_letters() {
        assert_eq!("Ada_L.-1815".parse::<Username>().unwrap().as_str(), "ada_l.-1815");
    }

    #[test]
    fn refuses_other_lengths_and_characters() {
        for raw in ["", "ab", &"a".repeat(51), &"é".repeat(10_000)] {
            assert_eq!(raw.parse::<Username>(), Err(InvalidValue::UsernameLength));
        }
        for raw in ["ada@home", "a b", "ada\0", "홍길동", "ａｄａ", "İstanbul"] {
            assert_eq!(raw.parse::<Username>(), Err(InvalidValue::UsernameCharacters), "{raw:?}");
        }
    }

    #[test]
    fn is_made_from_any_address() {
        let cases = [
            ("Ada.Lovelace+news@example.com", None, "ada.lovelace"),
            ("ada@example.com", Some(417), "ada417"),
            ("li@example.com", None, "userli"),
            ("길동@example.com", Some(7), "user7"),
            ("o'hara@example.com", None, "ohara"),
        ];
        for (email, number, expected) in cases {
            let made = Username::from_email(&email.parse().unwrap(), number);
            assert_eq!(made.as_str(), expected);
            assert_eq!(made.as_str().parse(), Ok(made.clone()), "{made:?} is a username");
        }
        let long = format!("{}@example.com", "a".repeat(64)).parse().unwrap();
        assert_eq!(Username::from_email(&long, Some(u32::MAX)).as_str().len(), 50);
    }
}
