//! Worker rows and leases.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;

/// A beat that takes longer has failed, and is sent again over another
/// connection: several may fail before others take the worker for dead.
const BEAT_DEADLINE: Duration = Duration::from_secs(3);

/// What a worker tells of itself.
#[derive(Clone, Debug)]
pub(crate) struct WorkerRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) version: &'static str,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
    pub(crate) schedules: Vec<String>,
    pub(crate) slots: i32,
}

/// Writes the worker's row, and the rows of the duties if this is the first worker ever.
pub(crate) async fn register(pool: &PgPool, worker: &WorkerRow, duties: &[&str]) -> sqlx::Result<()> {
    within_deadline!(pool, |connection| register_on(&mut connection, worker, duties))
}

async fn register_on(connection: &mut PgConnection, worker: &WorkerRow, duties: &[&str]) -> sqlx::Result<()> {
    sqlx::query!(
        r#"WITH lease AS (
               INSERT INTO queue_leases (duty) SELECT unnest($7::text[]) ON CONFLICT DO NOTHING)
           INSERT INTO queue_workers (id, name, version, queues, kinds, slots, schedules)
           VALUES ($1, $2, $3, $4, $5, $6, $8)
           ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp()"#,
        worker.id,
        worker.name,
        worker.version,
        &worker.queues,
        &worker.kinds,
        worker.slots,
        duties as &[&str],
        &worker.schedules,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a beat brings back.
#[derive(Debug)]
pub(crate) struct Beat {
    /// Whether the worker's row was there.
    pub(crate) registered: bool,
    /// The duties held now, with their notes.
    pub(crate) duties: Vec<(String, Value)>,
    /// Changes when PostgreSQL was restarted or recovered from a crash, after
    /// which its last asynchronous commits may be undone.
    pub(crate) server: (DateTime<Utc>, Option<DateTime<Utc>>),
    /// PostgreSQL's clock.
    pub(crate) clock: DateTime<Utc>,
    /// The queues that are paused.
    pub(crate) paused: Vec<String>,
    /// Those of this worker's jobs that somebody has cancelled.
    pub(crate) cancelled: Vec<Uuid>,
}

/// The one row of a beat.
#[derive(sqlx::FromRow)]
struct BeatRow {
    registered: bool,
    duties: Value,
    started: DateTime<Utc>,
    recovered: Option<DateTime<Utc>>,
    clock: DateTime<Utc>,
    paused: Vec<String>,
    cancelled: Vec<Uuid>,
}

/// Beats, takes or renews the leases that are ours, free or run out, and brings
/// back what the worker may have missed. One statement, planned anew: a plan
/// made while few jobs were there might look for cancelled ones in all of them.
pub(crate) async fn beat(pool: &PgPool, worker_id: Uuid, busy: i32, duties: &[&'static str]) -> sqlx::Result<Beat> {
    let duties = duties.join("', '");
    let rows: Vec<BeatRow> = super::send_planned_anew_within(
        BEAT_DEADLINE,
        pool,
        format!(
            "WITH beat AS (
                 UPDATE queue_workers SET beat_at = clock_timestamp(), busy = {busy} WHERE id = '{worker_id}'
                 RETURNING id),
             wanted AS MATERIALIZED (
                 SELECT duty FROM queue_leases
                 WHERE duty IN ('{duties}') AND (holder = '{worker_id}' OR held_until <= clock_timestamp())
                 FOR UPDATE SKIP LOCKED),
             taken AS (
                 UPDATE queue_leases AS lease
                 SET holder = '{worker_id}', held_until = clock_timestamp() + interval '6 seconds'
                 FROM wanted WHERE lease.duty = wanted.duty
                 RETURNING lease.duty, lease.note)
             SELECT EXISTS (SELECT FROM beat) AS registered,
                    coalesce((SELECT jsonb_object_agg(duty, note) FROM taken), '{{}}') AS duties,
                    pg_postmaster_start_time() AS started,
                    pg_stat_get_bgwriter_stat_reset_time() AS recovered,
                    clock_timestamp() AS clock,
                    ARRAY(SELECT name FROM queue_queues WHERE paused_at IS NOT NULL) AS paused,
                    ARRAY(SELECT id FROM queue_jobs
                          WHERE cancel_requested AND worker_id = '{worker_id}') AS cancelled"
        ),
    )
    .await?;
    let row = rows.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    let duties = match row.duties {
        Value::Object(notes) => notes.into_iter().collect(),
        _ => Vec::new(),
    };
    Ok(Beat {
        registered: row.registered,
        duties,
        server: (row.started, row.recovered),
        clock: row.clock,
        paused: row.paused,
        cancelled: row.cancelled,
    })
}

/// Frees the worker's leases, so that another takes them with its next beat.
pub(crate) async fn release_leases(pool: &PgPool, worker_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("UPDATE queue_leases SET holder = NULL, held_until = '-infinity' WHERE holder = $1", worker_id)
        .execute(pool)
        .await?;
    Ok(())
}

/// Removes the worker's row: it has drained and holds nothing any more.
pub(crate) async fn deregister(pool: &PgPool, worker_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM queue_workers WHERE id = $1", worker_id).execute(pool).await?;
    Ok(())
}

/// Removes rows of workers that have not beaten for an hour, and expired
/// windows of unique keys, up to `limit` of each.
pub(crate) async fn prune(pool: &PgPool, limit: i64) -> sqlx::Result<u64> {
    within_deadline!(pool, |connection| prune_on(&mut connection, limit))
}

async fn prune_on(connection: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let pruned = sqlx::query!(
        r#"WITH worker AS (
               DELETE FROM queue_workers WHERE id IN (
                   SELECT id FROM queue_workers WHERE beat_at < now() - interval '1 hour'
                   LIMIT $1 FOR UPDATE SKIP LOCKED))
           DELETE FROM queue_unique_windows WHERE (kind, unique_key) IN (
               SELECT kind, unique_key FROM queue_unique_windows WHERE held_until < now()
               ORDER BY held_until LIMIT $1 FOR UPDATE SKIP LOCKED)"#,
        limit,
    )
    .execute(connection)
    .await?;
    Ok(pruned.rows_affected())
}
