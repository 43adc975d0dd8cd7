//! `GET /api/v1/auth/providers`.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::AppState;

/// A provider that people can log in by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct ProviderBody {
    /// Its name in URLs.
    #[schema(example = "google")]
    name: &'static str,
    /// Its name for people.
    #[schema(example = "Google")]
    title: &'static str,
    /// Where a browser goes to log in by it.
    #[schema(format = "uri", example = "https://callboard.example.com/api/v1/auth/oauth/google")]
    url: String,
}

/// The providers that people can log in by.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderList {
    /// Those that this installation has set up, by name.
    items: Vec<ProviderBody>,
}

/// List the providers
///
/// Those that people can log in by, beside a password.
#[utoipa::path(get, path = "/api/v1/auth/providers", tag = "auth",
    responses((status = 200, description = "The providers", body = ProviderList)))]
pub async fn list(State(state): State<AppState>) -> Json<ProviderList> {
    let items = state.social.configured().map(|provider| ProviderBody {
        name: provider.as_str(),
        title: provider.title(),
        url: format!("{}/api/v1/auth/oauth/{provider}", state.public_url),
    });
    Json(ProviderList { items: items.collect() })
}
