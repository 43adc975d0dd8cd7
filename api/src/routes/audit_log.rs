//! `/api/v1/audit-log`: who did what.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use callboard_shared::models::AuditEntry;

use crate::{
    answer::Page,
    error::Problem,
    extract::{List, ListParams},
    openapi::ListProblems,
    state::AppState,
};

/// Read the audit log
///
/// Admins may. Who did what to what, when, from where and by which request;
/// reading leaves no trace in it.
///
/// # Errors
/// 400 for parameters that are not those of the list.
#[utoipa::path(get, path = "/api/v1/audit-log", tag = "audit", params(ListParams<AuditEntry>),
    responses((status = 200, description = "A page", body = Page<AuditEntry>), ListProblems))]
pub async fn list(State(state): State<AppState>, list: List<AuditEntry>) -> Result<Response, Problem> {
    Ok(Json(Page::fetch(&state, &list, None).await?).into_response())
}
