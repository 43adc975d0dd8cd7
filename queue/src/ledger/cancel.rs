//! Ending jobs as cancelled: on request, or because their time is over.

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::news::Gone;

/// The reason that jobs end with when somebody has cancelled them.
pub(crate) const REQUESTED: &str = "cancelled on request";

/// What became of a request to cancel a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It waited, and has ended as cancelled.
    Ended,
    /// It runs: its handler is told, and it will end as cancelled, unless it
    /// completes first.
    Requested,
    /// As [`Requested`](Self::Requested), and somebody has asked for it before.
    AlreadyRequested,
}

/// A job, and the claim that holds it; `None` for one that waits.
pub(crate) type Named = (Uuid, Option<Uuid>);

/// A job that has ended as cancelled.
#[derive(Debug)]
pub(crate) struct Cancelled {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) limit_key: Option<String>,
    pub(crate) has_children: bool,
}

impl From<Cancelled> for Gone {
    fn from(job: Cancelled) -> Self {
        Self { id: job.id, limit_key: job.limit_key, has_children: job.has_children }
    }
}

/// What became of a cancellation, and what has ended by it; `None`: no such job is live.
pub(crate) type Asked = Option<(Cancellation, Vec<Cancelled>)>;

/// [`cancel_in`] a transaction of its own.
pub(crate) async fn cancel(pool: &PgPool, id: Uuid, reason: &str, kept: &Value) -> sqlx::Result<Asked> {
    within_deadline!(pool, |connection| cancel_on(&mut connection, id, reason, kept))
}

async fn cancel_on(connection: &mut PgConnection, id: Uuid, reason: &str, kept: &Value) -> sqlx::Result<Asked> {
    let mut transaction = super::begin_duty(connection).await?;
    let asked = cancel_in(&mut transaction, id, reason, kept).await?;
    transaction.commit().await?;
    Ok(asked)
}

/// Cancels a job that waits, or asks for the cancellation of one that runs.
pub(crate) async fn cancel_in(
    transaction: &mut PgConnection,
    id: Uuid,
    reason: &str,
    kept: &Value,
) -> sqlx::Result<Asked> {
    let held = sqlx::query!("SELECT claim_id FROM queue_jobs WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(&mut *transaction)
        .await?;
    Ok(match held {
        None => None,
        Some(row) if row.claim_id.is_some() => {
            let request = sqlx::query!(
                "UPDATE queue_jobs SET cancel_requested = true WHERE id = $1 AND NOT cancel_requested",
                id
            );
            let is_news = request.execute(&mut *transaction).await?.rows_affected() > 0;
            Some((if is_news { Cancellation::Requested } else { Cancellation::AlreadyRequested }, Vec::new()))
        }
        Some(_) => {
            let gone = end(transaction, &[(id, None)], Only::Any, reason, kept).await?;
            sqlx::query!("DELETE FROM queue_dependencies WHERE child_id = $1", id).execute(&mut *transaction).await?;
            Some((Cancellation::Ended, gone))
        }
    })
}

/// Whether somebody has asked for the cancellation of a job that runs.
pub(crate) async fn is_requested(pool: &PgPool, id: Uuid) -> sqlx::Result<bool> {
    let requested = sqlx::query_scalar!("SELECT cancel_requested FROM queue_jobs WHERE id = $1", id);
    let requested: Option<bool> = within_deadline!(pool, |connection| requested.fetch_optional(&mut *connection))?;
    Ok(requested.unwrap_or_default())
}

/// Cancels those of `ids` that wait and whose time to start is over; skips locked rows.
pub(crate) async fn expire(pool: &PgPool, ids: &[Uuid], kept: &Value) -> sqlx::Result<Vec<Cancelled>> {
    within_deadline!(pool, |connection| expire_on(&mut connection, ids, kept))
}

async fn expire_on(connection: &mut PgConnection, ids: &[Uuid], kept: &Value) -> sqlx::Result<Vec<Cancelled>> {
    let mut transaction = super::begin_fast(connection).await?;
    let waiting = sqlx::query_scalar!(
        "SELECT id FROM queue_jobs WHERE id = ANY($1) AND claim_id IS NULL ORDER BY id FOR UPDATE SKIP LOCKED",
        ids,
    );
    let named: Vec<Named> = waiting.fetch_all(&mut *transaction).await?.into_iter().map(|id| (id, None)).collect();
    let expired = end(&mut transaction, &named, Only::Expired, "expired", kept).await?;
    transaction.commit().await?;
    Ok(expired)
}

/// Which of the named jobs are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    /// All of them.
    Any,
    /// Those that were never started, and whose time to start is over.
    Expired,
    /// Those whose cancellation was requested while they ran.
    Requested,
}

/// Moves the jobs to the history as cancelled, those whose claim is still the
/// one named. `kept` has the days by kind, 30 where it says nothing.
pub(crate) async fn end(
    connection: &mut PgConnection,
    named: &[Named],
    only: Only,
    reason: &str,
    kept: &Value,
) -> sqlx::Result<Vec<Cancelled>> {
    let (ids, claim_ids): (Vec<Uuid>, Vec<Option<Uuid>>) = named.iter().copied().unzip();
    sqlx::query_as!(
        Cancelled,
        r#"WITH named AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS n (id, claim_id)),
           gone AS (
               DELETE FROM queue_jobs AS job USING named
               WHERE job.id = ANY($1) AND job.id = named.id AND job.claim_id IS NOT DISTINCT FROM named.claim_id
                 AND (NOT $3 OR job.attempt = 0 AND job.expires_at <= clock_timestamp())
                 AND (NOT $4 OR job.cancel_requested)
               RETURNING job.*)
           INSERT INTO queue_history (id, kind, payload_version, queue, priority, state, payload, attempt,
                                      max_attempts, run_at, timeout_ms, worker_id, errors, end_reason,
                                      owner, meta, created_at, queued_at, started_at, finished_at, keep_until,
                                      expires_at, progress, unique_key, unique_scope,
                                      limit_key, limit_concurrency, limit_per_minute, has_children)
           SELECT id, kind, payload_version, queue, priority, 'cancelled', payload, attempt,
                  max_attempts, run_at, timeout_ms, worker_id, errors, $5,
                  owner, meta, created_at, queued_at, started_at, clock_timestamp(),
                  (clock_timestamp() AT TIME ZONE 'UTC')::date + coalesce(($6::jsonb ->> kind)::integer, 30),
                  expires_at, progress, unique_key, unique_scope,
                  limit_key, limit_concurrency, limit_per_minute, has_children
           FROM gone
           RETURNING id, kind, limit_key, has_children"#,
        &ids,
        &claim_ids as &[Option<Uuid>],
        only == Only::Expired,
        only == Only::Requested,
        reason,
        kept,
    )
    .fetch_all(connection)
    .await
}
