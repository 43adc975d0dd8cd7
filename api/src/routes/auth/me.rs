//! `GET /api/v1/auth/me`.

use axum::Json;
use callboard_shared::models::User;

use crate::auth::Caller;

/// Look at oneself
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth",
    responses((status = 200, description = "The user whose token it is", body = User)))]
pub async fn me(caller: Caller) -> Json<User> {
    Json(caller.user().clone())
}
