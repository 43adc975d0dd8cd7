//! What a client goes on with after a login or a refresh.

use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::sessions::Tokens;

/// An access token, and the refresh token that gets the next.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenBody {
    /// The token for `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// The access token's lifetime in seconds.
    #[schema(example = 900)]
    expires_in: u64,
    /// Gets the next tokens at `POST /api/v1/auth/refresh`, once.
    #[schema(example = "kq3Yb0pF4m1v7s2W9xZc6d8e5f0g1h2i3j4k5l6m7n8")]
    refresh_token: String,
    /// How long the session goes on without being refreshed, in seconds.
    #[schema(example = 2_592_000)]
    refresh_expires_in: u64,
}

impl From<Tokens> for TokenBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.token.expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: tokens.access.expires_in.as_secs(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            refresh_expires_in: tokens.refresh_expires_in.as_secs(),
        }
    }
}
