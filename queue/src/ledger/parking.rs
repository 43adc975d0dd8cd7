//! Parking jobs that a worker can't run, and letting them go on at one that can.
//!
//! A worker's `kinds` name what it reads: `email.welcome`, and with version 2 of
//! its payload also `email.welcome#2`.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::news::{Announcement, Ready};

/// A job that was parked.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) kind: String,
    pub(crate) payload_version: i16,
    pub(crate) limit_key: Option<String>,
}

/// Of the ids that a claim did not return, parks those whose kind or version
/// this worker doesn't know, and burns no attempt: `scheduled` for 5 to 60 s if
/// a living worker knows it, else `blocked` until one does. The others are gone
/// or claimed by someone else, and need nothing.
///
/// Parked ones hold no slot of their limit key.
pub(crate) async fn park_unknown(pool: &PgPool, ids: &[Uuid], kinds: &[String]) -> sqlx::Result<Vec<Parked>> {
    within_deadline!(pool, |connection| park_on(&mut connection, ids, kinds))
}

async fn park_on(connection: &mut PgConnection, ids: &[Uuid], kinds: &[String]) -> sqlx::Result<Vec<Parked>> {
    let mut transaction = super::begin_duty(connection).await?;
    let parked = sqlx::query_as!(
        Parked,
        r#"UPDATE queue_jobs AS job
           SET admitted = false,
               state = CASE WHEN is_known THEN 'scheduled' ELSE 'blocked' END,
               blocked_by = CASE WHEN NOT is_known THEN 'kind' END,
               run_at = CASE WHEN is_known THEN clock_timestamp() + make_interval(secs => 5 + 55 * random())
                             ELSE job.run_at END
           FROM (SELECT id, EXISTS (SELECT FROM queue_workers
                                    WHERE beat_at > clock_timestamp() - interval '15 seconds'
                                      AND job.queue = ANY(queues) AND job.readable = ANY(kinds)) AS is_known
                 FROM (SELECT id, queue,
                              CASE payload_version WHEN 1 THEN kind ELSE kind || '#' || payload_version END AS readable
                       FROM queue_jobs
                       WHERE id = ANY($1) AND worker_id IS NULL AND state <> ALL ('{scheduled,blocked}')
                       FOR UPDATE SKIP LOCKED) AS job
                 WHERE readable <> ALL($2)) AS unknown
           WHERE job.id = unknown.id AND job.id = ANY($1)
           RETURNING job.kind, job.payload_version, job.limit_key"#,
        ids,
        kinds,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(parked)
}

/// What a look at parked jobs let go on.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) announcement: Announcement,
    /// How many.
    pub(crate) jobs: usize,
}

/// Lets up to `limit` jobs go on that waited for a living worker that knows
/// their kind, now that there is one: the oldest of each kind first.
pub(crate) async fn release_known(pool: &PgPool, limit: i64) -> sqlx::Result<Released> {
    within_deadline!(pool, |connection| release_on(&mut connection, limit))
}

async fn release_on(connection: &mut PgConnection, limit: i64) -> sqlx::Result<Released> {
    let mut transaction = super::begin_duty(connection).await?;
    let rows = sqlx::query!(
        r#"WITH known AS MATERIALIZED (
               SELECT DISTINCT queue, split_part(kind, '#', 1) AS kind,
                      coalesce(nullif(split_part(kind, '#', 2), ''), '1')::smallint AS version
               FROM queue_workers CROSS JOIN unnest(queues) AS queue CROSS JOIN unnest(kinds) AS kind
               WHERE beat_at > clock_timestamp() - interval '15 seconds')
           UPDATE queue_jobs AS job
           SET state = CASE WHEN limit_key IS NULL THEN 'queued' ELSE 'blocked' END,
               blocked_by = CASE WHEN limit_key IS NOT NULL THEN 'limit' END,
               queued_at = clock_timestamp()
           WHERE id = ANY(ARRAY(
               SELECT waiting.id FROM known CROSS JOIN LATERAL (
                   SELECT id FROM queue_jobs
                   WHERE state = 'blocked' AND blocked_by = 'kind' AND kind = known.kind
                     AND payload_version = known.version AND queue = known.queue
                   ORDER BY queued_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS waiting
               LIMIT $1))
           RETURNING id, queue, priority, queued_at, limit_key"#,
        limit,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let mut released = Released { announcement: Announcement::default(), jobs: rows.len() };
    for row in rows {
        match row.limit_key {
            Some(key) => {
                released.announcement.limit_keys.insert(key);
            }
            None => released.announcement.ready.push(Ready::new(row.queue, row.priority, row.id, row.queued_at)),
        }
    }
    Ok(released)
}
