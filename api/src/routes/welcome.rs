//! `GET /`: where to go from here.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;

/// The welcome.
#[derive(Debug, Serialize, ToSchema)]
pub struct Welcome {
    /// What answers here.
    #[schema(example = "callboard")]
    app: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// A friendly word.
    message: &'static str,
    /// Where the documentation is.
    docs: String,
    /// Where the machine-readable description is.
    openapi: String,
    /// Where its health is told.
    health: String,
}

/// Welcome
///
/// Names the application and where its documentation is.
#[utoipa::path(get, path = "/", tag = "service",
    responses((status = 200, description = "The welcome", body = Welcome)))]
pub async fn welcome(State(state): State<AppState>) -> Json<Welcome> {
    let url = |path: &str| format!("{}{path}", state.public_url);
    Json(Welcome {
        app: "callboard",
        version: env!("CARGO_PKG_VERSION"),
        message: "Welcome to Callboard: the back office of a talent agency.",
        docs: url("/docs"),
        openapi: url("/openapi.json"),
        health: url("/health"),
    })
}
