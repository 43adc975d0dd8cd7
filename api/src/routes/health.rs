//! `GET /health`, `/livez`, `/readyz`: whether the process lives, and can work.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use callboard_shared::health::{Check, Status};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Code, Problem, Text},
    openapi::OutageProblems,
    state::AppState,
};

/// Health, for people and dashboards.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthBody {
    /// `ok`, `degraded` or `down`: the worst of the checks.
    #[schema(value_type = String, example = "ok")]
    status: Status,
    /// What answers here.
    #[schema(example = "callboard")]
    app: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The kind of installation.
    #[schema(example = "development")]
    environment: &'static str,
    /// Each part that is needed: how well it is, and how long its answer took.
    #[schema(value_type = Object, example = json!({
        "postgres": {"status": "ok", "latency_ms": 0.6},
        "redis": {"status": "ok", "latency_ms": 0.2},
    }))]
    checks: BTreeMap<&'static str, Check>,
}

/// The answer of a probe.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProbeBody {
    /// `ok` or `degraded`.
    #[schema(value_type = String, example = "ok")]
    status: Status,
}

/// Health of the service
///
/// Answers 200 while requests can be served: `degraded` means that Redis is out
/// of reach, so that jobs start later, but none is lost.
#[utoipa::path(get, path = "/health", tag = "service",
    responses(
        (status = 200, description = "Serving: `ok` or `degraded`", body = HealthBody),
        (status = 503, description = "`down`: PostgreSQL is out of reach", body = HealthBody)))]
pub async fn health(State(state): State<AppState>) -> Response {
    let health = state.health().await;
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = HealthBody {
        status: health.status,
        app: "callboard",
        version: env!("CARGO_PKG_VERSION"),
        environment: state.environment.as_str(),
        checks: health.checks,
    };
    (status, Json(body)).into_response()
}

/// Liveness
///
/// The process runs and answers; it asks nothing else.
#[utoipa::path(get, path = "/livez", tag = "service",
    responses((status = 200, description = "Alive", body = ProbeBody)))]
pub async fn livez() -> Json<ProbeBody> {
    Json(ProbeBody { status: Status::Ok })
}

/// Readiness
///
/// Whether requests should be sent here. Without Redis they should (`degraded`).
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, description = "Ready: `ok` or `degraded`", body = ProbeBody), OutageProblems))]
pub async fn readyz(State(state): State<AppState>) -> Result<Json<ProbeBody>, Problem> {
    let health = state.health().await;
    if health.is_ready() {
        return Ok(Json(ProbeBody { status: health.status }));
    }
    Err(Problem::new(Code::ServiceUnavailable)
        .with_detail(Text::fixed("The database is out of reach.", "데이터베이스에 연결할 수 없습니다.")))
}
