//! Making scheduled jobs ready when they are due.

use std::time::Duration;

use sqlx::PgPool;

use crate::{Priority, keys::List, ready_list::Ready};

/// What one look at the schedule found.
#[derive(Debug)]
pub(crate) struct Promoted {
    /// What belongs on the ready lists now.
    pub(crate) ready: Vec<Ready>,
    /// When the next job is due, if one is.
    pub(crate) next_due_in: Option<Duration>,
}

/// Queues up to `limit` jobs that are due, the longest due first. One statement.
pub(crate) async fn promote(pool: &PgPool, limit: i64) -> sqlx::Result<Promoted> {
    let rows = sqlx::query!(
        r#"WITH settings AS MATERIALIZED (
               SELECT set_config('lock_timeout', '1s', true)),
           due AS MATERIALIZED (
               SELECT id FROM queue_jobs, settings
               WHERE state = 'scheduled' AND run_at <= clock_timestamp()
               ORDER BY run_at LIMIT $1 FOR UPDATE OF queue_jobs SKIP LOCKED),
           promoted AS (
               UPDATE queue_jobs AS job SET state = 'queued', queued_at = clock_timestamp()
               FROM due WHERE job.id = due.id
               RETURNING job.id, job.queue, job.priority, job.queued_at)
           SELECT id AS "id?", queue AS "queue?", priority AS "priority?", queued_at AS "queued_at?",
                  NULL::double precision AS due_in
           FROM promoted
           UNION ALL
           (SELECT NULL, NULL, NULL, NULL,
                   extract(epoch FROM run_at - clock_timestamp())::double precision
            FROM queue_jobs WHERE state = 'scheduled' AND run_at > clock_timestamp()
            ORDER BY run_at LIMIT 1)"#,
        limit,
    )
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
