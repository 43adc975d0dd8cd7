//! The few HTML pages: for people who follow a link, not for API clients.
//!
//! They run no script, load one style sheet of ours, and say so in their CSP.

mod documentation;
mod new_password;
mod notice;
mod problems;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use callboard_shared::domain::Locale;

pub use documentation::{redoc, swagger_asset, swagger_ui};
pub use new_password::NewPassword;
pub use notice::Notice;
pub use problems::{ProblemIndex, ProblemPage};

use crate::error::Problem;

/// A page may load our style sheet and send a form back to us; nothing else.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

const STYLE: &str = include_str!("../../templates/page.css");

/// A rendered template with the headers of a page.
#[derive(Debug)]
pub struct Page<T> {
    /// The status to answer with.
    pub status: StatusCode,
    /// The language the template is filled in with.
    pub locale: Locale,
    /// The template.
    pub template: T,
}

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let html = match self.template.render() {
            Ok(html) => html,
            Err(error) => return Problem::internal(error).into_response(),
        };
        let language = HeaderValue::from_static(self.locale.as_str());
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::CONTENT_LANGUAGE, language),
            (header::VARY, HeaderValue::from_static("accept-language")),
        ];
        (self.status, headers, html).into_response()
    }
}

/// `GET /assets/page.css`: the pages' style sheet.
pub async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, STYLE)
}
