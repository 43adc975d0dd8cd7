//! `/api/v1/auth/verify-email`: the link in the mail, and what its button does.

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
    openapi::{BodyProblems, LinkProblems, VerifyProblems},
    pages::Notice,
    services::verification,
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
pub struct VerifyBody {
    /// The token from the mail.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    token: SecretString,
}

/// The checked body.
#[derive(Debug)]
pub struct Verify(SecretString);

impl Input for Verify {
    type Raw = VerifyBody;

    fn parse(raw: VerifyBody, _: &mut Faults) -> Option<Self> {
        // Any other text simply is no token that we know.
        Some(Self(raw.token))
    }
}

impl FormInput for Verify {
    type Form = VerifyBody;
}

/// The address is verified.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    /// Always `verified`.
    #[schema(example = "verified")]
    status: &'static str,
}

/// The page behind the link
///
/// Shows a button; only pressing it verifies, since mail scanners follow links.
/// Parameters that mailers add to links are ignored here.
#[utoipa::path(get, path = "/api/v1/auth/verify-email", tag = "auth",
    params(("token" = String, Query, description = "The token from the mail", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
        example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")),
    responses((status = 200, description = "A page with a button", content_type = "text/html", body = String),
        LinkProblems))]
pub async fn page(Language(locale): Language, Params(link): Params<Link>) -> impl IntoResponse {
    // A link that was cut off on its way is told now, not after the click.
    match link.token.filter(|token| token.parse::<MailToken>().is_ok()) {
        Some(token) => Notice::ask_to_verify(locale, token),
        None => Notice::problem(locale, &Problem::new(Code::TokenInvalid)),
    }
}

/// Verify an email address
///
/// A token that was used already answers as it did the first time. A form is
/// answered with a page, JSON with JSON.
///
/// # Errors
/// 400 for a token that is unknown or has expired.
#[utoipa::path(post, path = "/api/v1/auth/verify-email", tag = "auth",
    request_body(content(
        (VerifyBody = "application/json"),
        (VerifyBody = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The address is verified", content(
            (Verified = "application/json"), (String = "text/html"))),
        BodyProblems, VerifyProblems))]
pub async fn verify(
    State(state): State<AppState>,
    Language(locale): Language,
    info: RequestInfo,
    JsonOrForm(Verify(token), kind): JsonOrForm<Verify>,
) -> Result<Response, Problem> {
    let outcome = verification::verify(&state, &info, token.expose_secret()).await;
    match (kind, outcome) {
        (BodyKind::Json, Ok(())) => Ok(Json(Verified { status: "verified" }).into_response()),
        (BodyKind::Form, Ok(())) => Ok(Notice::verified(locale).into_response()),
        (BodyKind::Form, Err(problem)) if problem.cause().is_none() => {
            Ok(Notice::problem(locale, &problem).into_response())
        }
        (_, Err(problem)) => Err(problem),
    }
}
