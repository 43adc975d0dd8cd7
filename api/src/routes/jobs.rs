//! `/api/v1/jobs`: the work that requests have caused.

use axum::{Json, extract::State};

use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::PathId,
    openapi::NotFoundProblems,
    state::AppState,
    views::JobBody,
};

/// Look at a job
///
/// Users see the jobs that their own requests have caused; staff see all.
///
/// # Errors
/// 404 for a job that does not exist or is another's.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = JobBody), NotFoundProblems))]
pub async fn show(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> Result<Json<JobBody>, Problem> {
    let owner = caller.user_id().to_string();
    let is_staff = caller.is_staff();
    state
        .queue
        .job(id)
        .await?
        .filter(|job| is_staff || job.owner.as_ref() == Some(&owner))
        .map(|job| Json(JobBody::new(job, is_staff)))
        .ok_or_else(|| Problem::new(Code::NotFound))
}
