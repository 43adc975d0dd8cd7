//! Why a value was refused.

use std::fmt;

use super::Locale;

/// Why a value was refused; the client can mend it by [`detail`](Self::detail).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidValue {
    /// Not of the form of an email address, or of a kind that nobody is given.
    EmailMalformed,
    /// More than 254 bytes, which no mail server takes.
    EmailTooLong,
    /// Fewer than 3 or more than 50 characters.
    UsernameLength,
    /// A character other than `a-z`, `0-9`, `.`, `_` and `-`.
    UsernameCharacters,
    /// Fewer than 8 characters.
    PasswordTooShort,
    /// More than 128 characters.
    PasswordTooLong,
    /// The character NUL, which login forms and databases cut at.
    PasswordCharacters,
    /// Nothing but blanks.
    NameEmpty,
    /// More than 200 characters.
    NameTooLong,
    /// A control character, a line break, or one that turns the direction of text.
    NameCharacters,
    /// A language that the product does not speak.
    LocaleUnknown,
    /// A role that does not exist.
    RoleUnknown,
    /// Not of the form of a token from a mail.
    TokenMalformed,
}

impl InvalidValue {
    /// The stable `snake_case` code of the reason, the same for every field
    /// that can be wrong in this way.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// The reason for people.
    #[must_use]
    pub const fn detail(self, locale: Locale) -> &'static str {
        let (_, english, korean) = self.row();
        match locale {
            Locale::En => english,
            Locale::Ko => korean,
        }
    }

    /// The catalogue: code, English, Korean.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::EmailMalformed => {
                ("invalid_email", "This is not an email address.", "올바른 이메일 주소가 아닙니다.")
            }
            Self::EmailTooLong => (
                "too_long",
                "An email address may have at most 254 bytes.",
                "이메일 주소는 최대 254바이트까지 입력할 수 있습니다.",
            ),
            Self::UsernameLength => (
                "invalid_length",
                "A username must have 3 to 50 characters.",
                "사용자 이름은 3자 이상 50자 이하여야 합니다.",
            ),
            Self::UsernameCharacters => (
                "invalid_characters",
                "A username may only have letters a to z, digits, and the characters . _ and -.",
                "사용자 이름에는 영문자, 숫자, 마침표(.), 밑줄(_), 하이픈(-)만 사용할 수 있습니다.",
            ),
            Self::PasswordTooShort => {
                ("too_short", "A password must have at least 8 characters.", "비밀번호는 8자 이상이어야 합니다.")
            }
            Self::PasswordTooLong => {
                ("too_long", "A password may have at most 128 characters.", "비밀번호는 128자 이하여야 합니다.")
            }
            Self::PasswordCharacters => (
                "invalid_characters",
                "A password must not contain the character NUL.",
                "비밀번호에 NUL 문자를 사용할 수 없습니다.",
            ),
            Self::NameEmpty => ("empty", "A name must not be empty.", "이름을 입력해 주세요."),
            Self::NameTooLong => {
                ("too_long", "A name may have at most 200 characters.", "이름은 200자 이하여야 합니다.")
            }
            Self::NameCharacters => (
                "invalid_characters",
                "A name must not contain line breaks or control characters.",
                "이름에 줄바꿈이나 제어 문자를 사용할 수 없습니다.",
            ),
            Self::LocaleUnknown => ("unknown_value", "The language must be en or ko.", "언어는 en 또는 ko여야 합니다."),
            Self::RoleUnknown => (
                "unknown_value",
                "The role must be admin, manager or member.",
                "역할은 admin, manager, member 중 하나여야 합니다.",
            ),
            Self::TokenMalformed => {
                ("invalid_token", "This is not a token that we have sent.", "유효한 토큰이 아닙니다.")
            }
        }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.detail(Locale::En))
    }
}

impl std::error::Error for InvalidValue {}
