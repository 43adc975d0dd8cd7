//! `/api/v1/queues`: where jobs wait.
//!
//! Pausing and resuming are the queue's own transactions; how they and their
//! lines in the audit log belong together is told at [`Action`].

use axum::{Json, extract::State, response::Response};
use callboard_queue::Queue;
use callboard_shared::db::audit_log::Act;
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::Whole,
    error::Problem,
    extract::{Action, Done, Segment},
    openapi::{NamedProblems, OutageProblems},
    state::AppState,
    views::QueueEntry,
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
    let (queue, by) = (state.queue.clone(), action.caller.principal().to_owned());
    let act = async move {
        let is_news = queue.pause(&name, Some(&by)).await?;
        done("queue.paused", is_news, &queue, &name).await
    };
    action.perform(&state, act).await
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
    let queue = state.queue.clone();
    let act = async move {
        let is_news = queue.resume(&name).await?;
        done("queue.resumed", is_news, &queue, &name).await
    };
    action.perform(&state, act).await
}

async fn done(what: &'static str, is_news: bool, queue: &Queue, name: &str) -> Result<Done<QueueEntry>, Problem> {
    let act = is_news.then(|| Act { action: what, subject: None, details: json!({ "queue": name }) });
    Ok(Done::ok(act, queue.queue(name).await?.into()))
}
