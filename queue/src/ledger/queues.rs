//! What operators have said of queues.

use sqlx::{PgConnection, PgPool};

use super::within_deadline;

/// The queues that are paused, sorted.
pub(crate) async fn paused(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let paused = sqlx::query_scalar!("SELECT name FROM queue_queues WHERE paused_at IS NOT NULL ORDER BY name");
    within_deadline!(pool, |connection| paused.fetch_all(&mut *connection))
}

/// [`pause_in`] a transaction of its own.
pub(crate) async fn pause(pool: &PgPool, name: &str, by: Option<&str>) -> sqlx::Result<bool> {
    within_deadline!(pool, |connection| pause_in(&mut connection, name, by))
}

/// Pauses a queue; false if it was paused already.
pub(crate) async fn pause_in(connection: &mut PgConnection, name: &str, by: Option<&str>) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        r#"INSERT INTO queue_queues AS queue (name, paused_at, paused_by) VALUES ($1, clock_timestamp(), $2)
           ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by
           WHERE queue.paused_at IS NULL"#,
        name,
        by,
    );
    Ok(paused.execute(connection).await?.rows_affected() > 0)
}

/// [`resume_in`] a transaction of its own.
pub(crate) async fn resume(pool: &PgPool, name: &str) -> sqlx::Result<bool> {
    within_deadline!(pool, |connection| resume_in(&mut connection, name))
}

/// Resumes a queue; false if it was not paused. Nothing is left of the pause, so
/// that a queue that nobody uses is not listed for ever.
pub(crate) async fn resume_in(connection: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    let resumed = sqlx::query!("DELETE FROM queue_queues WHERE name = $1 AND paused_at IS NOT NULL", name);
    Ok(resumed.execute(connection).await?.rows_affected() > 0)
}
