//! The record of who did what.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow, ToSchema)]
pub struct AuditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Who did it: `user:<id>`, `key:<id>`, `anonymous` or `system`.
    #[schema(example = "user:019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub actor: String,
    /// What was done, as `<thing>.<verb in the past>`.
    #[schema(example = "item.created")]
    pub action: String,
    /// The kind of thing it was done to.
    #[schema(example = "item")]
    pub resource: Option<String>,
    /// Its id.
    pub resource_id: Option<Uuid>,
    /// The client's address.
    #[schema(example = "192.0.2.17")]
    pub ip: Option<String>,
    /// The request that did it.
    pub request_id: Option<String>,
    /// What else is worth keeping; never a secret.
    #[schema(value_type = Object)]
    pub details: Value,
}
