//! Making scheduled jobs ready when they are due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::news::Ready;

/// What one look at the schedule found.
#[derive(Debug)]
pub(crate) struct Promoted {
    /// What belongs on the ready lists now.
    pub(crate) ready: Vec<Ready>,
    /// The limit keys of those that must wait for a slot first.
    pub(crate) limit_keys: Vec<String>,
    /// How many were due.
    pub(crate) due: u32,
    /// When the next job is due, if one is.
    pub(crate) next_due_in: Option<Duration>,
}

/// A promoted job, or how many seconds from now the next is due.
#[derive(sqlx::FromRow)]
struct Row {
    id: Option<Uuid>,
    queue: Option<String>,
    priority: Option<i16>,
    queued_at: Option<DateTime<Utc>>,
    waits_for: Option<String>,
    due_in: Option<f64>,
}

/// Queues up to `limit` jobs that are due, the longest due first. One statement.
///
/// `now()` is the statement's start: never later than the clock, so no job
/// comes early, and unlike the clock itself a condition for the index.
pub(crate) async fn promote(pool: &PgPool, limit: u32) -> sqlx::Result<Promoted> {
    let rows: Vec<Row> = super::send_planned_anew(
        pool,
        format!(
            "WITH due AS MATERIALIZED (
                 SELECT id FROM queue_jobs WHERE state = 'scheduled' AND run_at <= now()
                 ORDER BY run_at LIMIT {limit} FOR UPDATE SKIP LOCKED),
             promoted AS (
                 UPDATE queue_jobs AS job
                 SET state = CASE WHEN limit_key IS NULL OR admitted THEN 'queued' ELSE 'blocked' END,
                     blocked_by = CASE WHEN limit_key IS NULL OR admitted THEN NULL ELSE 'limit' END,
                     queued_at = clock_timestamp()
                 WHERE id = ANY(ARRAY(SELECT id FROM due))
                 RETURNING job.id, job.queue, job.priority, job.queued_at,
                           CASE WHEN state = 'blocked' THEN limit_key END AS waits_for)
             SELECT id, queue, priority, queued_at, waits_for, NULL::double precision AS due_in FROM promoted
             UNION ALL
             (SELECT NULL, NULL, NULL, NULL, NULL, extract(epoch FROM run_at - now())::double precision
              FROM queue_jobs WHERE state = 'scheduled' AND run_at > now()
              ORDER BY run_at LIMIT 1)"
        ),
    )
    .await?;
    let mut promoted = Promoted { ready: Vec::new(), limit_keys: Vec::new(), due: 0, next_due_in: None };
    for row in rows {
        if let Some(key) = row.waits_for {
            promoted.due += 1;
            promoted.limit_keys.push(key);
            continue;
        }
        match (row.id, row.queue, row.priority, row.queued_at) {
            (Some(id), Some(queue), Some(priority), Some(queued_at)) => {
                promoted.due += 1;
                promoted.ready.push(Ready::new(queue, priority, id, queued_at));
            }
            _ => {
                promoted.next_due_in =
                    row.due_in.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
            }
        }
    }
    Ok(promoted)
}
