//! What the gauges show, read when they are scraped.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::within_deadline;

/// Counts for the gauges: never a scan of the backlog.
#[derive(Debug)]
pub(crate) struct Sample {
    /// PostgreSQL's clock.
    pub(crate) now: DateTime<Utc>,
    /// The queues that workers serve, or served within the last hour.
    pub(crate) queues: Vec<String>,
    /// Busy slots of live workers in all.
    pub(crate) running: i64,
    /// Scheduled jobs, counted up to 10,000.
    pub(crate) scheduled: i64,
    /// Blocked jobs, counted up to 10,000.
    pub(crate) blocked: i64,
    /// Queues that have jobs: all that have queued ones, found by skipping through
    /// the index, and those of 10,000 scheduled jobs, the soonest, and of 10,000
    /// blocked ones of each sort. Empty unless asked for.
    pub(crate) waiting: Vec<String>,
}

/// Reads the counts in one statement, through indexes whatever the statistics say.
/// With `scan`, also looks for queues that have jobs, whether or not anybody serves
/// them.
pub(crate) async fn sample(pool: &PgPool, scan: bool) -> sqlx::Result<Sample> {
    within_deadline!(pool, |connection| sample_on(&mut connection, scan))
}

async fn sample_on(connection: &mut PgConnection, scan: bool) -> sqlx::Result<Sample> {
    let mut transaction = super::begin_duty(connection).await?;
    let sample = sqlx::query_as!(
        Sample,
        r#"WITH RECURSIVE waiting AS (
               (SELECT queue FROM queue_jobs WHERE $1 AND state = 'queued' ORDER BY queue LIMIT 1)
               UNION ALL
               SELECT next.queue FROM waiting CROSS JOIN LATERAL (
                   SELECT queue FROM queue_jobs WHERE state = 'queued' AND queue > waiting.queue
                   ORDER BY queue LIMIT 1) AS next)
           SELECT clock_timestamp() AS "now!",
                  coalesce((SELECT sum(busy) FROM queue_workers
                            WHERE beat_at > clock_timestamp() - interval '15 seconds'), 0) AS "running!",
                  ARRAY(SELECT DISTINCT unnest(queues) FROM queue_workers
                        WHERE beat_at > clock_timestamp() - interval '1 hour') AS "queues!",
                  (SELECT count(*) FROM (SELECT FROM queue_jobs WHERE state = 'scheduled' LIMIT 10000) AS s)
                      AS "scheduled!",
                  (SELECT count(*) FROM (
                       SELECT FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'limit'
                       UNION ALL SELECT FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'parents'
                       UNION ALL SELECT FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'kind'
                       LIMIT 10000) AS b) AS "blocked!",
                  ARRAY(SELECT queue FROM waiting
                        UNION SELECT queue FROM (
                            SELECT queue FROM queue_jobs WHERE $1 AND state = 'scheduled'
                            ORDER BY run_at LIMIT 10000) AS s
                        UNION SELECT queue FROM (
                            SELECT queue FROM queue_jobs WHERE $1 AND state = 'blocked' AND blocked_by = 'limit'
                            LIMIT 10000) AS b
                        UNION SELECT queue FROM (
                            SELECT queue FROM queue_jobs WHERE $1 AND state = 'blocked' AND blocked_by = 'parents'
                            LIMIT 10000) AS b
                        UNION SELECT queue FROM (
                            SELECT queue FROM queue_jobs WHERE $1 AND state = 'blocked' AND blocked_by = 'kind'
                            LIMIT 10000) AS b) AS "waiting!""#,
        scan,
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok(sample)
}
