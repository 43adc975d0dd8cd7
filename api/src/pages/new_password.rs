//! The form behind the link that sets a new password.

use askama::Template;
use axum::http::StatusCode;
use callboard_shared::domain::Locale;

use super::Page;
use crate::error::{Problem, Text};

/// A field for the new password, and why the last one was refused.
#[derive(Debug, Template)]
#[template(path = "new_password.html")]
pub struct NewPassword {
    language: &'static str,
    heading: String,
    message: String,
    label: String,
    button: String,
    fault: Option<String>,
    token: String,
}

const HEADING: Text = Text::fixed("Choose a new password", "새 비밀번호 설정");
const MESSAGE: Text = Text::fixed(
    "At least 8 characters. A few unrelated words make a good one. You will be logged out everywhere.",
    "8자 이상이어야 합니다. 서로 관련 없는 단어 몇 개를 이어 쓰면 좋습니다. 설정하면 모든 기기에서 로그아웃됩니다.",
);
const LABEL: Text = Text::fixed("New password", "새 비밀번호");
const BUTTON: Text = Text::fixed("Set the password", "비밀번호 설정하기");

impl NewPassword {
    /// The empty form.
    #[must_use]
    pub fn ask(locale: Locale, token: String) -> Page<Self> {
        let words = |text: Text| text.in_locale(locale).to_owned();
        Page {
            status: StatusCode::OK,
            locale,
            template: Self {
                language: locale.as_str(),
                heading: words(HEADING),
                message: words(MESSAGE),
                label: words(LABEL),
                button: words(BUTTON),
                fault: None,
                token,
            },
        }
    }

    /// The form again, with what was wrong about the password. The password is
    /// not in it.
    #[must_use]
    pub fn ask_again(locale: Locale, token: String, problem: &Problem) -> Page<Self> {
        let mut page = Self::ask(locale, token);
        page.status = problem.code().entry().status;
        let reasons: Vec<_> = problem.errors().iter().map(|error| error.detail.in_locale(locale)).collect();
        page.template.fault = Some(reasons.join(" "));
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldError;

    #[test]
    fn the_form_says_what_was_wrong_and_escapes_it() {
        let detail = Text::fixed("Not <b>this</b> one.", "<b>이것</b>은 안 됩니다.");
        let problem = Problem::validation(vec![FieldError::field("password", "too_weak", detail)]);
        let page = NewPassword::ask_again(Locale::Ko, r#""><script>"#.to_owned(), &problem);
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let html = page.template.render().unwrap();
        assert!(html.contains("은 안 됩니다.") && html.contains("role=\"alert\""), "{html}");
        assert!(!html.contains("<b>") && !html.contains("<script>"), "{html}");
        assert!(!NewPassword::ask(Locale::En, "t".to_owned()).template.render().unwrap().contains("alert"));
    }
}
