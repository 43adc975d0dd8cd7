//! `POST /api/v1/auth/logout`.

use axum::{extract::State, http::StatusCode};
use callboard_shared::models::RevokedBecause;

use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::RequestInfo,
    services::sessions,
    state::AppState,
};

/// Log out
///
/// Ends the session that the access token belongs to, with all its tokens.
///
/// # Errors
/// 401 when the session has ended already.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth",
    responses((status = 204, description = "The session has ended")))]
pub async fn logout(State(state): State<AppState>, info: RequestInfo, caller: Caller) -> Result<StatusCode, Problem> {
    // The gate lets no key in here.
    let id = caller.session_id().ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    sessions::revoke(&state, &info, &caller, id, RevokedBecause::Logout).await.map_err(|problem| {
        // Another request of this session logged out a moment ago.
        if problem.code() == Code::NotFound { Problem::new(Code::InvalidToken) } else { problem }
    })?;
    Ok(StatusCode::NO_CONTENT)
}
