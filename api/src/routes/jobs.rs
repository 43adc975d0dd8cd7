//! `/api/v1/jobs`: the work that requests have caused.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use callboard_queue::{Cancellation, Error, JobView, Queue};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    answer::Page,
    auth::{Caller, ownership::JOBS},
    error::Problem,
    extract::{Action, JobList, JobListParams, PathId},
    openapi::{CancelProblems, JobListProblems, ListProblems, NotFoundProblems, RetryProblems},
    state::AppState,
    views::{JobBody, WhyBody},
    work::{Begun, Work},
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(why))
        .routes(routes!(cancel))
        .routes(routes!(retry))
}

/// List jobs
///
/// The jobs that the filters leave in, live and ended, the newest first: those that
/// one's own requests have caused; staff see all, and they alone may use `q`. A page
/// looks at 10,000 jobs at most, of those that one may see: it may have fewer than `limit`, even none, and
/// be followed by others all the same. The list has ended when `next_cursor` is
/// absent. There is no way back, so `prev_cursor` always is.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(JobListParams),
    responses((status = 200, description = "A page", body = Page<JobBody>), ListProblems, JobListProblems))]
async fn list(State(state): State<AppState>, caller: Caller, list: JobList) -> Result<Json<Page<JobBody>>, Problem> {
    let found = list.fetch(&state.queue, JOBS.only(&caller)).await?;
    Ok(Json(list.page(found, |job| JobBody::new(job, caller.is_staff()))))
}

/// Look at a job
///
/// Users see the jobs that their own requests have caused; staff see all.
///
/// # Errors
/// 404 for a job that does not exist or is another's.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = JobBody), NotFoundProblems))]
async fn show(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> Result<Json<JobBody>, Problem> {
    let job = visible(find(&state.queue, id).await?, &caller)?;
    Ok(Json(JobBody::new(job, caller.is_staff())))
}

/// Ask why a job is not running
///
/// All that stands in its way now, the strongest first. Users may ask of the jobs
/// that their own requests have caused; staff of all, and are told which workers
/// and who too.
///
/// # Errors
/// 404 for a job that does not exist or is another's.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/why", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The reasons", body = WhyBody), NotFoundProblems))]
async fn why(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> Result<Json<WhyBody>, Problem> {
    visible(find(&state.queue, id).await?, &caller)?;
    Ok(Json(WhyBody::new(state.queue.why(id).await?, caller.is_staff())))
}

/// Cancel a job
///
/// One that waits has ended as `cancelled` in the answer. One that runs is told
/// to stop, and its answer says `cancel_requested`: it ends as `cancelled` soon,
/// unless it completes first.
///
/// # Errors
/// 404 for a job that does not exist, 409 for one that has ended.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The job after it", body = JobBody), NotFoundProblems, CancelProblems))]
async fn cancel(State(state): State<AppState>, PathId(id): PathId, action: Action) -> Result<Response, Problem> {
    let mut work = match action.begin(&state).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    match work.queue().cancel(id).await? {
        Cancellation::Ended => work.audit("job.cancelled", ("job", id)),
        Cancellation::Requested => work.audit_with("job.cancelled", ("job", id), json!({ "requested": true })),
        // Whoever asked first is in the log.
        Cancellation::AlreadyRequested => {}
    }
    state.commits.finish(changed(work, id)).await
}

/// Run a job again
///
/// One that has ended, in whatever way, is queued again with as many attempts
/// more as its kind has; one that is scheduled is due now.
///
/// # Errors
/// 404 for a job that does not exist; 409 for one that waits its turn, under a
/// limit's rate too, or runs, and where another job holds its unique key.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, description = "The job after it", body = JobBody), NotFoundProblems, RetryProblems))]
async fn retry(State(state): State<AppState>, PathId(id): PathId, action: Action) -> Result<Response, Problem> {
    let mut work = match action.begin(&state).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    work.queue().retry(id).await?;
    work.audit("job.retried", ("job", id));
    state.commits.finish(changed(work, id)).await
}

/// Commits what was done to the job, and answers with the job after it: to its end,
/// as workers are told after the commit.
async fn changed(mut work: Work, id: Uuid) -> Result<Response, Problem> {
    let job = work.queue().job(id).await?.ok_or(Error::NoSuchJob(id))?;
    work.commit_answer(StatusCode::OK, None, &JobBody::new(job, true)).await
}

async fn find(queue: &Queue, id: Uuid) -> Result<JobView, Problem> {
    Ok(queue.job(id).await?.ok_or(Error::NoSuchJob(id))?)
}

/// The job, if the caller may see it.
fn visible(job: JobView, caller: &Caller) -> Result<JobView, Problem> {
    let is_own = || job.owner == Some(caller.user_id().to_string());
    if caller.is_staff() || is_own() { Ok(job) } else { Err(Error::NoSuchJob(job.id).into()) }
}
