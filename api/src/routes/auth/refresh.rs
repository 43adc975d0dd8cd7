//! `POST /api/v1/auth/refresh`.

use axum::{Json, extract::State, http::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{FieldError, Problem, Text},
    extract::{Faults, FormInput, Input, JsonOrForm, RequestInfo},
    openapi::{BodyProblems, RefreshProblems},
    services::sessions,
    state::AppState,
    views::TokenBody,
};

/// The refresh token of the last login or refresh.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    /// The token.
    #[schema(value_type = String, example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    refresh_token: SecretString,
    /// OAuth2's name for this; nothing else is taken.
    #[schema(pattern = "^refresh_token$", example = "refresh_token")]
    grant_type: Option<String>,
}

/// OAuth2's form (RFC 6749 § 6).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshForm {
    /// The token.
    #[schema(value_type = String, example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    refresh_token: SecretString,
    /// `refresh_token`.
    #[schema(nullable = false, pattern = "^refresh_token$", example = "refresh_token")]
    grant_type: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "scope", default)]
    _scope: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "client_id", default)]
    _client_id: Option<String>,
    /// Not looked at.
    #[schema(nullable = false)]
    #[serde(rename = "client_secret", default)]
    _client_secret: Option<String>,
}

impl From<RefreshForm> for RefreshBody {
    fn from(form: RefreshForm) -> Self {
        Self { refresh_token: form.refresh_token, grant_type: form.grant_type }
    }
}

/// The checked body.
#[derive(Debug)]
pub struct Refresh(SecretString);

impl Input for Refresh {
    type Raw = RefreshBody;

    fn parse(raw: RefreshBody, faults: &mut Faults) -> Option<Self> {
        if raw.grant_type.is_some_and(|grant| grant != "refresh_token") {
            faults.note(FieldError::field("grant_type", "unsupported_grant_type", GRANT));
            return None;
        }
        // Any other text simply is no token that we know.
        Some(Self(raw.refresh_token))
    }
}

impl FormInput for Refresh {
    type Form = RefreshForm;
}

const GRANT: Text =
    Text::fixed("Only `refresh_token` is taken here.", "여기서는 `refresh_token`만 사용할 수 있습니다.");

/// Renew the tokens
///
/// Takes JSON, or OAuth2's form. A refresh token is good once; brought again
/// within ten seconds it gets the same successor, so that two tabs of a browser
/// don't log each other out. Brought again later it ends the session.
///
/// # Errors
/// 401 for a token that is not good (any more).
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth",
    request_body(content(
        (RefreshBody = "application/json"),
        (RefreshForm = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "The next tokens", body = TokenBody),
        RefreshProblems, BodyProblems))]
pub async fn refresh(
    State(state): State<AppState>,
    info: RequestInfo,
    headers: HeaderMap,
    JsonOrForm(Refresh(token), _): JsonOrForm<Refresh>,
) -> Result<Json<TokenBody>, Problem> {
    let outcome = sessions::refresh(&state, &info, &headers, token.expose_secret()).await;
    state.metrics.authenticated("refresh", &outcome);
    Ok(Json(outcome?.into()))
}
