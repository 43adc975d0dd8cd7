//! Claiming jobs.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::within_deadline;

/// A claim: which job, under which fence.
pub(crate) type Claim = (Uuid, Uuid);

/// A job that this worker owns, as the claim returned it.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) priority: i16,
    pub(crate) payload: Json<Box<RawValue>>,
    pub(crate) payload_version: i16,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) queued_at: DateTime<Utc>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) owner: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
}

/// Claims those of `ids` that are waiting and of a kind in `kinds`
/// ([`Registry::readable`](crate::Registry::readable)), in one statement: sets the worker, the fence `claim_id`, the attempt and the start.
pub(crate) async fn claim(
    pool: &PgPool,
    ids: &[Uuid],
    worker_id: Uuid,
    claim_id: Uuid,
    kinds: &[String],
) -> sqlx::Result<Vec<Claimed>> {
    within_deadline!(pool, |connection| claim_on(&mut connection, ids, worker_id, claim_id, kinds))
}

async fn claim_on(
    connection: &mut PgConnection,
    ids: &[Uuid],
    worker_id: Uuid,
    claim_id: Uuid,
    kinds: &[String],
) -> sqlx::Result<Vec<Claimed>> {
    let mut transaction = super::begin_fast(connection).await?;
    // What `state` is not implies no index predicate, on purpose.
    let claimed = sqlx::query_as!(
        Claimed,
        r#"UPDATE queue_jobs AS job
           SET worker_id = $2,
               claim_id = $3,
               attempt = job.attempt + 1,
               started_at = clock_timestamp(),
               unique_key = CASE WHEN job.unique_scope = 'until_started' THEN NULL ELSE job.unique_key END,
               unique_scope = CASE WHEN job.unique_scope = 'until_started' THEN NULL ELSE job.unique_scope END
           WHERE id = ANY(ARRAY(
               SELECT id FROM queue_jobs
               WHERE id = ANY($1) AND worker_id IS NULL AND state <> ALL ('{scheduled,blocked}')
                 AND attempt < max_attempts
                 AND CASE payload_version WHEN 1 THEN kind ELSE kind || '#' || payload_version END = ANY($4)
                 AND (expires_at IS NULL OR expires_at > clock_timestamp() OR attempt > 0)
               FOR UPDATE SKIP LOCKED))
           RETURNING job.id, job.kind, job.queue, job.priority,
                     job.payload AS "payload: Json<Box<RawValue>>", job.payload_version,
                     job.attempt, job.max_attempts, job.timeout_ms, job.run_at, job.queued_at,
                     job.started_at AS "started_at!", job.owner,
                     job.meta ->> 'request_id' AS request_id, job.meta ->> 'traceparent' AS traceparent"#,
        ids,
        worker_id,
        claim_id,
        kinds,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(claimed)
}
