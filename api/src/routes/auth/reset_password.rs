//! `/api/v1/auth/reset-password`: the form behind the link in the mail, and what
//! it sends.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use callboard_shared::domain::Locale;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Code, Problem},
    extract::{BodyKind, Faults, FormInput, Input, JsonOrForm, Language, Params, RequestInfo},
    openapi::{BodyProblems, ResetLinkProblems, ResetProblems},
    pages::{NewPassword, Notice},
    services::{admin::parse_password, password_reset},
    state::AppState,
};

/// The query of the link; mailers may add their own parameters to it.
#[derive(Debug, Deserialize)]
pub struct Link {
    token: Option<String>,
}

/// The token of the link, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPasswordBody {
    /// The token from the mail.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    token: SecretString,
    /// The new password: hard to guess, without the address or the name in it.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "quiet lantern over the harbour")]
    password: SecretString,
}

/// The body. The password is checked later, so that a page can say what is wrong
/// with it.
#[derive(Debug)]
pub struct ResetPassword {
    token: SecretString,
    password: SecretString,
}

impl Input for ResetPassword {
    type Raw = ResetPasswordBody;

    fn parse(raw: ResetPasswordBody, _: &mut Faults) -> Option<Self> {
        Some(Self { token: raw.token, password: raw.password })
    }
}

impl FormInput for ResetPassword {
    type Form = ResetPasswordBody;
}

/// The new password is set.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasswordSet {
    /// Always `password_set`.
    #[schema(example = "password_set")]
    status: &'static str,
}

/// The form behind the link
///
/// Asks for the new password and changes nothing. Parameters that mailers add to
/// links are ignored here.
///
/// # Errors
/// A page with 400 for a token that is unknown, was used or has expired.
#[utoipa::path(get, path = "/api/v1/auth/reset-password", tag = "auth",
    params(("token" = String, Query, description = "The token from the mail", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
        example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")),
    responses((status = 200, description = "A page with a form", content_type = "text/html", body = String),
        ResetLinkProblems))]
pub async fn page(
    State(state): State<AppState>,
    Language(locale): Language,
    Params(link): Params<Link>,
) -> Result<Response, Problem> {
    let token = link.token.unwrap_or_default();
    match password_reset::look(&state, &token).await {
        Ok(_) => Ok(NewPassword::ask(locale, token).into_response()),
        Err(problem) => told(locale, problem),
    }
}

/// Set a new password
///
/// A token is good once. All sessions and all other open links end with it; a
/// second factor stays. A form is answered with a page, JSON with JSON.
///
/// # Errors
/// 400 for a token that is unknown, was used or has expired, 422 for a weak
/// password; the token is still good then.
#[utoipa::path(post, path = "/api/v1/auth/reset-password", tag = "auth",
    request_body(content(
        (ResetPasswordBody = "application/json"),
        (ResetPasswordBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The password is set", content(
            (PasswordSet = "application/json"), (String = "text/html"))),
        BodyProblems, ResetProblems))]
pub async fn reset(
    State(state): State<AppState>,
    info: RequestInfo,
    Language(locale): Language,
    JsonOrForm(body, kind): JsonOrForm<ResetPassword>,
) -> Result<Response, Problem> {
    let token = body.token.expose_secret();
    let outcome = match parse_password(body.password.expose_secret()) {
        Ok(password) => password_reset::reset(&state, &info, token, password).await,
        Err(problem) => Err(problem),
    };
    match (kind, outcome) {
        (BodyKind::Json, Ok(())) => Ok(Json(PasswordSet { status: "password_set" }).into_response()),
        (BodyKind::Form, Ok(())) => Ok(Notice::password_reset(locale).into_response()),
        (BodyKind::Form, Err(problem)) if problem.code() == Code::ValidationFailed => {
            Ok(NewPassword::ask_again(locale, token.to_owned(), &problem).into_response())
        }
        (BodyKind::Form, Err(problem)) => told(locale, problem),
        (BodyKind::Json, Err(problem)) => Err(problem),
    }
}

/// The problem as a page, unless the fault is ours.
fn told(locale: Locale, problem: Problem) -> Result<Response, Problem> {
    match problem.code() {
        Code::ResetTokenInvalid | Code::ResetTokenExpired => Ok(Notice::problem(locale, &problem).into_response()),
        _ => Err(problem),
    }
}
