//! The letters with a link.

use std::time::Duration;

use askama::Template;
use callboard_shared::domain::{Locale, PersonName, TokenPurpose};

use super::{Letter, lifetime};

/// What a letter with a link is made of.
#[derive(Debug)]
pub struct LinkDetails<'a> {
    /// Whom it speaks to.
    pub name: Option<&'a PersonName>,
    /// The page that it leads to.
    pub link: &'a str,
    /// How long that page works.
    pub lifetime: Duration,
}

/// Declares the letters: subject, text and HTML in each language. The extension
/// of a template decides what is escaped.
macro_rules! letters {
    ($(
        $(#[$doc:meta])*
        $letter:ident for $purpose:ident {
            $($locale:ident: $subject:literal, $text:literal, $html:literal;)*
        }
    )*) => {
        /// A letter with a link.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum LinkLetter {$(
            $(#[$doc])*
            $letter,
        )*}

        impl LinkLetter {
            /// What the token of its link is good for.
            #[must_use]
            pub const fn purpose(self) -> TokenPurpose {
                match self {$(
                    Self::$letter => TokenPurpose::$purpose,
                )*}
            }

            /// The letter in a language.
            ///
            /// # Errors
            /// Never in practice: the templates were checked when they were compiled.
            pub fn render(self, details: &LinkDetails<'_>, locale: Locale) -> askama::Result<Letter> {
                let lifetime = lifetime::in_words(details.lifetime, locale);
                let (name, link, lifetime) = (details.name.map(PersonName::as_str), details.link, lifetime.as_str());
                let (subject, text, html) = match (self, locale) {$($(
                    (Self::$letter, Locale::$locale) => {
                        #[derive(Template)]
                        #[template(path = $text)]
                        struct Text<'a> {
                            name: Option<&'a str>,
                            link: &'a str,
                            lifetime: &'a str,
                        }

                        #[derive(Template)]
                        #[template(path = $html)]
                        struct Html<'a> {
                            subject: &'a str,
                            name: Option<&'a str>,
                            link: &'a str,
                            lifetime: &'a str,
                        }

                        let subject = $subject;
                        let text = Text { name, link, lifetime }.render()?;
                        let html = Html { subject, name, link, lifetime }.render()?;
                        (subject, text, html)
                    }
                )*)*};
                Ok(Letter { subject: subject.to_owned(), text, html, locale })
            }
        }
    };
}

letters! {
    /// Asks to prove an address.
    VerifyAddress for VerifyEmail {
        En: "Confirm your email address", "verify_address/en.txt", "verify_address/en.html";
        Ko: "이메일 주소를 인증해 주세요", "verify_address/ko.txt", "verify_address/ko.html";
    }

    /// Lets somebody who forgot their password set a new one.
    ResetPassword for ResetPassword {
        En: "Reset your password", "reset_password/en.txt", "reset_password/en.html";
        Ko: "비밀번호를 재설정해 주세요", "reset_password/ko.txt", "reset_password/ko.html";
    }

    /// Tells somebody of the account made for them, and lets them set its first password.
    Invitation for ResetPassword {
        En: "Your Callboard account is ready", "invitation/en.txt", "invitation/en.html";
        Ko: "Callboard 계정이 준비되었습니다", "invitation/ko.txt", "invitation/ko.html";
    }

    /// Asks to prove the address that is to take another's place.
    ConfirmEmailChange for ChangeEmail {
        En: "Confirm your new email address", "confirm_email_change/en.txt", "confirm_email_change/en.html";
        Ko: "새 이메일 주소를 인증해 주세요", "confirm_email_change/ko.txt", "confirm_email_change/ko.html";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://callboard.example/api/v1/auth/verify-email?token=abc-_123";
    const LETTERS: [LinkLetter; 4] =
        [LinkLetter::VerifyAddress, LinkLetter::ResetPassword, LinkLetter::Invitation, LinkLetter::ConfirmEmailChange];

    fn render(letter: LinkLetter, name: Option<&str>, locale: Locale) -> Letter {
        let name = name.map(|name| name.parse().unwrap());
        let details = LinkDetails { name: name.as_ref(), link: LINK, lifetime: Duration::from_hours(24) };
        letter.render(&details, locale).unwrap()
    }

    #[test]
    fn both_languages_say_the_same() {
        for letter in LETTERS {
            for (locale, greeting, lifetime) in
                [(Locale::En, "Hello Ada Lovelace,", "24 hours"), (Locale::Ko, "Ada Lovelace님", "24시간")]
            {
                let letter = render(letter, Some("Ada Lovelace"), locale);
                for part in [&letter.text, &letter.html] {
                    assert!(part.contains(greeting) && part.contains(LINK) && part.contains(lifetime), "{part}");
                    assert!(!part.contains("\n\n\n") && !part.contains("<p></p>"), "no empty block: {part}");
                }
                assert!(letter.html.contains(&format!(r#"<html lang="{locale}">"#)), "{}", letter.html);
                assert!(letter.html.contains(&format!("<title>{}</title>", letter.subject)), "{}", letter.html);
                assert!(!letter.html.contains("font-weight:600;\"></a>"), "the button says something: {}", letter.html);
            }
        }
    }

    #[test]
    fn a_name_is_not_needed() {
        for letter in LETTERS {
            assert!(render(letter, None, Locale::En).text.starts_with("Hello,\n"));
            assert!(render(letter, None, Locale::Ko).text.starts_with("안녕하세요.\n"));
        }
    }

    #[test]
    fn a_name_is_escaped_in_html_and_left_alone_in_text() {
        let name = r#"<script>alert("1")</script>&"#;
        for letter in LETTERS {
            for locale in [Locale::En, Locale::Ko] {
                let letter = render(letter, Some(name), locale);
                assert!(!letter.html.contains("<script>"), "{}", letter.html);
                assert!(letter.text.contains(name), "{}", letter.text);
            }
        }
    }

    /// A link alone on its line is found by every program that shows text.
    #[test]
    fn the_link_stands_alone_in_the_text() {
        for letter in LETTERS {
            for locale in [Locale::En, Locale::Ko] {
                assert!(render(letter, None, locale).text.lines().any(|line| line == LINK));
            }
        }
    }
}
