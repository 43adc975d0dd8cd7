//! Writing how far running jobs are.

use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::{claim::Claim, within_deadline};
use crate::Progress;

/// Writes progress into the rows whose claim still holds; returns their ids.
/// A row that is locked (its handler is about to commit) is skipped.
pub(crate) async fn write(pool: &PgPool, told: &[(Claim, Progress)]) -> sqlx::Result<Vec<Uuid>> {
    within_deadline!(pool, |connection| write_on(&mut connection, told))
}

async fn write_on(connection: &mut PgConnection, told: &[(Claim, Progress)]) -> sqlx::Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = told.iter().map(|((id, _), _)| *id).collect();
    let claim_ids: Vec<Uuid> = told.iter().map(|((_, claim_id), _)| *claim_id).collect();
    let progress: Vec<Json<&Progress>> = told.iter().map(|(_, progress)| Json(progress)).collect();
    let mut transaction = super::begin_fast(connection).await?;
    let written = sqlx::query_scalar!(
        r#"WITH told AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[]) AS t (id, claim_id, progress)),
           held AS MATERIALIZED (
               SELECT job.id, told.progress FROM queue_jobs AS job JOIN told USING (id)
               WHERE job.id = ANY($1) AND job.claim_id = told.claim_id
               FOR UPDATE OF job SKIP LOCKED)
           UPDATE queue_jobs AS job SET progress = held.progress FROM held
           WHERE job.id = held.id AND job.id = ANY($1)
           RETURNING job.id"#,
        &ids,
        &claim_ids,
        &progress as &[Json<&Progress>],
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(written)
}
