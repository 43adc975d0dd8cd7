//! `/api/v1/auth/sessions`: where somebody is logged in.

use axum::{Json, extract::State, http::StatusCode};
use callboard_shared::{
    db::sessions as table,
    models::{RevokedBecause, Session},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    auth::Caller,
    error::Problem,
    extract::{PathId, RequestInfo},
    openapi::NotFoundProblems,
    services::sessions,
    state::AppState,
};

/// Of more, those that were not used for longest are not listed.
const MOST: i64 = 100;

/// A login that goes on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// The session's id.
    id: Uuid,
    /// The program that logged in, as it calls itself.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64) Firefox/146.0")]
    device: Option<String>,
    /// The address of the last login or refresh.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it was last refreshed.
    last_used_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    expires_at: DateTime<Utc>,
    /// Whether this request came from it.
    is_current: bool,
}

impl SessionBody {
    fn new(session: Session, current: Option<Uuid>) -> Self {
        Self {
            is_current: current == Some(session.id),
            id: session.id,
            device: session.device,
            ip: session.ip,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// Where somebody is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionList {
    /// The sessions, the last used first; at most 100.
    items: Vec<SessionBody>,
}

/// List one's sessions
///
/// # Errors
/// 401 without a session.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "auth",
    responses((status = 200, description = "The sessions that go on", body = SessionList)))]
pub async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<SessionList>, Problem> {
    let sessions = table::list_active(state.queue.pool(), caller.user_id(), MOST).await?;
    let items = sessions.into_iter().map(|session| SessionBody::new(session, caller.session_id())).collect();
    Ok(Json(SessionList { items }))
}

/// End a session
///
/// # Errors
/// 404 when one has no such session that goes on.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "auth",
    params(("id" = Uuid, Path, description = "The session's id")),
    responses((status = 204, description = "The session has ended"), NotFoundProblems))]
pub async fn revoke(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    sessions::revoke(&state, &info, &caller, id, RevokedBecause::Revoked).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all other sessions
///
/// # Errors
/// 401 without a session.
#[utoipa::path(delete, path = "/api/v1/auth/sessions", tag = "auth",
    responses((status = 204, description = "All sessions but this one have ended")))]
pub async fn revoke_others(
    State(state): State<AppState>,
    info: RequestInfo,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    sessions::revoke_others(&state, &info, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
