//! PostgreSQL itself: which one it is, and what time it has.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::DbError;

/// The server as it describes itself.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// Its version as one number: 150004 is 15.4.
    pub version: i32,
    /// Its clock.
    pub now: DateTime<Utc>,
}

/// Asks the server about itself.
///
/// # Errors
/// Only the database's own.
pub async fn describe(executor: impl PgExecutor<'_>) -> Result<Server, DbError> {
    let server = sqlx::query_as!(
        Server,
        r#"SELECT current_setting('server_version_num')::integer AS "version!", clock_timestamp() AS "now!""#,
    )
    .fetch_one(executor)
    .await?;
    Ok(server)
}
