//! Words for people, in each language the product speaks.

use std::borrow::Cow;

use callboard_shared::domain::Locale;

/// One message in English and Korean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The English words.
    pub en: Cow<'static, str>,
    /// The Korean words.
    pub ko: Cow<'static, str>,
}

impl Text {
    /// A message whose words are known at compile time.
    #[must_use]
    pub const fn fixed(en: &'static str, ko: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), ko: Cow::Borrowed(ko) }
    }

    /// A message made at run time.
    pub fn new(en: impl Into<Cow<'static, str>>, ko: impl Into<Cow<'static, str>>) -> Self {
        Self { en: en.into(), ko: ko.into() }
    }

    /// The words in `locale`.
    #[must_use]
    pub fn in_locale(&self, locale: Locale) -> &str {
        match locale {
            Locale::En => &self.en,
            Locale::Ko => &self.ko,
        }
    }
}
