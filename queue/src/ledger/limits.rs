//! Admitting jobs of limit keys to the ready lists: at most so many of a key at
//! a time. What is admitted is counted anew each time, so no count can leak.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::{
    limit::FAIR_WINDOW,
    news::{Announcement, Ready},
};

/// Admits the next jobs of `keys`, as far as their limits have room: of a key
/// with a rate those of the next minute, so that no more than a minute's worth
/// starts at once after a pause.
pub(crate) async fn admit(pool: &PgPool, keys: &[String]) -> sqlx::Result<Announcement> {
    within_deadline!(pool, |connection| admit_on(&mut connection, keys))
}

async fn admit_on(connection: &mut PgConnection, keys: &[String]) -> sqlx::Result<Announcement> {
    let mut transaction = super::begin_duty(connection).await?;
    // Two at once would count the same room twice; the next statement sees what
    // was admitted before. The time is indexed, and moves seldom: else each
    // admission would write the index too.
    sqlx::query!(
        r#"INSERT INTO queue_limits (key) SELECT DISTINCT key FROM unnest($1::text[]) AS k (key) ORDER BY key
           ON CONFLICT (key) DO UPDATE
           SET admitted_at = CASE WHEN queue_limits.admitted_at < now() - interval '1 hour' THEN now()
                                  ELSE queue_limits.admitted_at END"#,
        keys,
    )
    .execute(&mut *transaction)
    .await?;
    let open = with_room(&mut transaction, keys).await?;
    let rows = sqlx::query!(
        r#"WITH candidate AS MATERIALIZED (
               SELECT next.id, open.key, open.per_minute,
                      row_number() OVER (PARTITION BY open.key ORDER BY next.priority, next.queued_at) AS place
               FROM unnest($1::text[], $2::integer[], $3::integer[]) AS open (key, room, per_minute)
               CROSS JOIN LATERAL (
                   SELECT id, priority, queued_at FROM queue_jobs
                   WHERE state = 'blocked' AND blocked_by = 'limit' AND limit_key = open.key
                   ORDER BY priority, queued_at LIMIT open.room
                   FOR UPDATE SKIP LOCKED) AS next),
           reserved AS (
               UPDATE queue_limits AS lim
               SET reserved_to = greatest(lim.reserved_to, clock_timestamp())
                                 + new.jobs * interval '60 seconds' / new.per_minute
               FROM (SELECT key, per_minute, count(*) AS jobs FROM candidate
                     WHERE per_minute IS NOT NULL GROUP BY key, per_minute) AS new
               WHERE lim.key = new.key
               RETURNING lim.key, lim.reserved_to - new.jobs * interval '60 seconds' / new.per_minute AS reserved_from),
           start AS MATERIALIZED (
               SELECT candidate.id,
                      reserved.reserved_from + (place - 1) * interval '60 seconds' / per_minute AS at
               FROM candidate LEFT JOIN reserved USING (key))
           UPDATE queue_jobs AS job
           SET admitted = true, blocked_by = NULL, queued_at = clock_timestamp(),
               state = CASE WHEN start.at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END,
               run_at = greatest(run_at, start.at)
           FROM start
           WHERE job.id = start.id AND job.id = ANY(ARRAY(SELECT id FROM start))
           RETURNING job.id, job.queue, job.priority, job.state, job.queued_at"#,
        &open.iter().map(|open| open.key.clone()).collect::<Vec<_>>(),
        &open.iter().map(|open| open.room).collect::<Vec<_>>(),
        &open.iter().map(|open| open.per_minute).collect::<Vec<_>>() as &[Option<i32>],
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let queued = rows.into_iter().filter(|row| row.state == "queued");
    let ready = queued.map(|row| Ready::new(row.queue, row.priority, row.id, row.queued_at)).collect();
    Ok(Announcement { ready, ..Announcement::default() })
}

/// What a look at keys with waiting jobs found.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    /// Those that have room.
    pub(crate) keys: Vec<String>,
    /// Where to go on, if there may be more.
    pub(crate) next: Option<String>,
}

/// Of the limit keys behind `after` of which jobs wait, at most `limit`, those
/// that have room. They are found by skipping through their index.
pub(crate) async fn overdue(pool: &PgPool, after: &str, limit: i64) -> sqlx::Result<Overdue> {
    within_deadline!(pool, |connection| overdue_on(&mut connection, after, limit))
}

async fn overdue_on(connection: &mut PgConnection, after: &str, limit: i64) -> sqlx::Result<Overdue> {
    let mut transaction = super::begin_duty(connection).await?;
    let waiting = sqlx::query_scalar!(
        r#"WITH RECURSIVE waiting AS (
               (SELECT limit_key, 1 AS place FROM queue_jobs
                WHERE state = 'blocked' AND blocked_by = 'limit' AND limit_key > $1 ORDER BY limit_key LIMIT 1)
               UNION ALL
               SELECT next.limit_key, waiting.place + 1 FROM waiting CROSS JOIN LATERAL (
                   SELECT limit_key FROM queue_jobs
                   WHERE state = 'blocked' AND blocked_by = 'limit' AND limit_key > waiting.limit_key
                   ORDER BY limit_key LIMIT 1) AS next
               WHERE waiting.place < $2::bigint)
           SELECT limit_key AS "key!" FROM waiting ORDER BY limit_key"#,
        after,
        limit,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let open = with_room(&mut transaction, &waiting).await?;
    transaction.rollback().await?;
    let full = i64::try_from(waiting.len()).is_ok_and(|keys| keys >= limit);
    let next = waiting.into_iter().next_back().filter(|_| full);
    Ok(Overdue { keys: open.into_iter().map(|open| open.key).collect(), next })
}

/// A limit key with waiting jobs that has room.
struct Open {
    key: String,
    /// How many of its jobs may be admitted now.
    room: i32,
    /// How many may start in a minute, as the first of them has it.
    per_minute: Option<i32>,
}

/// Those of `keys` that have room, by what the first waiting job of each says.
async fn with_room(connection: &mut PgConnection, keys: &[String]) -> sqlx::Result<Vec<Open>> {
    sqlx::query_as!(
        Open,
        r#"SELECT k.key AS "key!", room.jobs::integer AS "room!", head.per_minute
           FROM (SELECT DISTINCT key FROM unnest($1::text[]) AS k (key)) AS k
           CROSS JOIN LATERAL (
               SELECT coalesce(limit_concurrency, $2::integer) AS allowed, limit_per_minute AS per_minute
               FROM queue_jobs
               WHERE state = 'blocked' AND blocked_by = 'limit' AND limit_key = k.key
               ORDER BY priority, queued_at LIMIT 1) AS head
           CROSS JOIN LATERAL (
               SELECT count(*) AS jobs, count(*) FILTER (WHERE worker_id IS NULL) AS waiting
               FROM (SELECT worker_id FROM queue_jobs
                     WHERE admitted AND limit_key = k.key LIMIT head.allowed) AS a) AS admitted
           CROSS JOIN LATERAL (
               SELECT least(head.allowed - admitted.jobs, head.per_minute - admitted.waiting) AS jobs) AS room
           WHERE room.jobs > 0
           ORDER BY k.key"#,
        keys,
        FAIR_WINDOW.cast_signed(),
    )
    .fetch_all(connection)
    .await
}

/// How a limit key stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// How many may be admitted at a time.
    pub(crate) allowed: i64,
    /// How many are, counted up to that.
    pub(crate) admitted: i64,
    /// Until when starts are reserved.
    pub(crate) reserved_to: Option<DateTime<Utc>>,
    /// Whether the job's own start is, so that it waits for that alone.
    pub(crate) is_reserved: bool,
}

/// How the limit of a waiting job stands.
pub(crate) async fn standing(pool: &PgPool, job: Uuid) -> sqlx::Result<Option<Standing>> {
    sqlx::query_as!(
        Standing,
        r#"SELECT coalesce(job.limit_concurrency, $2::integer)::bigint AS "allowed!", admitted.jobs AS "admitted!",
                  (SELECT reserved_to FROM queue_limits WHERE key = job.limit_key AND reserved_to > clock_timestamp())
                      AS reserved_to,
                  job.state = 'scheduled' AND job.admitted AND job.limit_per_minute IS NOT NULL AS "is_reserved!"
           FROM queue_jobs AS job CROSS JOIN LATERAL (
               SELECT count(*) AS jobs FROM (
                   SELECT FROM queue_jobs WHERE admitted AND limit_key = job.limit_key
                   LIMIT coalesce(job.limit_concurrency, $2::integer)) AS a) AS admitted
           WHERE job.id = $1"#,
        job,
        FAIR_WINDOW.cast_signed(),
    )
    .fetch_optional(pool)
    .await
}

/// Removes the rows of keys that nobody has used for a day, up to `limit`.
pub(crate) async fn prune(pool: &PgPool, limit: i64) -> sqlx::Result<u64> {
    within_deadline!(pool, |connection| prune_on(&mut connection, limit))
}

async fn prune_on(connection: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let pruned = sqlx::query!(
        r#"DELETE FROM queue_limits WHERE key IN (
               SELECT key FROM queue_limits
               WHERE admitted_at < now() - interval '1 day' AND reserved_to < now()
               ORDER BY admitted_at LIMIT $1 FOR UPDATE SKIP LOCKED)"#,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(pruned.rows_affected())
}
