//! Taking jobs back from workers that are gone.

use serde_json::Value;
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::{
    finish::{self, Ended, KEPT_ERRORS},
    within_deadline,
};
use crate::news::{Gone, Ready};

/// A job to be run again, and when.
#[derive(Clone, Debug)]
pub(crate) struct Rescue {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    /// `None`: at once.
    pub(crate) delay_ms: Option<i64>,
    pub(crate) error: Value,
}

/// What was taken back from workers that are gone.
#[derive(Debug, Default)]
pub(crate) struct Rescued {
    /// How many.
    pub(crate) jobs: usize,
    /// What belongs on the ready lists.
    pub(crate) ready: Vec<Ready>,
    /// What has ended, or waits and has freed its slot.
    pub(crate) gone: Vec<Gone>,
}

/// Rescues `again` and ends `ended`, as far as their workers are still gone
/// and their rows are not locked.
pub(crate) async fn rescue(pool: &PgPool, again: &[Rescue], ended: &[Ended]) -> sqlx::Result<Rescued> {
    within_deadline!(pool, |connection| rescue_on(&mut connection, again, ended))
}

async fn rescue_on(connection: &mut PgConnection, again: &[Rescue], ended: &[Ended]) -> sqlx::Result<Rescued> {
    let mut transaction = super::begin_duty(connection).await?;
    let mut rescued = if again.is_empty() { Rescued::default() } else { run_again(&mut transaction, again).await? };
    let still_gone = lock_orphans(&mut transaction, ended).await?;
    let ended: Vec<Ended> = ended.iter().filter(|job| still_gone.contains(&job.id)).cloned().collect();
    if !ended.is_empty() {
        let gone = finish::end(&mut transaction, &ended).await?;
        rescued.jobs += gone.len();
        rescued.gone.extend(gone);
    }
    transaction.commit().await?;
    Ok(rescued)
}

/// Frees the rows of those of `again` that are still orphans.
async fn run_again(connection: &mut PgConnection, again: &[Rescue]) -> sqlx::Result<Rescued> {
    let ids: Vec<Uuid> = again.iter().map(|job| job.id).collect();
    let claim_ids: Vec<Uuid> = again.iter().map(|job| job.claim_id).collect();
    let delays: Vec<Option<i64>> = again.iter().map(|job| job.delay_ms).collect();
    let errors: Vec<Json<&Value>> = again.iter().map(|job| Json(&job.error)).collect();
    let rows = sqlx::query!(
        r#"WITH orphan AS MATERIALIZED (
               SELECT id, claim_id, delay_ms, error || jsonb_build_object('at', clock_timestamp()) AS error
               FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[])
                   AS o (id, claim_id, delay_ms, error)),
           held AS MATERIALIZED (
               SELECT job.id, orphan.delay_ms, orphan.error
               FROM queue_jobs AS job JOIN orphan USING (id)
               WHERE job.id = ANY($1) AND job.claim_id = orphan.claim_id
                 AND NOT EXISTS (SELECT FROM queue_workers AS worker
                                 WHERE worker.id = job.worker_id
                                   AND beat_at > clock_timestamp() - interval '15 seconds')
                 AND NOT job.cancel_requested
               ORDER BY job.id FOR UPDATE OF job SKIP LOCKED)
           UPDATE queue_jobs AS job
           SET worker_id = NULL, claim_id = NULL,
               state = CASE WHEN held.delay_ms IS NULL THEN 'queued' ELSE 'scheduled' END,
               admitted = admitted AND held.delay_ms IS NULL,
               run_at = clock_timestamp() + coalesce(held.delay_ms, 0) * interval '1 millisecond',
               queued_at = clock_timestamp(),
               errors = CASE WHEN jsonb_array_length(job.errors) >= $5 THEN (job.errors - 0) || held.error
                             ELSE job.errors || held.error END
           FROM held
           WHERE job.id = held.id AND job.id = ANY($1)
           RETURNING job.id, queue, priority, state, queued_at, limit_key"#,
        &ids,
        &claim_ids,
        &delays as &[Option<i64>],
        &errors as &[Json<&Value>],
        KEPT_ERRORS,
    )
    .fetch_all(connection)
    .await?;
    let mut rescued = Rescued { jobs: rows.len(), ..Rescued::default() };
    for row in rows {
        if row.state == "queued" {
            rescued.ready.push(Ready::new(row.queue, row.priority, row.id, row.queued_at));
        } else {
            rescued.gone.push(Gone { id: row.id, limit_key: row.limit_key, has_children: false });
        }
    }
    Ok(rescued)
}

/// Locks those of `ended` whose worker is still gone; skips locked rows.
async fn lock_orphans(connection: &mut PgConnection, ended: &[Ended]) -> sqlx::Result<Vec<Uuid>> {
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ended.iter().map(|job| job.id).collect();
    sqlx::query_scalar!(
        r#"SELECT id FROM queue_jobs AS job
           WHERE id = ANY($1)
             AND NOT EXISTS (SELECT FROM queue_workers AS worker
                             WHERE worker.id = job.worker_id
                               AND beat_at > clock_timestamp() - interval '15 seconds')
           ORDER BY id FOR UPDATE SKIP LOCKED"#,
        &ids,
    )
    .fetch_all(connection)
    .await
}
