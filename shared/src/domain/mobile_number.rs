//! Korean mobile numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// A Korean mobile number, `01X-XXXX-XXXX`: taken with or without its hyphens,
/// kept with them. The old prefixes (011, 016 to 019) also have numbers whose
/// middle part is three digits long.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct MobileNumber(String);

impl MobileNumber {
    /// The number with its hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MobileNumber {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let raw = raw.trim();
        let digits: String = raw.chars().filter(|character| *character != '-').take(12).collect();
        let is_mobile = digits.bytes().all(|byte| byte.is_ascii_digit())
            && match digits.get(..3) {
                Some("010") => digits.len() == 11,
                Some("011" | "016" | "017" | "018" | "019") => matches!(digits.len(), 10 | 11),
                _ => false,
            };
        if !is_mobile {
            return Err(InvalidValue::MobileNumberMalformed);
        }
        let middle = digits.len() - 4;
        let written = format!("{}-{}-{}", &digits[..3], &digits[3..middle], &digits[middle..]);
        // Hyphens stand where they belong, or nowhere.
        if raw == written || raw == digits { Ok(Self(written)) } else { Err(InvalidValue::MobileNumberMalformed) }
    }
}

impl TryFrom<String> for MobileNumber {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<MobileNumber> for String {
    fn from(number: MobileNumber) -> Self {
        number.0
    }
}

/// Shows nothing: a number is personal data.
impl fmt::Debug for MobileNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MobileNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_are_optional_and_kept() {
        for (raw, kept) in [
            ("010-1234-5678", "010-1234-5678"),
            ("01012345678", "010-1234-5678"),
            (" 01912345678 ", "019-1234-5678"),
            ("0111234567", "011-123-4567"),
            ("011-123-4567", "011-123-4567"),
        ] {
            assert_eq!(raw.parse::<MobileNumber>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn other_numbers_are_refused() {
        for raw in [
            "",
            "010",
            "0101234567",
            "010-123-4567",
            "010-12345-678",
            "0-1012345678",
            "02-1234-5678",
            "01512345678",
            "+821012345678",
            "010 1234 5678",
            "٠١٠١٢٣٤٥٦٧٨",
            "010-1234-5678-",
            "--01012345678",
            "010123456789",
        ] {
            assert_eq!(raw.parse::<MobileNumber>(), Err(InvalidValue::MobileNumberMalformed), "{raw}");
        }
    }
}
