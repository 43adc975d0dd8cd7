//! `GET /api/v1/auth/me`.

use axum::Json;

use crate::{auth::CurrentUser, error::Problem, openapi::AuthProblems, views::UserBody};

/// Look at oneself
///
/// # Errors
/// 401 without a good access token.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    security(("access_token" = [])),
    responses((status = 200, description = "The user whose token it is", body = UserBody), AuthProblems))]
pub async fn me(CurrentUser(user): CurrentUser) -> Result<Json<UserBody>, Problem> {
    Ok(Json(user.into()))
}
