//! Workers and queues, for people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;

/// A worker process as operators see it. Times are PostgreSQL's.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerView {
    /// Its identity, made when it started.
    pub id: Uuid,
    /// Its name, usually its host's.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<String>,
    /// The kinds that it can run; `kind#2` if it reads version 2 of its payload.
    pub kinds: Vec<String>,
    /// The schedules that it declares.
    pub schedules: Vec<String>,
    /// How many jobs it may run at a time.
    pub slots: i32,
    /// How many it ran at its last beat.
    pub busy: i32,
    /// The duties that it holds.
    pub duties: Vec<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last gave a sign of life.
    pub beat_at: DateTime<Utc>,
    /// Whether that was within the last 15 s. The jobs of others are rescued.
    pub alive: bool,
}

/// All workers that have beaten within the last hour, the living first.
pub(crate) async fn workers(pool: &PgPool) -> sqlx::Result<Vec<WorkerView>> {
    let workers = sqlx::query_as!(
        WorkerView,
        r#"SELECT id, name, version, queues, kinds, schedules, slots, busy, started_at, beat_at,
                  ARRAY(SELECT duty FROM queue_leases
                        WHERE holder = worker.id AND held_until > clock_timestamp() ORDER BY duty) AS "duties!",
                  beat_at > clock_timestamp() - interval '15 seconds' AS "alive!"
           FROM queue_workers AS worker
           WHERE beat_at > clock_timestamp() - interval '1 hour'
           ORDER BY beat_at > clock_timestamp() - interval '15 seconds' DESC, name, id
           LIMIT 10000"#
    );
    within_deadline!(pool, |connection| workers.fetch_all(&mut *connection))
}

/// What the auditor's watermarks say now.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Unaccounted {
    /// Jobs that nobody runs although their list was served past them: they are
    /// on no list. Counted up to 10,000.
    pub jobs: i64,
    /// How far the auditor has said that a list was served: within seconds of
    /// now, while some list is empty. `None`: it has not looked yet.
    pub audited_to: Option<DateTime<Utc>>,
}

/// What is older than the watermarks that the auditor keeps in its lease and
/// that nobody runs. Before a watermark are only running and lost jobs.
pub(crate) async fn unaccounted(pool: &PgPool) -> sqlx::Result<Unaccounted> {
    let unaccounted = sqlx::query_as!(
        Unaccounted,
        r#"WITH mark AS (
               SELECT split_part(list, ':', 1) AS queue, split_part(list, ':', 2)::smallint AS priority,
                      at::timestamptz AS at
               FROM queue_leases, jsonb_each_text(note) AS mark (list, at) WHERE duty = 'auditor')
           SELECT max(at) AS audited_to,
                  (SELECT count(*) FROM (
                      SELECT FROM mark CROSS JOIN LATERAL (
                          SELECT FROM queue_jobs
                          WHERE state = 'queued' AND queue = mark.queue AND priority = mark.priority
                            AND queued_at < mark.at AND worker_id IS NULL
                          ORDER BY queued_at LIMIT 10000) AS job
                      LIMIT 10000) AS jobs) AS "jobs!"
           FROM mark"#
    );
    within_deadline!(pool, |connection| unaccounted.fetch_one(&mut *connection))
}

/// What the ledger knows of a queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) paused_at: Option<DateTime<Utc>>,
    pub(crate) paused_by: Option<String>,
    /// Living workers that serve it.
    pub(crate) workers: i64,
}

/// The queues that somebody serves, or served within the last hour, and those
/// that are paused; the first 10,000 by name.
pub(crate) async fn queues(pool: &PgPool) -> sqlx::Result<BTreeMap<String, Known>> {
    let rows = sqlx::query!(
        r#"WITH served AS (
               SELECT unnest(queues) AS name, count(*) FILTER (
                   WHERE beat_at > clock_timestamp() - interval '15 seconds') AS workers
               FROM queue_workers WHERE beat_at > clock_timestamp() - interval '1 hour' GROUP BY 1),
           paused AS (SELECT name, paused_at, paused_by FROM queue_queues WHERE paused_at IS NOT NULL)
           SELECT name AS "name!", paused_at AS "paused_at?", paused_by AS "paused_by?",
                  coalesce(workers, 0) AS "workers!"
           FROM served FULL JOIN paused USING (name)
           ORDER BY name LIMIT 10000"#
    );
    let rows = within_deadline!(pool, |connection| rows.fetch_all(&mut *connection))?;
    let known = |(paused_at, paused_by, workers)| Known { paused_at, paused_by, workers };
    Ok(rows.into_iter().map(|row| (row.name, known((row.paused_at, row.paused_by, row.workers)))).collect())
}

/// What the ledger knows of the queue of this name.
pub(crate) async fn queue(pool: &PgPool, name: &str) -> sqlx::Result<Known> {
    within_deadline!(pool, |connection| queue_in(&mut connection, name))
}

/// The same inside a transaction.
pub(crate) async fn queue_in(connection: &mut PgConnection, name: &str) -> sqlx::Result<Known> {
    let known = sqlx::query_as!(
        Known,
        r#"SELECT paused_at AS "paused_at?", paused_by AS "paused_by?",
                  (SELECT count(*) FROM queue_workers
                   WHERE beat_at > clock_timestamp() - interval '15 seconds' AND $1 = ANY(queues)) AS "workers!"
           FROM (VALUES (1)) AS one LEFT JOIN queue_queues ON name = $1"#,
        name,
    );
    known.fetch_one(connection).await
}

/// Who could run a job.
#[derive(Debug)]
pub(crate) struct Served {
    /// Whether a living worker serves its queue.
    pub(crate) by_queue: bool,
    /// Whether one of them reads this version of its kind.
    pub(crate) by_kind: bool,
    /// PostgreSQL's clock.
    pub(crate) now: DateTime<Utc>,
}

/// Whether any living worker serves the queue, and whether any of them knows
/// the kind and reads that version of it.
pub(crate) async fn who_could_run(pool: &PgPool, queue: &str, readable: &str) -> sqlx::Result<Served> {
    let served = sqlx::query_as!(
        Served,
        r#"SELECT coalesce(bool_or($1 = ANY(queues)), false) AS "by_queue!",
                  coalesce(bool_or($1 = ANY(queues) AND $2 = ANY(kinds)), false) AS "by_kind!",
                  clock_timestamp() AS "now!"
           FROM queue_workers WHERE beat_at > clock_timestamp() - interval '15 seconds'"#,
        queue,
        readable,
    );
    within_deadline!(pool, |connection| served.fetch_one(&mut *connection))
}

/// A kind that waits in a queue whose living workers do not know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownKind {
    /// The kind.
    pub kind: String,
    /// Which version of its payload they do not read.
    pub version: i16,
    /// The queue.
    pub queue: String,
}

/// At most 100 kinds that no living worker of their queue knows: of the jobs that
/// are blocked for that, and of those that wait among the newest 10,000 live ones,
/// which no worker may have met yet.
pub(crate) async fn unknown_kinds(pool: &PgPool) -> sqlx::Result<Vec<UnknownKind>> {
    within_deadline!(pool, |connection| unknown_kinds_on(&mut connection))
}

async fn unknown_kinds_on(connection: &mut PgConnection) -> sqlx::Result<Vec<UnknownKind>> {
    let mut transaction = super::begin_duty(connection).await?;
    let unknown = sqlx::query_as!(
        UnknownKind,
        r#"WITH RECURSIVE met AS (
               (SELECT kind, payload_version, queue FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'kind'
                ORDER BY kind, payload_version, queue LIMIT 1)
               UNION ALL
               SELECT next.* FROM met CROSS JOIN LATERAL (
                   SELECT kind, payload_version, queue FROM queue_jobs
                   WHERE state = 'blocked' AND blocked_by = 'kind'
                     AND (kind, payload_version, queue) > (met.kind, met.payload_version, met.queue)
                   ORDER BY kind, payload_version, queue LIMIT 1) AS next),
           living AS MATERIALIZED (
               SELECT queues, kinds FROM queue_workers WHERE beat_at > clock_timestamp() - interval '15 seconds'),
           waiting AS (
               SELECT * FROM (SELECT * FROM met LIMIT 1000) AS met
               UNION
               SELECT kind, payload_version, queue
               FROM (SELECT kind, payload_version, queue, worker_id FROM queue_jobs
                     ORDER BY id DESC LIMIT 10000) AS newest
               WHERE worker_id IS NULL)
           SELECT kind AS "kind!", payload_version AS "version!", queue AS "queue!" FROM waiting
           WHERE EXISTS (SELECT FROM living WHERE queue = ANY(queues))
             AND NOT EXISTS (
                 SELECT FROM living
                 WHERE queue = ANY(queues)
                   AND CASE payload_version WHEN 1 THEN kind ELSE kind || '#' || payload_version END = ANY(kinds))
           ORDER BY kind, payload_version, queue LIMIT 100"#
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok(unknown)
}

/// PostgreSQL's clock.
pub(crate) async fn clock(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    within_deadline!(pool, |connection| clock_in(&mut connection))
}

/// The same inside a transaction.
pub(crate) async fn clock_in(connection: &mut PgConnection) -> sqlx::Result<DateTime<Utc>> {
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#);
    now.fetch_one(connection).await
}
