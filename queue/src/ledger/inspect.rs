//! Looking at jobs and workers, for people and for metrics.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::Priority;

/// A job as people and the API see it. Times are PostgreSQL's.
#[derive(Clone, Debug, Serialize)]
pub struct JobView {
    /// Its id: a `UUIDv7`, so ids sort by creation.
    pub id: Uuid,
    /// Its kind, as `email.verify_address`.
    pub kind: String,
    /// Where it waits or waited.
    pub queue: String,
    /// How urgent it is.
    pub priority: Priority,
    /// `queued`, `scheduled`, `running`, `completed`, `discarded` or `cancelled`.
    pub state: String,
    /// Attempts begun.
    pub attempt: i16,
    /// Attempts allowed.
    pub max_attempts: i16,
    /// Not before this time.
    pub run_at: DateTime<Utc>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it was last put on its ready list.
    pub queued_at: DateTime<Utc>,
    /// When its latest attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The last errors, the oldest first: `at`, `attempt`, `worker`, `failure`, `message`.
    pub errors: Value,
    /// What the handler returned.
    pub result: Option<Value>,
    /// Why it ended, if not by completing.
    pub end_reason: Option<String>,
    /// Whose request caused it.
    pub owner: Option<String>,
    /// The request id and trace context of its cause.
    pub meta: Value,
    /// What it works on. Not for strangers.
    pub payload: Value,
}

impl JobView {
    /// The state in the words of outsiders: queued, started (running), finished
    /// (completed), failed (discarded), scheduled, cancelled.
    #[must_use]
    pub fn status(&self) -> &str {
        match self.state.as_str() {
            "running" => "started",
            "completed" => "finished",
            "discarded" => "failed",
            other => other,
        }
    }
}

/// The job with this id, live or ended.
pub(crate) async fn job(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<JobView>> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!", kind AS "kind!", queue AS "queue!", priority AS "priority!", state AS "state!",
                  attempt AS "attempt!", max_attempts AS "max_attempts!", run_at AS "run_at!",
                  created_at AS "created_at!", queued_at AS "queued_at!", started_at, finished_at,
                  errors AS "errors!", result, end_reason, owner, meta AS "meta!", payload AS "payload!"
           FROM queue_jobs_all WHERE id = $1"#,
        id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| JobView {
        id: row.id,
        kind: row.kind,
        queue: row.queue,
        priority: Priority::from_rank(row.priority),
        state: row.state,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        run_at: row.run_at,
        created_at: row.created_at,
        queued_at: row.queued_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        errors: row.errors,
        result: row.result,
        end_reason: row.end_reason,
        owner: row.owner,
        meta: row.meta,
        payload: row.payload,
    }))
}

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
    /// Queues that have queued jobs, found by skipping through the index; empty
    /// unless asked for.
    pub(crate) waiting: Vec<String>,
}

/// Reads the counts in one statement, through indexes whatever the statistics say.
/// With `scan`, also looks for queues that nobody serves.
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
                  ARRAY(SELECT DISTINCT unnest(queues) FROM queue_workers) AS "queues!",
                  (SELECT count(*) FROM (SELECT FROM queue_jobs WHERE state = 'scheduled' LIMIT 10000) AS s)
                      AS "scheduled!",
                  ARRAY(SELECT queue FROM waiting) AS "waiting!""#,
        scan,
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok(sample)
}
