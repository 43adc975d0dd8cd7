//! Email addresses.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The longest address in bytes: a path of RFC 5321 § 4.5.3.1.3 without its
/// angle brackets.
const LONGEST: usize = 254;

/// An email address to which mail can be sent over the internet.
///
/// Taken are addresses with a domain of at least two labels, also with
/// characters beyond ASCII. Refused, though RFC 5322 allows them: names
/// (`Ada <ada@…>`), addresses by number (`ada@[192.0.2.1]`) and quoted local
/// parts (`"a b"@…`), which nobody is given and many programs mishandle.
///
/// The domain is kept in lower case. The local part is kept as it was typed,
/// since only its own server knows whether case matters there; two addresses
/// that differ only in case are still the same account to us, by the column's
/// type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Email(String);

impl Email {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.as_str(), |(local, _)| local)
    }
}

impl FromStr for Email {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let raw = raw.trim();
        // First, so that a megabyte is not parsed only to be refused.
        if raw.len() > LONGEST {
            return Err(InvalidValue::EmailTooLong);
        }
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        let parsed = EmailAddress::parse_with_options(raw, options).map_err(|_| InvalidValue::EmailMalformed)?;
        let (local, domain) = (parsed.local_part(), parsed.domain());
        let is_odd = |character: char| character.is_control() || character.is_whitespace();
        if local.starts_with('"') || raw.contains(is_odd) {
            return Err(InvalidValue::EmailMalformed);
        }
        let email = format!("{local}@{}", domain.to_lowercase());
        // Again, as some letters are longer in lower case.
        if email.len() > LONGEST { Err(InvalidValue::EmailTooLong) } else { Ok(Self(email)) }
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// Shows the domain only: an address is personal data.
impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = self.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        write!(formatter, "Email(…@{domain})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_local_part_and_lowers_the_domain() {
        let email: Email = " Ada.Lovelace+callboard@Example.COM ".parse().unwrap();
        assert_eq!(email.as_str(), "Ada.Lovelace+callboard@example.com");
        assert_eq!(email.local_part(), "Ada.Lovelace+callboard");
        assert_eq!("홍길동@예시.한국".parse::<Email>().unwrap().as_str(), "홍길동@예시.한국");
    }

    #[test]
    fn refuses_what_no_mail_can_reach() {
        let wrong = [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "\"a b\"@example.com",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "a@b@example.com",
            "ada@example..com",
            "ada@-example.com",
            "ada\0@example.com",
            "ada@exam\0ple.com",
            "ada\r\nBcc: eve@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com,eve@example.com",
            "a da@example.com",
            ".ada@example.com",
            "ada.@example.com",
        ];
        for raw in wrong {
            assert_eq!(raw.parse::<Email>(), Err(InvalidValue::EmailMalformed), "{raw:?}");
        }
        let long_local = format!("{}@example.com", "a".repeat(65));
        assert_eq!(long_local.parse::<Email>(), Err(InvalidValue::EmailMalformed));
    }

    #[test]
    fn refuses_more_than_254_bytes() {
        let of_length = |length: usize| {
            let domain = ["d".repeat(63), "d".repeat(63), "d".repeat(60), "com".to_owned()].join(".");
            format!("{}@{domain}", "a".repeat(length - domain.len() - 1)).parse::<Email>()
        };
        assert!(of_length(254).is_ok());
        assert_eq!(of_length(255), Err(InvalidValue::EmailTooLong));
        assert_eq!("a".repeat(10_000).parse::<Email>(), Err(InvalidValue::EmailTooLong));
    }

    #[test]
    fn refuses_what_outgrows_its_length_in_lower_case() {
        // Ⱥ has two bytes, ⱥ three.
        let domain = ["Ⱥ".repeat(31), "Ⱥ".repeat(31), "Ⱥ".repeat(31), "com".to_owned()].join(".");
        let raw = format!("{}@{domain}", "a".repeat(50));
        assert!(raw.len() <= LONGEST, "{}", raw.len());
        assert_eq!(raw.parse::<Email>(), Err(InvalidValue::EmailTooLong));
    }

    #[test]
    fn json_goes_through_the_parser() {
        assert!(serde_json::from_str::<Email>(r#""ada@example.com""#).is_ok());
        let error = serde_json::from_str::<Email>(r#""ada""#).unwrap_err();
        assert!(error.to_string().contains("not an email address"), "{error}");
    }

    #[test]
    fn does_not_show_in_debug() {
        let email: Email = "ada@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(…@example.com)");
    }
}
