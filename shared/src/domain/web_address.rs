//! Addresses of web pages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// In characters, as the database takes it.
const LONGEST: usize = 2048;

/// The absolute `http` or `https` URL of a web page, without a name or password
/// in it. It is kept as the URL standard writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct WebAddress(String);

impl WebAddress {
    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebAddress {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        if raw.len() > LONGEST {
            return Err(InvalidValue::WebAddressMalformed);
        }
        let url = url::Url::parse(raw.trim()).map_err(|_| InvalidValue::WebAddressMalformed)?;
        let is_fit = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.as_str().len() <= LONGEST;
        if is_fit { Ok(Self(url.into())) } else { Err(InvalidValue::WebAddressMalformed) }
    }
}

impl TryFrom<String> for WebAddress {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<WebAddress> for String {
    fn from(address: WebAddress) -> Self {
        address.0
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_scheme_and_a_host_and_no_password() {
        assert_eq!("https://Example.com/a".parse::<WebAddress>().unwrap().as_str(), "https://example.com/a");
        for raw in
            ["", "example.com", "javascript:alert(1)", "ftp://example.com", "https://u:p@example.com", "http://", "//x"]
        {
            assert_eq!(raw.parse::<WebAddress>(), Err(InvalidValue::WebAddressMalformed), "{raw}");
        }
        assert!(format!("https://example.com/{}", "a".repeat(3000)).parse::<WebAddress>().is_err());
    }
}
