//! How far a client has come.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidValue;

/// How far a client has come with the agency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(try_from = "String", into = "&'static str")]
#[sqlx(type_name = "text")]
pub enum AccountType {
    /// Not yet a client.
    #[default]
    Prospect,
    /// Buys.
    Customer,
    /// Works with the agency.
    Partner,
    /// Bought once.
    Former,
}

impl AccountType {
    /// All of them, as the API and the database write them.
    pub const NAMES: &'static [&'static str] = &["Prospect", "Customer", "Partner", "Former"];

    /// The name, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prospect => "Prospect",
            Self::Customer => "Customer",
            Self::Partner => "Partner",
            Self::Former => "Former",
        }
    }
}

impl FromStr for AccountType {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        match raw {
            "Prospect" => Ok(Self::Prospect),
            "Customer" => Ok(Self::Customer),
            "Partner" => Ok(Self::Partner),
            "Former" => Ok(Self::Former),
            _ => Err(InvalidValue::AccountTypeUnknown),
        }
    }
}

impl TryFrom<String> for AccountType {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<AccountType> for &'static str {
    fn from(account_type: AccountType) -> Self {
        account_type.as_str()
    }
}

impl fmt::Display for AccountType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
