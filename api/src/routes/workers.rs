//! `/api/v1/workers`: what runs the jobs.

use axum::{Json, extract::State};

use crate::{answer::Whole, error::Problem, openapi::OutageProblems, state::AppState, views::WorkerEntry};

/// List workers
///
/// All that gave a sign of life within the last hour, the living first.
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
#[utoipa::path(get, path = "/api/v1/workers", tag = "queues",
    responses((status = 200, description = "The workers", body = Whole<WorkerEntry>), OutageProblems))]
pub async fn list(State(state): State<AppState>) -> Result<Json<Whole<WorkerEntry>>, Problem> {
    Ok(Json(Whole::of(state.queue.workers().await?)))
}
