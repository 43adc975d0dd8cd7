//! Finding what has been lost: the auditor's one bounded look, and its repair.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::{Priority, keys::List, news::Ready};

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
    /// The lists that may have jobs.
    pub(crate) lists: Vec<List>,
    /// Unclaimed jobs older than their list's watermark: on no list.
    pub(crate) lost: Vec<Ready>,
    /// Those of them whose time to start is over.
    pub(crate) expired: Vec<Uuid>,
    /// Jobs whose worker has stopped beating.
    pub(crate) orphaned: Vec<Orphan>,
    /// Whether jobs wait for a slot of their limit key.
    pub(crate) limited: bool,
    /// Whether jobs wait for others to end.
    pub(crate) waiting: bool,
    /// Whether jobs wait for a worker that knows their kind.
    pub(crate) unknown: bool,
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
    pub(crate) cancel_requested: bool,
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
    cancel_requested: Option<bool>,
    expired: Option<bool>,
    limited: Option<bool>,
    waiting: Option<bool>,
    unknown: Option<bool>,
}

/// Looks at up to `limit` rows a list that are older than the list's watermark
/// and have no living worker, tells which lists there are, and keeps the
/// watermarks in the auditor's lease. One statement. (Whether anything is
/// blocked is asked in the order of an index, as `EXISTS` may read the table.)
///
/// The lists are those of the queues that workers serve. With `scan` they are
/// also found by skipping through their index, for queues that nobody serves:
/// that is cheap, but for dead entries that a held snapshot keeps.
pub(crate) async fn audit(
    pool: &PgPool,
    holder: Uuid,
    marks: &[Watermark],
    scan: bool,
    limit: u32,
) -> sqlx::Result<Audit> {
    let marks = values(marks);
    let rows: Vec<Row> = super::send_planned_anew(
        pool,
        format!(
            "WITH RECURSIVE mark (queue, priority, at) AS (VALUES {marks}),
             list AS (
                 (SELECT queue, priority FROM queue_jobs WHERE {scan} AND state = 'queued'
                  ORDER BY queue, priority LIMIT 1)
                 UNION ALL
                 SELECT next.queue, next.priority FROM list CROSS JOIN LATERAL (
                     SELECT queue, priority FROM queue_jobs
                     WHERE state = 'queued' AND (queue, priority) > (list.queue, list.priority)
                     ORDER BY queue, priority LIMIT 1) AS next),
             note AS (
                 SELECT coalesce(jsonb_object_agg(queue || ':' || priority, at), '{{}}') AS note
                 FROM mark WHERE queue <> ''),
             saved AS (
                 UPDATE queue_leases AS lease SET note = note.note FROM note
                 WHERE duty = 'auditor' AND holder = '{holder}' AND lease.note <> note.note)
             SELECT clock_timestamp() AS now, NULL::text AS queue, NULL::smallint AS priority,
                    NULL::uuid AS id, NULL::uuid AS claim_id, NULL::uuid AS worker_id, NULL::text AS kind,
                    NULL::smallint AS attempt, NULL::smallint AS max_attempts, NULL::bigint AS losses,
                    NULL::boolean AS cancel_requested, NULL::boolean AS expired,
                    (SELECT limit_key FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'limit'
                     ORDER BY limit_key LIMIT 1) IS NOT NULL AS limited,
                    (SELECT id FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'parents'
                     ORDER BY id LIMIT 1) IS NOT NULL AS waiting,
                    (SELECT kind FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'kind'
                     ORDER BY kind LIMIT 1) IS NOT NULL AS unknown
             UNION ALL
             SELECT clock_timestamp(), queue, priority,
                    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
             FROM (SELECT queue, priority FROM list
                   UNION
                   SELECT queue, priority::smallint FROM queue_workers, unnest(queues) AS queue,
                                                         generate_series(0, 2) AS priority) AS known
             UNION ALL
             SELECT clock_timestamp(), job.*, NULL, NULL, NULL
             FROM mark CROSS JOIN LATERAL (
                 SELECT queue, priority, id, claim_id, worker_id, kind, attempt, max_attempts,
                        (SELECT count(*) FROM jsonb_array_elements(errors) AS error
                         WHERE error ->> 'failure' = 'worker_lost') AS losses,
                        cancel_requested, attempt = 0 AND expires_at <= clock_timestamp() AS expired
                 FROM queue_jobs
                 WHERE state = 'queued' AND queue = mark.queue AND priority = mark.priority
                   AND queued_at < mark.at
                   AND (worker_id IS NULL
                        OR worker_id <> ALL (ARRAY(SELECT id FROM queue_workers
                                                   WHERE beat_at > clock_timestamp() - interval '15 seconds')))
                 ORDER BY queued_at LIMIT {limit}) AS job"
        ),
    )
    .await?;

    let now = rows.first().map_or(DateTime::UNIX_EPOCH, |row| row.now);
    let said = |flag: fn(&Row) -> Option<bool>| rows.first().and_then(flag).unwrap_or_default();
    let (limited, waiting, unknown) = (said(|row| row.limited), said(|row| row.waiting), said(|row| row.unknown));
    let mut audit = Audit {
        now,
        limited,
        waiting,
        unknown,
        lists: Vec::new(),
        lost: Vec::new(),
        expired: Vec::new(),
        orphaned: Vec::new(),
    };
    for row in rows {
        let (Some(queue), Some(priority)) = (row.queue, row.priority) else { continue };
        match (row.id, row.claim_id, row.worker_id) {
            (Some(id), Some(claim_id), Some(worker_id)) => audit.orphaned.push(Orphan {
                id,
                claim_id,
                worker_id,
                kind: row.kind.unwrap_or_default(),
                attempt: row.attempt.unwrap_or_default(),
                max_attempts: row.max_attempts.unwrap_or_default(),
                losses: row.losses.unwrap_or_default(),
                cancel_requested: row.cancel_requested.unwrap_or_default(),
            }),
            (Some(id), ..) if row.expired == Some(true) => audit.expired.push(id),
            (Some(id), ..) => audit.lost.push(Ready::new(queue, priority, id, now)),
            (None, ..) => audit.lists.push(List::new(queue, Priority::from_rank(priority))),
        }
    }
    Ok(audit)
}

/// The watermarks as rows of SQL; one that matches nothing, if there are none.
/// Only names that the ledger would take are written.
fn values(marks: &[Watermark]) -> String {
    let mut rows = vec!["(''::text, 0::smallint, '-infinity'::timestamptz)".to_owned()];
    let known = marks.iter().filter(|mark| mark.list.is_valid());
    rows.extend(known.map(|mark| format!("('{}', {}, '{}')", mark.list.queue, mark.list.priority.rank(), mark.at)));
    rows.join(", ")
}

/// Gives those of `ready` that still wait, and that nobody has locked, the time
/// with which they are to be pushed; returns which.
pub(crate) async fn requeue(pool: &PgPool, ready: &[Ready], queued_at: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    within_deadline!(pool, |connection| requeue_on(&mut connection, ready, queued_at))
}

async fn requeue_on(
    connection: &mut PgConnection,
    ready: &[Ready],
    queued_at: DateTime<Utc>,
) -> sqlx::Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = ready.iter().map(|job| job.id).collect();
    let mut transaction = super::begin_duty(connection).await?;
    let requeued = sqlx::query_scalar!(
        r#"UPDATE queue_jobs AS job SET queued_at = $2
           WHERE id = ANY(ARRAY(
               SELECT id FROM queue_jobs
               WHERE id = ANY($1) AND worker_id IS NULL AND state <> ALL ('{scheduled,blocked}')
               FOR UPDATE SKIP LOCKED))
           RETURNING id"#,
        &ids,
        queued_at,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(requeued)
}
