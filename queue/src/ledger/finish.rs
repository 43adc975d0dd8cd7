//! Writing outcomes. Each is fenced by `(id, claim_id)`: what another claim owns
//! by now is left alone.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::{
    cancel::{self, Only, REQUESTED},
    claim::Claim,
    within_deadline,
};
use crate::news::Gone;

/// How many errors a row keeps.
pub(crate) const KEPT_ERRORS: i32 = 20;

/// A job that has ended: it moves to the history.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    pub(crate) state: EndState,
    pub(crate) keep_days: i32,
    pub(crate) result: Option<Value>,
    /// For the error history; the ledger adds `at`.
    pub(crate) error: Option<Value>,
    pub(crate) reason: Option<String>,
}

/// The states of ended jobs that a run can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    Completed,
    Discarded,
    Cancelled,
    /// Its attempts are used up: discarded, or cancelled if somebody has asked
    /// for that meanwhile.
    Failed,
}

impl EndState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A job that is to be tried again, or was put off.
#[derive(Clone, Debug)]
pub(crate) struct Retried {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    pub(crate) delay_ms: i64,
    /// `None`: it was snoozed, and the attempt does not count.
    pub(crate) error: Option<Value>,
}

/// Writes ended and retried jobs in one transaction; returns those whose
/// fence held. `kept`: for how many days cancelled jobs are kept, by kind.
pub(crate) async fn write(
    pool: &PgPool,
    ended: &[Ended],
    retried: &[Retried],
    kept: &Value,
) -> sqlx::Result<Vec<Gone>> {
    within_deadline!(pool, |connection| write_on(&mut connection, ended, retried, kept))
}

async fn write_on(
    connection: &mut PgConnection,
    ended: &[Ended],
    retried: &[Retried],
    kept: &Value,
) -> sqlx::Result<Vec<Gone>> {
    let mut transaction = super::begin_fast(connection).await?;
    let mut written = Vec::new();
    if !ended.is_empty() {
        written.extend(end(&mut transaction, ended).await?);
    }
    if !retried.is_empty() {
        let again = retry(&mut transaction, retried).await?;
        let done: Vec<Uuid> = again.iter().map(|job| job.id).collect();
        let claims = retried.iter().map(|job| (job.id, job.claim_id));
        written.extend(cancel_the_rest(&mut transaction, claims, &done, kept).await?);
        written.extend(again);
    }
    transaction.commit().await?;
    Ok(written)
}

/// Moves ended jobs to the history; returns those whose fence held.
///
/// A row is locked by its own deletion, in no order: who else locks rows of
/// running jobs locks one (a cancellation), skips locked ones (a rescue), or tries
/// again after a deadlock (a reconciler, a transaction that cancels several). A
/// missing partition
/// makes the statement fail with `check_violation` (23514); see
/// [`super::partitions`].
pub(crate) async fn end(connection: &mut PgConnection, ended: &[Ended]) -> sqlx::Result<Vec<Gone>> {
    #[cfg(feature = "sabotage")]
    let ended = &*crate::sabotage::without_fence(connection, ended).await?;
    let mut ids = Vec::with_capacity(ended.len());
    let mut claim_ids = Vec::with_capacity(ended.len());
    let mut states = Vec::with_capacity(ended.len());
    let mut keep_days = Vec::with_capacity(ended.len());
    let mut results = Vec::with_capacity(ended.len());
    let mut errors = Vec::with_capacity(ended.len());
    let mut reasons = Vec::with_capacity(ended.len());
    for job in ended {
        ids.push(job.id);
        claim_ids.push(job.claim_id);
        states.push(job.state.as_str());
        keep_days.push(job.keep_days);
        results.push(job.result.as_ref().map(Json));
        errors.push(job.error.as_ref().map(Json));
        reasons.push(job.reason.as_deref());
    }
    sqlx::query_as!(
        Gone,
        r#"WITH outcome AS MATERIALIZED (
               SELECT id, claim_id, state, keep_days, result, reason,
                      error || jsonb_build_object('at', clock_timestamp()) AS error
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::jsonb[], $6::jsonb[], $7::text[])
                   AS o (id, claim_id, state, keep_days, result, error, reason)),
           gone AS (
               DELETE FROM queue_jobs AS job USING outcome
               WHERE job.id = ANY($1) AND job.id = outcome.id AND job.claim_id = outcome.claim_id
               RETURNING job.*, outcome.keep_days, outcome.result, outcome.error,
                         CASE WHEN outcome.state <> 'failed' THEN outcome.state
                              WHEN job.cancel_requested THEN 'cancelled' ELSE 'discarded' END AS end_state,
                         CASE WHEN outcome.state = 'failed' AND job.cancel_requested THEN $9
                              ELSE outcome.reason END AS reason)
           INSERT INTO queue_history (id, kind, payload_version, queue, priority, state, payload, attempt,
                                      max_attempts, run_at, timeout_ms, worker_id, result, errors, end_reason,
                                      owner, meta, created_at, queued_at, started_at, finished_at, keep_until,
                                      expires_at, progress, unique_key, unique_scope,
                                      limit_key, limit_concurrency, limit_per_minute, has_children)
           SELECT id, kind, payload_version, queue, priority, end_state, payload, attempt,
                  max_attempts, run_at, timeout_ms, worker_id, result,
                  CASE WHEN error IS NULL THEN errors
                       WHEN jsonb_array_length(errors) >= $8 THEN (errors - 0) || error
                       ELSE errors || error END,
                  reason, owner, meta, created_at, queued_at, started_at, clock_timestamp(),
                  (clock_timestamp() AT TIME ZONE 'UTC')::date + keep_days,
                  expires_at, progress, unique_key, unique_scope,
                  limit_key, limit_concurrency, limit_per_minute, has_children
           FROM gone
           RETURNING id, limit_key, has_children"#,
        &ids,
        &claim_ids,
        &states as &[&str],
        &keep_days,
        &results as &[Option<Json<&Value>>],
        &errors as &[Option<Json<&Value>>],
        &reasons as &[Option<&str>],
        KEPT_ERRORS,
        REQUESTED,
    )
    .fetch_all(connection)
    .await
}

/// Ends as cancelled those of `claims` that were not `done` because somebody
/// has asked for it meanwhile: cancel wins.
pub(crate) async fn cancel_the_rest(
    connection: &mut PgConnection,
    claims: impl ExactSizeIterator<Item = Claim>,
    done: &[Uuid],
    kept: &Value,
) -> sqlx::Result<Vec<Gone>> {
    if done.len() >= claims.len() {
        return Ok(Vec::new());
    }
    let done: HashSet<&Uuid> = done.iter().collect();
    let rest: Vec<_> = claims.filter(|(id, _)| !done.contains(id)).map(|(id, claim)| (id, Some(claim))).collect();
    let cancelled = cancel::end(connection, &rest, Only::Requested, REQUESTED, kept).await?;
    Ok(cancelled.into_iter().map(Gone::from).collect())
}

/// Schedules the next attempt of failed jobs, unless somebody has cancelled
/// them meanwhile; returns the ids whose fence held.
async fn retry(connection: &mut PgConnection, retried: &[Retried]) -> sqlx::Result<Vec<Gone>> {
    let ids: Vec<Uuid> = retried.iter().map(|job| job.id).collect();
    let claim_ids: Vec<Uuid> = retried.iter().map(|job| job.claim_id).collect();
    let delays: Vec<i64> = retried.iter().map(|job| job.delay_ms).collect();
    let errors: Vec<Option<Json<&Value>>> = retried.iter().map(|job| job.error.as_ref().map(Json)).collect();
    sqlx::query_as!(
        Gone,
        r#"WITH outcome AS MATERIALIZED (
               SELECT id, claim_id, delay_ms, error || jsonb_build_object('at', clock_timestamp()) AS error
               FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[])
                   AS o (id, claim_id, delay_ms, error)),
           held AS MATERIALIZED (
               SELECT job.id, outcome.delay_ms, outcome.error
               FROM queue_jobs AS job JOIN outcome USING (id)
               WHERE job.id = ANY($1) AND job.claim_id = outcome.claim_id AND NOT job.cancel_requested
               ORDER BY job.id FOR UPDATE OF job)
           UPDATE queue_jobs AS job
           SET state = 'scheduled', worker_id = NULL, claim_id = NULL, admitted = false,
               attempt = CASE WHEN held.error IS NULL THEN attempt - 1 ELSE attempt END,
               expires_at = NULL,
               run_at = clock_timestamp() + held.delay_ms * interval '1 millisecond',
               errors = CASE WHEN held.error IS NULL THEN job.errors
                             WHEN jsonb_array_length(job.errors) >= $5 THEN (job.errors - 0) || held.error
                             ELSE job.errors || held.error END
           FROM held
           WHERE job.id = held.id AND job.id = ANY($1)
           RETURNING job.id, job.limit_key, false AS "has_children!""#,
        &ids,
        &claim_ids,
        &delays,
        &errors as &[Option<Json<&Value>>],
        KEPT_ERRORS,
    )
    .fetch_all(connection)
    .await
}
