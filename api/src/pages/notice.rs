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
    action: &'static str,
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

const ASK_NEW: (Text, Text, Text) = (
    Text::fixed("Confirm your new email address", "새 이메일 주소 확인"),
    Text::fixed(
        "Press the button to use this address for your account from now on.",
        "버튼을 누르면 앞으로 이 주소를 계정에 사용합니다.",
    ),
    Text::fixed("Use this address", "이 주소 사용하기"),
);

const CHANGED: (Text, Text) = (
    Text::fixed("Your address is changed", "이메일 주소가 변경되었습니다"),
    Text::fixed(
        "From now on, log in with the new address. You can close this page.",
        "이제 새 주소로 로그인하세요. 이 창은 닫아도 됩니다.",
    ),
);

const RESET: (Text, Text) = (
    Text::fixed("Your password is set", "비밀번호가 설정되었습니다"),
    Text::fixed(
        "You are logged out everywhere. You can close this page and log in with the new password.",
        "모든 기기에서 로그아웃되었습니다. 이 창을 닫고 새 비밀번호로 로그인하세요.",
    ),
);

impl Notice {
    /// Asks for the click that verifies: mail scanners follow links, but press no
    /// buttons.
    #[must_use]
    pub fn ask_to_verify(locale: Locale, token: String) -> Page<Self> {
        let (heading, message, label) = ASK;
        let label = label.in_locale(locale).to_owned();
        let action = "/api/v1/auth/verify-email";
        Self::page(locale, &heading, &message, Some(Confirm { action, token, label }))
    }

    /// Asks for the click that makes a new address the user's.
    #[must_use]
    pub fn ask_to_confirm_email(locale: Locale, token: String) -> Page<Self> {
        let (heading, message, label) = ASK_NEW;
        let label = label.in_locale(locale).to_owned();
        let action = "/api/v1/auth/confirm-email";
        Self::page(locale, &heading, &message, Some(Confirm { action, token, label }))
    }

    /// The new address is the user's.
    #[must_use]
    pub fn email_changed(locale: Locale) -> Page<Self> {
        let (heading, message) = CHANGED;
        Self::page(locale, &heading, &message, None)
    }

    /// The new password is set.
    #[must_use]
    pub fn password_reset(locale: Locale) -> Page<Self> {
        let (heading, message) = RESET;
        Self::page(locale, &heading, &message, None)
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
        for ask in [Notice::ask_to_verify, Notice::ask_to_confirm_email] {
            let html = ask(Locale::En, r#""><script>"#.to_owned()).template.render().unwrap();
            assert!(!html.contains("<script>"), "{html}");
        }
    }
}
