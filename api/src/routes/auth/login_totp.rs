//! `POST /api/v1/auth/login/totp`.

use axum::{Json, extract::State, http::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::totp::factor;
use crate::{
    error::Problem,
    extract::{Faults, Input, RequestInfo, ValidJson},
    openapi::{BodyProblems, LoginTotpProblems},
    services::totp::{self, Factor},
    state::AppState,
    views::TokenBody,
};

/// What login gave, and a code or a recovery code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginTotpBody {
    /// The `mfa_token` of the answer `totp_required`, good for five minutes.
    #[schema(value_type = String, example = "eyJ0eXAiOiJtZmErand0In0.e30.c2lnbmF0dXJl")]
    mfa_token: SecretString,
    /// Six digits of the app.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{6}$", example = "081804")]
    code: Option<SecretString>,
    /// A recovery code, in place of the app's code.
    #[schema(value_type = Option<String>)]
    recovery_code: Option<SecretString>,
}

/// The checked body.
#[derive(Debug)]
pub struct LoginTotp {
    mfa_token: SecretString,
    factor: Factor,
}

impl Input for LoginTotp {
    type Raw = LoginTotpBody;

    fn parse(raw: LoginTotpBody, faults: &mut Faults) -> Option<Self> {
        let factor = factor(raw.code.as_ref(), raw.recovery_code.as_ref(), faults)?;
        Some(Self { mfa_token: raw.mfa_token, factor })
    }
}

/// Log in with the second factor
///
/// The second step, after login answered `totp_required`. A code is good once,
/// as is a recovery code, whose use is told by mail. After five wrong codes in a
/// row each further one has to wait twice as long, up to an hour.
///
/// # Errors
/// 401 `wrong_code`, 401 `mfa_token_invalid` when login has to start again, 429
/// after too many wrong codes.
#[utoipa::path(post, path = "/api/v1/auth/login/totp", tag = "auth",
    request_body = LoginTotpBody,
    responses((status = 200, description = "An access token, and the refresh token that gets the next", body = TokenBody),
        BodyProblems, LoginTotpProblems))]
pub async fn login(
    State(state): State<AppState>,
    info: RequestInfo,
    headers: HeaderMap,
    ValidJson(LoginTotp { mfa_token, factor }): ValidJson<LoginTotp>,
) -> Result<Json<TokenBody>, Problem> {
    let outcome = totp::log_in(&state, &info, &headers, mfa_token.expose_secret(), factor).await;
    state.metrics.authenticated("totp", &outcome);
    Ok(Json(outcome?.into()))
}
