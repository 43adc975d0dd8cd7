//! Cross-origin requests, from the settings.

use std::time::Duration;

use axum::http::{HeaderName, header};
use callboard_shared::config::{CorsConfig, Origins};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    extract::REQUEST_ID,
    limits::{RATE_LIMIT, RATE_LIMIT_POLICY},
};

/// What a page of a listed origin may read of an answer, besides its body: all
/// that the conventions tell in headers.
const EXPOSED: [HeaderName; 10] = [
    REQUEST_ID,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("x-cache"),
    HeaderName::from_static("x-process-time"),
];

/// How long a browser need not ask again.
const PREFLIGHT_HOLDS: Duration = Duration::from_hours(1);

/// The layer, or none when no origin is listed. An origin that is not listed is
/// never reflected.
#[must_use]
pub fn layer(settings: &CorsConfig) -> Option<CorsLayer> {
    let origins = match &settings.origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(origins) if origins.is_empty() => return None,
        Origins::Listed(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(settings.methods.0.clone())
        .allow_headers(settings.headers.0.clone())
        .allow_credentials(settings.credentials)
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_HOLDS);
    Some(layer)
}
