//! Statements for tests only: they look at all jobs there are.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;

use super::inspect::{JobView, columns};

/// How many jobs have ended, by state.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Ended {
    pub(crate) completed: i64,
    pub(crate) discarded: i64,
    pub(crate) cancelled: i64,
}

pub(crate) async fn ended(pool: &PgPool) -> sqlx::Result<Ended> {
    sqlx::query_as(
        "SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
                count(*) FILTER (WHERE state = 'discarded') AS discarded,
                count(*) FILTER (WHERE state = 'cancelled') AS cancelled
         FROM queue_history",
    )
    .fetch_one(pool)
    .await
}

/// What could run now, and a sum that changes when anything happens.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub(crate) struct Pending {
    pub(crate) jobs: i64,
    pub(crate) attempts: Option<i64>,
    pub(crate) ended: i64,
}

pub(crate) async fn pending(pool: &PgPool) -> sqlx::Result<Pending> {
    sqlx::query_as(
        "SELECT count(*) FILTER (
                    WHERE state = 'queued' OR state = 'scheduled' AND run_at <= clock_timestamp()
                       OR blocked_by = 'limit'
                       OR blocked_by = 'parents' AND NOT EXISTS (
                              SELECT FROM queue_dependencies JOIN queue_jobs AS parent ON parent.id = parent_id
                              WHERE child_id = job.id)) AS jobs,
                sum(attempt)::bigint AS attempts,
                (SELECT count(*) FROM queue_history) AS ended
         FROM queue_jobs AS job",
    )
    .fetch_one(pool)
    .await
}

/// The jobs that have not ended, the oldest first.
pub(crate) async fn live(pool: &PgPool) -> sqlx::Result<Vec<JobView>> {
    let statement = concat!("SELECT ", columns!(), " FROM queue_jobs_all WHERE finished_at IS NULL ORDER BY id");
    sqlx::query_as(statement).fetch_all(pool).await
}

/// The payloads of the jobs of a kind that have not ended, as they are stored.
pub(crate) async fn payloads(pool: &PgPool, kind: &str) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar("SELECT payload FROM queue_jobs WHERE kind = $1 ORDER BY id").bind(kind).fetch_all(pool).await
}

/// Moves all times that the queue waits for back by `by`.
pub(crate) async fn advance(pool: &PgPool, by: Duration) -> sqlx::Result<()> {
    sqlx::query(
        "WITH by AS (SELECT make_interval(secs => $1) AS by),
              jobs AS (UPDATE queue_jobs SET run_at = run_at - by, expires_at = expires_at - by FROM by),
              windows AS (UPDATE queue_unique_windows SET held_until = held_until - by FROM by),
              limits AS (UPDATE queue_limits SET reserved_to = reserved_to - by FROM by)
         UPDATE queue_schedules SET ticked_to = ticked_to - by, next_at = NULL FROM by",
    )
    .bind(by.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}
