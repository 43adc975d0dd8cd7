//! A short notice, with a button when there is something to confirm.

use askama::Template;
use callboard_shared::domain::Locale;

use super::Page;
use crate::error::{Problem, Text};

/// A heading, a sentence, and perhaps a button that sends a token back.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub struct Notice {
    language: &'static str,
    heading: String,
    message: String,
    confirm: Option<Confirm>,
}

#[derive(Debug)]
struct Confirm {
    token: String,
    label: String,
}

const ASK: (Text, Text, Text) = (
    Text::fixed("Verify your email address", "이메일 주소 인증"),
    Text::fixed(
        "Press the button to confirm that this address is yours.",
        "버튼을 눌러 본인의 이메일 주소임을 확인해 주세요.",
    ),
    Text::fixed("Verify my address", "내 주소 인증하기"),
);

const VERIFIED: (Text, Text) = (
    Text::fixed("Your address is verified", "인증이 완료되었습니다"),
    Text::fixed("Thank you. You can close this page and log in.", "감사합니다. 이 창을 닫고 로그인하세요."),
);

impl Notice {
    /// Asks for the click that verifies: mail scanners follow links, but press no
    /// buttons.
    #[must_use]
    pub fn ask_to_verify(locale: Locale, token: String) -> Page<Self> {
        let (heading, message, label) = ASK;
        let label = label.in_locale(locale).to_owned();
        Self::page(locale, &heading, &message, Some(Confirm { token, label }))
    }

    /// The address is verified.
    #[must_use]
    pub fn verified(locale: Locale) -> Page<Self> {
        let (heading, message) = VERIFIED;
        Self::page(locale, &heading, &message, None)
    }

    /// The problem, for a person.
    #[must_use]
    pub fn problem(locale: Locale, problem: &Problem) -> Page<Self> {
        let entry = problem.code().entry();
        let mut page = Self::page(locale, &entry.title, &entry.explanation, None);
        page.status = entry.status;
        page
    }

    fn page(locale: Locale, heading: &Text, message: &Text, confirm: Option<Confirm>) -> Page<Self> {
        Page {
            status: axum::http::StatusCode::OK,
            locale,
            template: Self {
                language: locale.as_str(),
                heading: heading.in_locale(locale).to_owned(),
                message: message.in_locale(locale).to_owned(),
                confirm,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_escaped() {
        let page = Notice::ask_to_verify(Locale::En, r#""><script>"#.to_owned());
        let html = page.template.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
    }
}
