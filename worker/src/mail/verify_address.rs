//! The letter that asks to prove an address.

use std::time::Duration;

use askama::Template;
use callboard_shared::domain::{Locale, PersonName};

use super::{Letter, lifetime};

/// What the letter that asks to prove an address is made of.
pub struct VerifyAddressLetter<'a> {
    /// Whom it speaks to.
    pub name: Option<&'a PersonName>,
    /// The page that proves the address.
    pub link: &'a str,
    /// How long that page works.
    pub lifetime: Duration,
}

impl VerifyAddressLetter<'_> {
    /// The letter in a language.
    ///
    /// # Errors
    /// Never in practice: the templates were checked when they were compiled.
    pub fn render(&self, locale: Locale) -> askama::Result<Letter> {
        let lifetime = lifetime::in_words(self.lifetime, locale);
        let name = self.name.map(PersonName::as_str);
        let (link, lifetime) = (self.link, lifetime.as_str());
        let (subject, text, html) = match locale {
            Locale::En => (
                "Confirm your email address",
                EnglishText { name, link, lifetime }.render()?,
                EnglishHtml { name, link, lifetime }.render()?,
            ),
            Locale::Ko => (
                "이메일 주소를 인증해 주세요",
                KoreanText { name, link, lifetime }.render()?,
                KoreanHtml { name, link, lifetime }.render()?,
            ),
        };
        Ok(Letter { subject: subject.to_owned(), text, html, locale })
    }
}

/// Declares the template of a file; the extension decides what is escaped.
macro_rules! templates {
    ($($name:ident = $path:literal;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            name: Option<&'a str>,
            link: &'a str,
            lifetime: &'a str,
        }
    )*};
}

templates! {
    EnglishText = "verify_address/en.txt";
    EnglishHtml = "verify_address/en.html";
    KoreanText = "verify_address/ko.txt";
    KoreanHtml = "verify_address/ko.html";
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://callboard.example/api/v1/auth/verify-email?token=abc-_123";

    fn render(name: Option<&str>, locale: Locale) -> Letter {
        let name = name.map(|name| name.parse().unwrap());
        let lifetime = Duration::from_hours(24);
        VerifyAddressLetter { name: name.as_ref(), link: LINK, lifetime }.render(locale).unwrap()
    }

    #[test]
    fn both_languages_say_the_same() {
        for (locale, greeting, lifetime) in
            [(Locale::En, "Hello Ada Lovelace,", "24 hours"), (Locale::Ko, "Ada Lovelace님", "24시간")]
        {
            let letter = render(Some("Ada Lovelace"), locale);
            for part in [&letter.text, &letter.html] {
                assert!(part.contains(greeting) && part.contains(LINK) && part.contains(lifetime), "{part}");
            }
            assert!(letter.html.contains(&format!(r#"<html lang="{locale}">"#)), "{}", letter.html);
        }
    }

    #[test]
    fn a_name_is_not_needed() {
        assert!(render(None, Locale::En).text.starts_with("Hello,"));
        assert!(render(None, Locale::Ko).text.starts_with("안녕하세요."));
    }

    #[test]
    fn a_name_is_escaped_in_html_and_left_alone_in_text() {
        let name = r#"<script>alert("1")</script>&"#;
        for locale in [Locale::En, Locale::Ko] {
            let letter = render(Some(name), locale);
            assert!(!letter.html.contains("<script>"), "{}", letter.html);
            assert!(letter.text.contains(name), "{}", letter.text);
        }
    }

    /// A link alone on its line is found by every program that shows text.
    #[test]
    fn the_link_stands_alone_in_the_text() {
        for locale in [Locale::En, Locale::Ko] {
            assert!(render(None, locale).text.lines().any(|line| line == LINK));
        }
    }
}
