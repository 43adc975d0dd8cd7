//! Free text: one line, or several.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// One line of 1 to `MAX` characters, such as a title, without blanks around
/// it. What forges is refused: control characters, line breaks, and those that
/// turn the direction of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line<const MAX: u16>(String);

/// Text of 1 to `MAX` characters with line breaks, such as a description. Other
/// control characters, but tabs, are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prose<const MAX: u16>(String);

/// Whether a character lets one text pass for another in logs, mails and lists:
/// a control character, a line separator, or one that turns the direction.
#[must_use]
pub(super) fn is_forging(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') || is_turning(character)
}

const fn is_turning(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether there is nothing to see: blanks, and what joins or fills without a
/// shape of its own.
pub(super) fn is_blank(text: &str) -> bool {
    let is_invisible = |character: char| {
        matches!(
            character,
            '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}'
                | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        )
    };
    text.chars().all(|character| character.is_whitespace() || is_invisible(character))
}

fn bounded(raw: &str, max: u16) -> Result<&str, InvalidValue> {
    let text = raw.trim();
    if is_blank(text) {
        return Err(InvalidValue::TextEmpty);
    }
    let longest = usize::from(max);
    if text.chars().take(longest + 1).count() > longest { Err(InvalidValue::TextTooLong(max)) } else { Ok(text) }
}

impl<const MAX: u16> FromStr for Line<MAX> {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let text = bounded(raw, MAX)?;
        if text.contains(is_forging) { Err(InvalidValue::TextCharacters) } else { Ok(Self(text.to_owned())) }
    }
}

impl<const MAX: u16> FromStr for Prose<MAX> {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let text = bounded(raw, MAX)?;
        let is_bad = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_turning(c);
        if text.contains(is_bad) { Err(InvalidValue::TextCharacters) } else { Ok(Self(text.to_owned())) }
    }
}

/// The conversions that both kinds share.
macro_rules! text_conversions {
    ($($name:ident),+) => {$(
        impl<const MAX: u16> $name<MAX> {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: u16> TryFrom<String> for $name<MAX> {
            type Error = InvalidValue;

            fn try_from(raw: String) -> Result<Self, InvalidValue> {
                raw.parse()
            }
        }

        impl<const MAX: u16> From<$name<MAX>> for String {
            fn from(text: $name<MAX>) -> Self {
                text.0
            }
        }

        impl<const MAX: u16> fmt::Display for $name<MAX> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+};
}

text_conversions!(Line, Prose);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_and_is_one() {
        assert_eq!("  Half day  ".parse::<Line<20>>().unwrap().as_str(), "Half day");
        assert!("가".repeat(20).parse::<Line<20>>().is_ok());
        assert_eq!("가".repeat(21).parse::<Line<20>>(), Err(InvalidValue::TextTooLong(20)));
        for raw in [" \n ", "\u{200b}", " \u{3164}\u{feff}"] {
            assert_eq!(raw.parse::<Line<20>>(), Err(InvalidValue::TextEmpty), "{raw:?}");
        }
        assert!("👩\u{200d}💻".parse::<Line<20>>().is_ok());
        for raw in ["a\nb", "a\0b", "a\u{202e}b", "a\u{2028}b", "a\tb"] {
            assert_eq!(raw.parse::<Line<20>>(), Err(InvalidValue::TextCharacters), "{raw:?}");
        }
    }

    #[test]
    fn prose_has_line_breaks_and_no_other_controls() {
        assert_eq!("a\r\nb\tc".parse::<Prose<20>>().unwrap().as_str(), "a\r\nb\tc");
        for raw in ["a\0b", "a\u{1b}[31m", "a\u{2066}b"] {
            assert_eq!(raw.parse::<Prose<20>>(), Err(InvalidValue::TextCharacters), "{raw:?}");
        }
    }
}
