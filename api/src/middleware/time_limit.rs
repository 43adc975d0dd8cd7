//! The longest a handler may take.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::{Code, Problem};

/// Gives a handler up after `limit`: 503 `timeout`. Dropping it rolls back its
/// transaction, so a request that timed out has changed nothing, unless its
/// commit was already under way.
pub async fn time_limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}
