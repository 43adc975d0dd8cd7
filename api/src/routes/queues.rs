//! `/api/v1/queues`: where jobs wait.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::Whole,
    error::Problem,
    extract::{Action, Segment},
    openapi::{NamedProblems, OutageProblems},
    state::AppState,
    views::QueueEntry,
    work::{Begun, Work},
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(pause)).routes(routes!(resume))
}

/// List queues
///
/// Those that a worker serves, that are paused, or that have jobs, by name.
#[utoipa::path(get, path = "/api/v1/queues", tag = "queues",
    responses((status = 200, description = "The queues", body = Whole<QueueEntry>), OutageProblems))]
async fn list(State(state): State<AppState>) -> Result<Json<Whole<QueueEntry>>, Problem> {
    Ok(Json(Whole::of(state.queue.queues().await?)))
}

/// Look at a queue
///
/// A queue is there as soon as it has a name: one that nobody has used yet is
/// empty.
///
/// # Errors
/// 404 for what can't be a queue's name.
#[utoipa::path(get, path = "/api/v1/queues/{name}", tag = "queues",
    params(("name" = String, Path, description = "The queue's name", pattern = "^[a-z0-9_-]{1,50}$", example = "mail")),
    responses((status = 200, description = "The queue", body = QueueEntry), NamedProblems))]
async fn show(State(state): State<AppState>, Segment(name): Segment<String>) -> Result<Json<QueueEntry>, Problem> {
    Ok(Json(state.queue.queue(&name).await?.into()))
}

/// Pause a queue
///
/// Within a second no worker starts a job of it any more; what runs goes on.
/// Pausing a paused queue changes nothing.
///
/// # Errors
/// 404 for what can't be a queue's name.
#[utoipa::path(post, path = "/api/v1/queues/{name}/pause", tag = "queues",
    params(("name" = String, Path, description = "The queue's name", pattern = "^[a-z0-9_-]{1,50}$", example = "mail")),
    responses((status = 200, description = "The queue after it", body = QueueEntry), NamedProblems))]
async fn pause(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    action: Action,
) -> Result<Response, Problem> {
    let mut work = match action.begin(&state).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    if work.queue().pause(&name, Some(action.caller.principal())).await? {
        work.audit_with("queue.paused", None, json!({ "queue": name }));
    }
    state.commits.finish(changed(work, name)).await
}

/// Resume a queue
///
/// Workers go on with it at once. Resuming a queue that is not paused changes
/// nothing.
///
/// # Errors
/// 404 for what can't be a queue's name.
#[utoipa::path(post, path = "/api/v1/queues/{name}/resume", tag = "queues",
    params(("name" = String, Path, description = "The queue's name", pattern = "^[a-z0-9_-]{1,50}$", example = "mail")),
    responses((status = 200, description = "The queue after it", body = QueueEntry), NamedProblems))]
async fn resume(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    action: Action,
) -> Result<Response, Problem> {
    let mut work = match action.begin(&state).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    if work.queue().resume(&name).await? {
        work.audit_with("queue.resumed", None, json!({ "queue": name }));
    }
    state.commits.finish(changed(work, name)).await
}

/// Commits what was done to the queue, and answers with the queue after it: to its
/// end, as workers are told after the commit.
async fn changed(mut work: Work, name: String) -> Result<Response, Problem> {
    let queue = QueueEntry::from(work.queue().queue(&name).await?);
    work.commit_answer(StatusCode::OK, None, &queue).await
}
