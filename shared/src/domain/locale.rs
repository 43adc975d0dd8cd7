//! The languages that the product speaks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// A language that the product speaks to people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "&'static str")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Locale {
    /// English, for who asked for nothing else.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Locale {
    /// The BCP 47 tag, `en` or `ko`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

impl FromStr for Locale {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        match raw {
            "en" => Ok(Self::En),
            "ko" => Ok(Self::Ko),
            _ => Err(InvalidValue::LocaleUnknown),
        }
    }
}

impl TryFrom<String> for Locale {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Locale> for &'static str {
    fn from(locale: Locale) -> Self {
        locale.as_str()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
