//! A panic in a handler ends that request only, as a 500 problem.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::Problem;

/// What the handler panicked with; for the log only.
#[derive(Debug, thiserror::Error)]
#[error("handler panicked: {0}")]
struct Panicked(String);

/// The answer to a request whose handler panicked.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "the signature that the panic layer calls")]
pub fn answer(payload: Box<dyn Any + Send>) -> Response {
    let words = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Problem::internal(Panicked(words)).into_response()
}
