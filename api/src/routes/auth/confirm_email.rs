//! `/api/v1/auth/confirm-email`: the link in the mail to a new address, and what
//! its button does.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use callboard_shared::domain::MailToken;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Code, Problem},
    extract::{BodyKind, Faults, FormInput, Input, JsonOrForm, Language, Params, RequestInfo},
    openapi::{BodyProblems, ConfirmEmailLinkProblems, ConfirmEmailProblems},
    pages::Notice,
    services::email_change,
    state::AppState,
};

/// The query of the link; mailers may add their own parameters to it.
#[derive(Debug, Deserialize)]
pub struct Link {
    token: Option<String>,
}

/// The token of the link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmailBody {
    /// The token from the mail.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    token: SecretString,
}

/// The checked body.
#[derive(Debug)]
pub struct ConfirmEmail(SecretString);

impl Input for ConfirmEmail {
    type Raw = ConfirmEmailBody;

    fn parse(raw: ConfirmEmailBody, _: &mut Faults) -> Option<Self> {
        // Any other text simply is no token that we know.
        Some(Self(raw.token))
    }
}

impl FormInput for ConfirmEmail {
    type Form = ConfirmEmailBody;
}

/// The new address is the account's.
#[derive(Debug, Serialize, ToSchema)]
pub struct EmailChanged {
    /// Always `email_changed`.
    #[schema(example = "email_changed")]
    status: &'static str,
}

/// The page behind the link to a new address
///
/// Shows a button; only pressing it changes the address, since mail scanners
/// follow links. Parameters that mailers add to links are ignored here.
#[utoipa::path(get, path = "/api/v1/auth/confirm-email", tag = "auth",
    params(("token" = String, Query, description = "The token from the mail", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
        example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")),
    responses((status = 200, description = "A page with a button", content_type = "text/html", body = String),
        ConfirmEmailLinkProblems))]
pub async fn page(Language(locale): Language, Params(link): Params<Link>) -> impl IntoResponse {
    // A link that was cut off on its way is told now, not after the click.
    match link.token.filter(|token| token.parse::<MailToken>().is_ok()) {
        Some(token) => Notice::ask_to_confirm_email(locale, token),
        None => Notice::problem(locale, &Problem::new(Code::EmailChangeTokenInvalid)),
    }
}

/// Confirm another address
///
/// Makes the address that the token was mailed to the account's, as verified, and
/// tells the old one. While it is, a second time answers as the first. A form is
/// answered with a page, JSON with JSON.
///
/// # Errors
/// 400 for a token that is unknown or has expired, 409 when the address has
/// become another account's meanwhile.
#[utoipa::path(post, path = "/api/v1/auth/confirm-email", tag = "auth",
    request_body(content(
        (ConfirmEmailBody = "application/json"),
        (ConfirmEmailBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The address is changed", content(
            (EmailChanged = "application/json"), (String = "text/html"))),
        BodyProblems, ConfirmEmailProblems))]
pub async fn confirm(
    State(state): State<AppState>,
    info: RequestInfo,
    Language(locale): Language,
    JsonOrForm(ConfirmEmail(token), kind): JsonOrForm<ConfirmEmail>,
) -> Result<Response, Problem> {
    let outcome = email_change::confirm(&state, &info, token.expose_secret()).await;
    match (kind, outcome) {
        (BodyKind::Json, Ok(())) => Ok(Json(EmailChanged { status: "email_changed" }).into_response()),
        (BodyKind::Form, Ok(())) => Ok(Notice::email_changed(locale).into_response()),
        (BodyKind::Form, Err(problem)) if problem.cause().is_none() => {
            Ok(Notice::problem(locale, &problem).into_response())
        }
        (_, Err(problem)) => Err(problem),
    }
}
