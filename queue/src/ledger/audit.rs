//! Finding what has been lost: the auditor's one bounded look, and its repair.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Priority, keys::List, ready_list::Ready};

/// How far a list has been served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) list: List,
    /// Jobs queued before this are running, or lost.
    pub(crate) at: DateTime<Utc>,
}

/// What the auditor's look found.
#[derive(Debug)]
pub(crate) struct Audit {
    /// PostgreSQL's clock.
    pub(crate) now: DateTime<Utc>,
    /// The lists that have queued or running jobs.
    pub(crate) lists: Vec<List>,
    /// Unclaimed jobs older than their list's watermark: on no list.
    pub(crate) lost: Vec<Uuid>,
    /// Jobs whose worker has stopped beating.
    pub(crate) orphaned: Vec<Orphan>,
}

/// A running job without a living worker.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    pub(crate) worker_id: Uuid,
    pub(crate) kind: String,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    /// How many workers have died with it before.
    pub(crate) losses: i64,
}

/// A list, a lost or an orphaned job, or the clock alone.
#[derive(sqlx::FromRow)]
struct Row {
    now: DateTime<Utc>,
    queue: Option<String>,
    priority: Option<i16>,
    id: Option<Uuid>,
    claim_id: Option<Uuid>,
    worker_id: Option<Uuid>,
    kind: Option<String>,
    attempt: Option<i16>,
    max_attempts: Option<i16>,
    losses: Option<i64>,
}

/// Looks at up to `limit` rows a list that are older than the list's watermark
/// and have no living worker, finds all lists by skipping through their index,
/// and keeps `note` in the auditor's lease. One statement.
pub(crate) async fn audit(
    pool: &PgPool,
    holder: Uuid,
    marks: &[Watermark],
    note: &Value,
    limit: i64,
) -> sqlx::Result<Audit> {
    let queues: Vec<&str> = marks.iter().map(|mark| mark.list.queue.as_str()).collect();
    let priorities: Vec<i16> = marks.iter().map(|mark| mark.list.priority.rank()).collect();
    let ats: Vec<DateTime<Utc>> = marks.iter().map(|mark| mark.at).collect();
    // Unprepared, and so planned for what is there now: a plan made while the
    // table was small may read all of it later. The macros can't say that.
    let rows: Vec<Row> = sqlx::query_as(
        "WITH RECURSIVE list AS (
               (SELECT queue, priority FROM queue_jobs WHERE state = 'queued'
                ORDER BY queue, priority LIMIT 1)
               UNION ALL
               SELECT next.queue, next.priority FROM list CROSS JOIN LATERAL (
                   SELECT queue, priority FROM queue_jobs
                   WHERE state = 'queued' AND (queue, priority) > (list.queue, list.priority)
                   ORDER BY queue, priority LIMIT 1) AS next),
           saved AS (
               UPDATE queue_leases SET note = $5
               WHERE duty = 'auditor' AND holder = $4 AND note <> $5)
           SELECT clock_timestamp() AS now, NULL::text AS queue, NULL::smallint AS priority,
                  NULL::uuid AS id, NULL::uuid AS claim_id, NULL::uuid AS worker_id, NULL::text AS kind,
                  NULL::smallint AS attempt, NULL::smallint AS max_attempts, NULL::bigint AS losses
           UNION ALL
           SELECT clock_timestamp(), queue, priority, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM list
           UNION ALL
           SELECT clock_timestamp(), NULL, NULL, job.*
           FROM unnest($1::text[], $2::smallint[], $3::timestamptz[]) AS mark (queue, priority, at)
           CROSS JOIN LATERAL (
               SELECT id, claim_id, worker_id, kind, attempt, max_attempts,
                      (SELECT count(*) FROM jsonb_array_elements(errors) AS error
                       WHERE error ->> 'failure' = 'worker_lost') AS losses
               FROM queue_jobs
               WHERE state = 'queued' AND queue = mark.queue AND priority = mark.priority
                 AND queued_at < mark.at
                 AND (worker_id IS NULL
                      OR worker_id <> ALL (ARRAY(SELECT id FROM queue_workers
                                                 WHERE beat_at > clock_timestamp() - interval '15 seconds')))
               ORDER BY queued_at LIMIT $6) AS job",
    )
    .bind(queues)
    .bind(priorities)
    .bind(ats)
    .bind(holder)
    .bind(note)
    .bind(limit)
    .persistent(false)
    .fetch_all(pool)
    .await?;

    let mut audit = Audit { now: Utc::now(), lists: Vec::new(), lost: Vec::new(), orphaned: Vec::new() };
    for row in rows {
        if let (Some(queue), Some(priority)) = (row.queue, row.priority) {
            audit.lists.push(List::new(queue, Priority::from_rank(priority)));
        } else if let (Some(id), Some(claim_id), Some(worker_id)) = (row.id, row.claim_id, row.worker_id) {
            audit.orphaned.push(Orphan {
                id,
                claim_id,
                worker_id,
                kind: row.kind.unwrap_or_default(),
                attempt: row.attempt.unwrap_or_default(),
                max_attempts: row.max_attempts.unwrap_or_default(),
                losses: row.losses.unwrap_or_default(),
            });
        } else if let Some(id) = row.id {
            audit.lost.push(id);
        } else {
            audit.now = row.now;
        }
    }
    Ok(audit)
}

/// Gives those of `ids` that are still waiting a new `queued_at`; returns what
/// belongs on the ready lists.
pub(crate) async fn requeue(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<Vec<Ready>> {
    let mut transaction = super::begin_duty(pool).await?;
    let rows = sqlx::query!(
        r#"UPDATE queue_jobs AS job SET queued_at = clock_timestamp()
           WHERE id = ANY(ARRAY(
               SELECT id FROM queue_jobs
               WHERE id = ANY($1) AND worker_id IS NULL AND state <> 'scheduled'
               FOR UPDATE SKIP LOCKED))
           RETURNING job.id, queue, priority, queued_at"#,
        ids,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| Ready {
            list: List::new(row.queue, Priority::from_rank(row.priority)),
            id: row.id,
            queued_at: row.queued_at,
        })
        .collect())
}
