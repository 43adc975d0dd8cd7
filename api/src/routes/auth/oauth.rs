//! `/api/v1/auth/oauth/{provider}`: login by another provider.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse, Response},
};
use callboard_shared::domain::Provider;
use serde::Deserialize;

use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::{Language, Params, RequestInfo, Segment},
    openapi::{CallbackProblems, ProviderProblems, UnlinkProblems},
    services::social_login::{self, Visitor},
    state::AppState,
    views::TokenBody,
};

/// The provider that the path names; 404 for any other.
#[derive(Debug)]
pub struct Named(Provider);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Segment(name) = Segment::<String>::from_request_parts(parts, state).await?;
        name.parse().map(Self).map_err(|_| Problem::new(Code::NotFound))
    }
}

/// Begin a login by a provider
///
/// Sends the browser to the provider, which sends it back to the callback. The
/// login is kept in a cookie for ten minutes.
///
/// # Errors
/// 404 for a provider that is not set up here, 503 while it can't be reached.
#[utoipa::path(get, path = "/api/v1/auth/oauth/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "The provider: `github`, `google` or `kakao`", example = "google")),
    responses(
        (status = 303, description = "To the provider",
         headers(("Location" = String, description = "Where people log in there"),
                 ("Set-Cookie" = String, description = "The login under way"))),
        ProviderProblems))]
pub async fn begin(State(state): State<AppState>, Named(provider): Named) -> Result<Response, Problem> {
    let (url, flow) = state.social.begin(provider).await?;
    let cookie = state.social.jar().keep(&flow).map(|cookie| (header::SET_COOKIE, cookie));
    let location = [(header::LOCATION, url.as_str())];
    Ok((StatusCode::SEE_OTHER, location, AppendHeaders(cookie)).into_response())
}

/// What the provider gives back; it may add more.
#[derive(Debug, Deserialize)]
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Come back from a provider
///
/// Logs in. Who came by this account of the provider before is the same user
/// again; an account here with the same email address is joined to it if both
/// sides have verified the address; else a user is made, without a password.
/// Parameters that the provider adds are ignored.
///
/// # Errors
/// 400 when the login did not begin in this browser or the provider did not
/// confirm it, 409 when the address belongs to an account that can't be joined,
/// 401 as at a login, 503 while the provider can't be reached.
#[utoipa::path(get, path = "/api/v1/auth/oauth/{provider}/callback", tag = "auth",
    params(
        ("provider" = String, Path, description = "The provider: `github`, `google` or `kakao`", example = "google"),
        ("state" = Option<String>, Query, description = "What the login began with"),
        ("code" = Option<String>, Query, description = "What the provider gives tokens for"),
        ("error" = Option<String>, Query, description = "Why the provider gives no code")),
    responses((status = 200, description = "The tokens of a new session", body = TokenBody), CallbackProblems))]
pub async fn callback(
    State(state): State<AppState>,
    Named(provider): Named,
    Language(locale): Language,
    info: RequestInfo,
    headers: HeaderMap,
    Params(callback): Params<Callback>,
) -> Result<Response, Problem> {
    let cookies = state.social.jar().values(&headers);
    let flow = state.social.resume(provider, cookies, callback.state.as_deref().unwrap_or_default());
    let flow = flow.ok_or_else(|| Problem::new(Code::OauthStateInvalid))?;
    // Whatever comes of it, this login is over.
    let over = state.social.jar().forget();
    let outcome = async {
        let code = callback.code.filter(|_| callback.error.is_none());
        let code = code.ok_or_else(|| Problem::new(Code::OauthRefused))?;
        let profile = state.social.identify(provider, &flow, code).await?;
        social_login::log_in(&state, &info, &headers, &Visitor { provider, profile, locale }).await
    };
    let outcome = outcome.await;
    state.metrics.authenticated("provider", &outcome);
    let tokens = outcome.map(|tokens| Json(TokenBody::from(tokens)));
    Ok((AppendHeaders(over.map(|over| (header::SET_COOKIE, over))), tokens).into_response())
}

/// Give up a login by a provider
///
/// # Errors
/// 404 when one has none, 409 when it is the only way to log in.
#[utoipa::path(delete, path = "/api/v1/auth/oauth/{provider}", tag = "auth",
    params(("provider" = String, Path, description = "The provider: `github`, `google` or `kakao`", example = "google")),
    responses((status = 204, description = "The provider's account logs in no more"), UnlinkProblems))]
pub async fn unlink(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    Named(provider): Named,
) -> Result<StatusCode, Problem> {
    social_login::unlink(&state, &info, &caller, provider).await?;
    Ok(StatusCode::NO_CONTENT)
}
