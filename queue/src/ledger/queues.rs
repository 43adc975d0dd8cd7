//! What operators have said of queues.

use sqlx::PgPool;

use super::within_deadline;

/// The queues that are paused, sorted.
pub(crate) async fn paused(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    let paused = sqlx::query_scalar!("SELECT name FROM queue_queues WHERE paused_at IS NOT NULL ORDER BY name");
    within_deadline!(pool, |connection| paused.fetch_all(&mut *connection))
}

/// Pauses a queue; false if it was paused already.
pub(crate) async fn pause(pool: &PgPool, name: &str, by: Option<&str>) -> sqlx::Result<bool> {
    let paused = sqlx::query!(
        r#"INSERT INTO queue_queues AS queue (name, paused_at, paused_by) VALUES ($1, clock_timestamp(), $2)
           ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by
           WHERE queue.paused_at IS NULL"#,
        name,
        by,
    );
    let paused = within_deadline!(pool, |connection| paused.execute(&mut *connection))?;
    Ok(paused.rows_affected() > 0)
}

/// Resumes a queue; false if it was not paused. Nothing is left of the pause, so
/// that a queue that nobody uses is not listed for ever.
pub(crate) async fn resume(pool: &PgPool, name: &str) -> sqlx::Result<bool> {
    let resumed = sqlx::query!("DELETE FROM queue_queues WHERE name = $1 AND paused_at IS NOT NULL", name);
    let resumed = within_deadline!(pool, |connection| resumed.execute(&mut *connection))?;
    Ok(resumed.rows_affected() > 0)
}
