//! Table `audit_log`: append-only, written by [`requests`](super::requests).

use std::net::IpAddr;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::DbError;
use super::listing::{Column, Direction, Kind, Listed, Listing};
use crate::models::AuditEntry;

/// Who acts in a request, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// `user:<id>`, `key:<id>`, `anonymous` or `system`.
    pub actor: &'a str,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The request's id.
    pub request_id: Option<&'a str>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// `<thing>.<verb in the past>`, such as `item.created`.
    pub action: &'static str,
    /// What it was done to: the kind of thing, and its id.
    pub subject: Option<(&'static str, Uuid)>,
    /// What else is worth keeping: an object without secrets or personal data.
    pub details: Value,
}

impl Listed for AuditEntry {
    const LISTING: Listing = Listing {
        select: "SELECT id, at, actor, action, resource, resource_id, host(ip) AS ip, request_id, details FROM audit_log",
        table: "audit_log",
        columns: &[
            Column::new("id", Kind::Uuid).sorts(),
            Column::new("at", Kind::Timestamp).ranges().sorts(),
            Column::new("actor", Kind::Text).equals(),
            Column::new("action", Kind::Text).equals(),
            Column::new("resource", Kind::Text).equals(),
            Column::new("resource_id", Kind::Uuid).equals(),
            Column::new("request_id", Kind::Text).equals(),
        ],
        search: &[],
        owner: None,
        default_sort: &[("at", Direction::Descending)],
    };
}

/// Deletes up to `limit` entries that are older than `days`, the oldest first,
/// and returns how many. Needs a transaction of its own: the log refuses a
/// deletion that does not say what it is, and it says so until the end of it.
///
/// # Errors
/// Only the database's own.
pub async fn prune(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, DbError> {
    sqlx::query!("SELECT set_config('callboard.prunes_audit_log', 'on', true)").fetch_one(&mut *conn).await?;
    let done = sqlx::query!(
        "DELETE FROM audit_log WHERE id IN (
             SELECT id FROM audit_log WHERE at < clock_timestamp() - make_interval(days => $1) ORDER BY at, id LIMIT $2)",
        days,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
