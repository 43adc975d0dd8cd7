//! The letter that tells what was done to an account.

mod words;

use askama::Template;
use callboard_shared::domain::{Locale, PersonName};
use callboard_shared::jobs::Notice;
use chrono::{DateTime, Utc};

use super::Letter;

/// What the letter that tells what was done to an account is made of. It has no
/// link, so that one that has is known to be a forgery.
#[derive(Debug)]
pub struct SecurityNoticeLetter<'a> {
    /// Whom it speaks to.
    pub name: Option<&'a PersonName>,
    /// What was done.
    pub notice: Notice,
    /// When.
    pub at: DateTime<Utc>,
}

impl SecurityNoticeLetter<'_> {
    /// The letter in a language.
    ///
    /// # Errors
    /// Never in practice: the templates were checked when they were compiled.
    pub fn render(&self, locale: Locale) -> askama::Result<Letter> {
        let name = self.name.map(PersonName::as_str);
        let words = words::of(self.notice, locale);
        let (subject, happened, advice) = (words.subject, words.happened, words.advice);
        let (text, html) = match locale {
            Locale::En => {
                let time = &self.at.format("%-d %B %Y, %H:%M UTC").to_string();
                let text = EnglishText { name, happened, time, advice }.render()?;
                (text, EnglishHtml { subject, name, happened, time, advice }.render()?)
            }
            Locale::Ko => {
                let time = &self.at.format("%Y년 %-m월 %-d일 %H:%M (UTC)").to_string();
                let text = KoreanText { name, happened, time, advice }.render()?;
                (text, KoreanHtml { subject, name, happened, time, advice }.render()?)
            }
        };
        Ok(Letter { subject: subject.to_owned(), text, html, locale })
    }
}

/// Declares the template of a file; the extension decides what is escaped.
macro_rules! templates {
    ($($name:ident = $path:literal $(, $subject:ident)?;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            $($subject: &'a str,)?
            name: Option<&'a str>,
            happened: &'a str,
            time: &'a str,
            advice: &'a str,
        }
    )*};
}

templates! {
    EnglishText = "security_notice/en.txt";
    EnglishHtml = "security_notice/en.html", subject;
    KoreanText = "security_notice/ko.txt";
    KoreanHtml = "security_notice/ko.html", subject;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NOTICES: [Notice; 11] = [
        Notice::PasswordChanged,
        Notice::PasswordReset,
        Notice::EmailChanged,
        Notice::EmailChangeRequested,
        Notice::RefreshTokenReused,
        Notice::FailedLogins,
        Notice::TotpEnabled,
        Notice::TotpDisabled,
        Notice::RecoveryCodeUsed,
        Notice::IdentityLinked,
        Notice::ApiKeyCreated,
    ];

    fn render(notice: Notice, name: Option<&str>, locale: Locale) -> Letter {
        let name = name.map(|name| name.parse().unwrap());
        let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        SecurityNoticeLetter { name: name.as_ref(), notice, at }.render(locale).unwrap()
    }

    #[test]
    fn it_says_what_when_and_what_to_do() {
        for notice in NOTICES {
            for (locale, time) in
                [(Locale::En, "21 September 2026, 14:13 UTC"), (Locale::Ko, "2026년 9월 21일 14:13 (UTC)")]
            {
                let words = words::of(notice, locale);
                let letter = render(notice, Some("Ada"), locale);
                assert_eq!(letter.subject, words.subject);
                for said in ["Ada", words.happened, words.advice, time] {
                    assert!(letter.text.contains(said) && letter.html.contains(said), "{said}: {}", letter.html);
                }
            }
        }
    }

    #[test]
    fn no_two_notices_look_the_same() {
        for locale in [Locale::En, Locale::Ko] {
            let subjects: BTreeSet<_> = NOTICES.map(|notice| words::of(notice, locale).subject).into();
            assert_eq!(subjects.len(), NOTICES.len());
        }
    }

    #[test]
    fn a_name_is_escaped_in_html_and_left_alone_in_text() {
        let name = r#"<script>alert("1")</script>&"#;
        for locale in [Locale::En, Locale::Ko] {
            let letter = render(Notice::PasswordChanged, Some(name), locale);
            assert!(!letter.html.contains("<script>"), "{}", letter.html);
            assert!(letter.text.contains(name), "{}", letter.text);
        }
    }
}
