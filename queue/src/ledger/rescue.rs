//! Taking jobs back from workers that are gone.

use serde_json::Value;
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::finish::{self, Ended, KEPT_ERRORS};
use crate::ready_list::Ready;

/// A job to be run again, and when.
#[derive(Clone, Debug)]
pub(crate) struct Rescue {
    pub(crate) id: Uuid,
    pub(crate) claim_id: Uuid,
    /// `None`: at once.
    pub(crate) delay_ms: Option<i64>,
    pub(crate) error: Value,
}

/// Rescues `again` and ends `ended`, as far as their workers are still gone
/// and their rows are not locked. Returns how many were taken back, and what
/// belongs on the ready lists.
pub(crate) async fn rescue(pool: &PgPool, again: &[Rescue], ended: &[Ended]) -> sqlx::Result<(usize, Vec<Ready>)> {
    let mut connection = pool.acquire().await?;
    let mut transaction = super::begin_duty(&mut connection).await?;
    let ready = if again.is_empty() { Vec::new() } else { run_again(&mut transaction, again).await? };
    let still_gone = lock_orphans(&mut transaction, ended).await?;
    let ended: Vec<Ended> = ended.iter().filter(|job| still_gone.contains(&job.id)).cloned().collect();
    let discarded = if ended.is_empty() { 0 } else { finish::end(&mut transaction, &ended).await?.len() };
    transaction.commit().await?;
    let rescued = ready.len() + discarded;
    Ok((rescued, ready.into_iter().flatten().collect()))
}

/// Frees the rows of `again`; for each that was still an orphan, what belongs
/// on a ready list now, if it does not wait.
async fn run_again(connection: &mut PgConnection, again: &[Rescue]) -> sqlx::Result<Vec<Option<Ready>>> {
    let ids: Vec<Uuid> = again.iter().map(|job| job.id).collect();
    let claim_ids: Vec<Uuid> = again.iter().map(|job| job.claim_id).collect();
    let delays: Vec<Option<i64>> = again.iter().map(|job| job.delay_ms).collect();
    let errors: Vec<Json<&Value>> = again.iter().map(|job| Json(&job.error)).collect();
    let rows = sqlx::query!(
        r#"WITH orphan AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[])
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
           RETURNING job.id, queue, priority, state, queued_at"#,
        &ids,
        &claim_ids,
        &delays as &[Option<i64>],
        &errors as &[Json<&Value>],
        KEPT_ERRORS,
    )
    .fetch_all(connection)
    .await?;
    let ready = rows
        .into_iter()
        .map(|row| (row.state == "queued").then(|| Ready::new(row.queue, row.priority, row.id, row.queued_at)));
    Ok(ready.collect())
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
