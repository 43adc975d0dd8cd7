//! Why a value was refused.

use std::borrow::Cow;
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
    /// Nothing but blanks.
    TextEmpty,
    /// More characters than this.
    TextTooLong(u16),
    /// A control character, or one that turns the direction of text.
    TextCharacters,
    /// Not a currency of ISO 4217 that is in use.
    CurrencyUnknown,
    /// Not a decimal number.
    AmountMalformed,
    /// Zero or less.
    AmountNotPositive,
    /// More digits behind the point than the currency has.
    AmountFraction,
    /// A trillion or more.
    AmountTooLarge,
    /// Not a Korean mobile number.
    MobileNumberMalformed,
    /// Not the URL of a web page.
    WebAddressMalformed,
    /// An account type that does not exist.
    AccountTypeUnknown,
    /// Nothing that an API key can be allowed to do.
    ScopeUnknown,
    /// A provider of identities that there is no support for.
    ProviderUnknown,
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
    pub fn detail(self, locale: Locale) -> Cow<'static, str> {
        let (_, english, korean) = self.row();
        match (self, locale) {
            (Self::TextTooLong(max), Locale::En) => format!("This text may have at most {max} characters.").into(),
            (Self::TextTooLong(max), Locale::Ko) => format!("최대 {max}자까지 입력할 수 있습니다.").into(),
            (_, Locale::En) => english.into(),
            (_, Locale::Ko) => korean.into(),
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
            Self::TextEmpty => ("empty", "This text must not be empty.", "내용을 입력해 주세요."),
            // The words are made with the number, in `detail`.
            Self::TextTooLong(_) => ("too_long", "This text is too long.", "내용이 너무 깁니다."),
            Self::TextCharacters => (
                "invalid_characters",
                "This text must not contain control characters.",
                "제어 문자를 사용할 수 없습니다.",
            ),
            Self::CurrencyUnknown => (
                "unknown_value",
                "The currency must be a code of ISO 4217 that is in use, such as KRW.",
                "통화는 KRW처럼 사용 중인 ISO 4217 코드여야 합니다.",
            ),
            Self::AmountMalformed => (
                "invalid_amount",
                "An amount is a decimal number in a string, such as \"50000\" or \"12.50\".",
                "금액은 \"50000\"이나 \"12.50\"처럼 문자열로 쓴 십진수여야 합니다.",
            ),
            Self::AmountNotPositive => ("not_positive", "The amount must be above zero.", "금액은 0보다 커야 합니다."),
            Self::AmountFraction => (
                "too_many_digits",
                "The amount has more digits behind the point than its currency: none for KRW, two for USD.",
                "통화가 허용하는 소수 자릿수를 넘었습니다. KRW는 소수가 없고 USD는 두 자리입니다.",
            ),
            Self::AmountTooLarge => {
                ("too_large", "The amount must be below one trillion.", "금액은 1조 미만이어야 합니다.")
            }
            Self::MobileNumberMalformed => (
                "invalid_mobile_number",
                "This is not a Korean mobile number, such as 010-1234-5678.",
                "010-1234-5678과 같은 휴대전화 번호가 아닙니다.",
            ),
            Self::WebAddressMalformed => (
                "invalid_url",
                "This is not the http or https address of a web page, or has over 2,048 characters.",
                "http 또는 https로 시작하는 2,048자 이하의 웹 주소여야 합니다.",
            ),
            Self::ScopeUnknown => (
                "unknown_scope",
                "There is no such scope. The description of the API lists all.",
                "존재하지 않는 범위입니다. 모든 범위는 API 문서에 있습니다.",
            ),
            Self::ProviderUnknown => (
                "unknown_value",
                "The provider must be github, google or kakao.",
                "제공자는 github, google, kakao 중 하나여야 합니다.",
            ),
            Self::AccountTypeUnknown => (
                "unknown_value",
                "The account type must be Prospect, Customer, Partner or Former.",
                "거래처 유형은 Prospect, Customer, Partner, Former 중 하나여야 합니다.",
            ),
        }
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail(Locale::En))
    }
}

impl std::error::Error for InvalidValue {}
