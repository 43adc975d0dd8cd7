//! The user that a request comes from.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use callboard_shared::{db::users, models::User};

use crate::{
    app::AppState,
    error::{Code, Problem},
    extract::RequestInfo,
};

/// The active user whose access token the request carries, as the database has it
/// now: a disabled or deleted user's token ends at once.
#[derive(Debug, Clone)]
pub struct CurrentUser(pub User);

impl<S> FromRequestParts<S> for CurrentUser
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let token = bearer(&parts.headers)?;
        let id = state.tokens.check(token).map_err(|_| Problem::new(Code::InvalidToken))?;
        let user = users::find(state.queue.pool(), id)
            .await?
            .filter(|user| user.is_active)
            .ok_or_else(|| Problem::new(Code::InvalidToken))?;
        if let Some(info) = parts.extensions.get::<RequestInfo>() {
            info.set_principal(format!("user:{id}"));
        }
        Ok(Self(user))
    }
}

/// The token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Problem::new(Code::Unauthenticated));
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Problem::new(Code::Unauthenticated)) }
}
