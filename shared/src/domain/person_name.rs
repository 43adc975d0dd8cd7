//! Names of people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use super::text::{is_blank, is_forging};

const LONGEST: usize = 200;

/// The name of a person as they write it: 1 to 200 characters, without blanks
/// around it. Control characters, line breaks and those that turn the direction
/// of text are refused: they have no place in a name, and in logs, mail headers
/// and lists they forge what others read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct PersonName(String);

impl PersonName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let name = raw.trim();
        if is_blank(name) {
            return Err(InvalidValue::NameEmpty);
        }
        if name.chars().take(LONGEST + 1).count() > LONGEST {
            return Err(InvalidValue::NameTooLong);
        }
        if name.contains(is_forging) {
            return Err(InvalidValue::NameCharacters);
        }
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

/// Shows nothing: a name is personal data.
impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonName(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_and_most_signs_are_fine() {
        for raw in ["홍길동", "Ada King, Countess of Lovelace", "O'Hara", "👩‍💻", "x"] {
            assert_eq!(raw.parse::<PersonName>().unwrap().as_str(), raw);
        }
        assert_eq!("  Ada  ".parse::<PersonName>().unwrap().as_str(), "Ada");
    }

    #[test]
    fn what_forges_is_refused() {
        for raw in ["Ada\r\nBcc: eve@example.com", "Ada\0", "Ada\u{1b}[31m", "Ada\u{202e}moc", "Ada\u{2028}Eve", "A\tB"]
        {
            assert_eq!(raw.parse::<PersonName>(), Err(InvalidValue::NameCharacters), "{raw:?}");
        }
        for raw in [" \t ", "\u{200b}", "\u{3164}"] {
            assert_eq!(raw.parse::<PersonName>(), Err(InvalidValue::NameEmpty), "{raw:?}");
        }
        assert!("가".repeat(200).parse::<PersonName>().is_ok());
        assert_eq!("가".repeat(201).parse::<PersonName>(), Err(InvalidValue::NameTooLong));
    }
}
