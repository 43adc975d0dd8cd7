//! Cross-origin requests, from the settings.

use callboard_shared::config::{CorsConfig, Origins};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::extract::REQUEST_ID;

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
        .expose_headers([REQUEST_ID, axum::http::header::RETRY_AFTER]);
    Some(layer)
}
