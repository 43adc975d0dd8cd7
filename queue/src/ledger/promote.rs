//! Making scheduled jobs ready when they are due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Priority, keys::List, ready_list::Ready};

/// What one look at the schedule found.
#[derive(Debug)]
pub(crate) struct Promoted {
    /// What belongs on the ready lists now.
    pub(crate) ready: Vec<Ready>,
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
    due_in: Option<f64>,
}

/// Queues up to `limit` jobs that are due, the longest due first. One statement.
pub(crate) async fn promote(pool: &PgPool, limit: i64) -> sqlx::Result<Promoted> {
    // Unprepared, and so planned for what is there now: a plan made while the
    // schedule was short may read all of it later. The macros can't say that.
    let rows: Vec<Row> = sqlx::query_as(
        "WITH settings AS MATERIALIZED (
               SELECT set_config('lock_timeout', '1s', true)),
           due AS MATERIALIZED (
               SELECT id FROM queue_jobs, settings
               WHERE state = 'scheduled' AND run_at <= clock_timestamp()
               ORDER BY run_at LIMIT $1 FOR UPDATE OF queue_jobs SKIP LOCKED),
           promoted AS (
               UPDATE queue_jobs AS job SET state = 'queued', queued_at = clock_timestamp()
               FROM due WHERE job.id = due.id
               RETURNING job.id, job.queue, job.priority, job.queued_at)
           SELECT id, queue, priority, queued_at, NULL::double precision AS due_in FROM promoted
           UNION ALL
           (SELECT NULL, NULL, NULL, NULL,
                   extract(epoch FROM run_at - clock_timestamp())::double precision
            FROM queue_jobs WHERE state = 'scheduled' AND run_at > clock_timestamp()
            ORDER BY run_at LIMIT 1)",
    )
    .bind(limit)
    .persistent(false)
    .fetch_all(pool)
    .await?;
    let mut promoted = Promoted { ready: Vec::new(), next_due_in: None };
    for row in rows {
        match (row.id, row.queue, row.priority, row.queued_at) {
            (Some(id), Some(queue), Some(priority), Some(queued_at)) => {
                promoted.ready.push(Ready { list: List::new(queue, Priority::from_rank(priority)), id, queued_at });
            }
            _ => {
                promoted.next_due_in =
                    row.due_in.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
            }
        }
    }
    Ok(promoted)
}
