//! Who else can say who somebody is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// A provider of identities: people log in with their account there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Provider {
    /// GitHub, by `OAuth2`; it has no `OpenID` Connect for people.
    GitHub,
    /// Google, by `OpenID` Connect.
    Google,
    /// Kakao, by `OpenID` Connect.
    Kakao,
}

impl Provider {
    /// Every provider there can be.
    pub const ALL: &'static [Self] = &[Self::GitHub, Self::Google, Self::Kakao];

    /// The name, as URLs and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Google => "google",
            Self::Kakao => "kakao",
        }
    }

    /// The name as it writes itself.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::Google => "Google",
            Self::Kakao => "Kakao",
        }
    }
}

impl FromStr for Provider {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let found = Self::ALL.iter().copied().find(|provider| provider.as_str() == raw);
        found.ok_or(InvalidValue::ProviderUnknown)
    }
}

impl TryFrom<String> for Provider {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Provider> for &'static str {
    fn from(provider: Provider) -> Self {
        provider.as_str()
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
