//! Keys of services.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A key by which a service acts for its user. The key itself is not in it:
/// only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyEntry {
    /// The key's id.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub id: Uuid,
    /// What it is called.
    #[schema(example = "Nightly import")]
    pub name: String,
    /// Its first characters, to tell keys apart.
    #[schema(example = "cb_BwcHBwcH")]
    pub prefix: String,
    /// What it may do, within what its user may.
    #[schema(example = json!(["items:read", "items:write"]))]
    pub scopes: Vec<String>,
    /// When it ends; never when null.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
