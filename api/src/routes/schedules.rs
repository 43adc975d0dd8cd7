//! `/api/v1/schedules`: jobs by the clock.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::Response,
};
use callboard_queue::{Enqueued, Error, ScheduleView};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::Whole,
    auth::Caller,
    error::Problem,
    extract::{Action, Faults, Input, MergePatch, Patch, Preconditions, RequestInfo, Segment, etag},
    openapi::{BodyProblems, NamedProblems, OutageProblems, OwnChangeProblems},
    state::AppState,
    views::{JobBody, ScheduleEntry},
    work::{Begun, Work},
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, update)).routes(routes!(run))
}

/// What of a schedule operators decide.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleBody {
    /// Whether it ticks. What operators say stays over deploys; ticks that come
    /// while it is disabled are not made up for.
    #[schema(example = false)]
    enabled: bool,
}

type SchedulePatch = Patch<ScheduleBody>;

/// The same, checked.
#[derive(Debug)]
struct Wish {
    enabled: bool,
}

impl Input for Wish {
    type Raw = ScheduleBody;

    fn parse(raw: ScheduleBody, _: &mut Faults) -> Option<Self> {
        Some(Self { enabled: raw.enabled })
    }
}

/// List schedules
///
/// Those that a worker has declared, by name.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules",
    responses((status = 200, description = "The schedules", body = Whole<ScheduleEntry>), OutageProblems))]
async fn list(State(state): State<AppState>) -> Result<Json<Whole<ScheduleEntry>>, Problem> {
    Ok(Json(Whole::of(state.queue.schedules().await?)))
}

/// Look at a schedule
///
/// Its ticks go on without a new version, so nobody keeps the answer: the `ETag`,
/// of what it is and whether it is enabled, is for `If-Match` alone.
///
/// # Errors
/// 404 for one that no worker has declared.
#[utoipa::path(get, path = "/api/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name", example = "maintenance.prune_sessions")),
    responses((status = 200, description = "The schedule", body = ScheduleEntry), NamedProblems))]
async fn show(State(state): State<AppState>, Segment(name): Segment<String>) -> Result<Tagged, Problem> {
    Ok(tagged(state.queue.schedule(&storable(name)?).await?))
}

/// Enable or disable a schedule
///
/// A JSON merge patch (RFC 7396) of `enabled`. It takes effect within five
/// seconds.
///
/// # Errors
/// 404 for one that no worker has declared; 412 for another version than `If-Match`
/// names.
#[utoipa::path(patch, path = "/api/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name", example = "maintenance.prune_sessions")),
    request_body(content = SchedulePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The schedule", body = ScheduleEntry),
        BodyProblems, NamedProblems, OwnChangeProblems))]
async fn update(
    State(state): State<AppState>,
    caller: Caller,
    info: RequestInfo,
    preconditions: Preconditions,
    Segment(name): Segment<String>,
    patch: MergePatch,
) -> Result<Tagged, Problem> {
    let name = storable(name)?;
    let mut work = Work::by(&state, &info, &caller).await?;
    let before = work.queue().lock_schedule(&name).await?;
    preconditions.check(version(&before))?;
    let Wish { enabled } = patch.apply(&ScheduleBody { enabled: before.enabled })?;
    if enabled == before.enabled {
        return Ok(tagged(before));
    }
    work.queue().enable_schedule(&name, enabled).await?;
    let after = work.queue().lock_schedule(&name).await?;
    work.audit_with("schedule.changed", None, json!({ "schedule": name, "enabled": enabled }));
    work.commit().await?;
    Ok(tagged(after))
}

/// Run a schedule's job now
///
/// Apart from its ticks, and whether or not it is enabled. Where the job has a
/// unique key that an earlier one holds, nothing is enqueued, and the answer is
/// that one, with status 200.
///
/// # Errors
/// 404 for one that no worker has declared.
#[utoipa::path(post, path = "/api/v1/schedules/{name}/run", tag = "schedules",
    params(("name" = String, Path, description = "The schedule's name", example = "maintenance.prune_sessions")),
    responses(
        (status = 202, description = "The job, which goes on at `Location`", body = JobBody),
        (status = 200, description = "The earlier job, which holds the unique key", body = JobBody),
        NamedProblems))]
async fn run(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    action: Action,
) -> Result<Response, Problem> {
    let name = storable(name)?;
    let mut work = match action.begin(&state).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    let Enqueued { id, existing } = work.queue().run_schedule(&name).await?;
    let job = JobBody::new(work.queue().job(id).await?.ok_or(Error::NoSuchJob(id))?, true);
    if existing {
        return work.commit_answer(StatusCode::OK, None, &job).await;
    }
    work.audit_with("schedule.run", ("job", id), json!({ "schedule": name }));
    work.commit_answer(StatusCode::ACCEPTED, Some(format!("/api/v1/jobs/{id}")), &job).await
}

/// A schedule with its `ETag`.
type Tagged = ([(HeaderName, String); 1], Json<ScheduleEntry>);

fn tagged(schedule: ScheduleView) -> Tagged {
    ([(header::ETAG, etag(version(&schedule)))], Json(schedule.into()))
}

/// A number that stands for all that workers declare of a schedule and operators
/// say of it: there is none that counts its changes.
fn version(schedule: &ScheduleView) -> i64 {
    let ScheduleView { name, cron, time_zone, misfire, enabled, kind, queue, .. } = schedule;
    let told = json!([name, cron, time_zone, misfire.as_str(), enabled, kind, queue]).to_string();
    let mut number = [0; size_of::<i64>()];
    number[1..].copy_from_slice(&Sha256::digest(told)[1..size_of::<i64>()]);
    i64::from_be_bytes(number)
}

/// The name, if a schedule can have it: PostgreSQL takes no text with NUL.
fn storable(name: String) -> Result<String, Problem> {
    if name.contains('\0') { Err(Error::NoSuchSchedule(name).into()) } else { Ok(name) }
}
