//! Giving jobs back unburnt, and comparing what the ledger says a worker holds
//! with what the worker has.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Priority, keys::List, ready_list::Ready};

/// A claim: which job, under which fence.
pub(crate) type Claim = (Uuid, Uuid);

/// Gives back the claims whose fence still holds: queued again, the attempt
/// not counted. Returns what belongs on the ready lists.
pub(crate) async fn give_back(pool: &PgPool, claims: &[Claim]) -> sqlx::Result<Vec<Ready>> {
    let (ids, claim_ids): (Vec<Uuid>, Vec<Uuid>) = claims.iter().copied().unzip();
    let mut transaction = super::begin_fast(pool).await?;
    let rows = sqlx::query!(
        r#"WITH claim AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS c (id, claim_id)),
           held AS MATERIALIZED (
               SELECT job.id FROM queue_jobs AS job JOIN claim USING (id)
               WHERE job.id = ANY($1) AND job.claim_id = claim.claim_id
               ORDER BY job.id FOR UPDATE OF job)
           UPDATE queue_jobs AS job
           SET worker_id = NULL, claim_id = NULL, attempt = attempt - 1, started_at = NULL,
               queued_at = clock_timestamp()
           WHERE id = ANY(ARRAY(SELECT id FROM held))
           RETURNING job.id, queue, priority, queued_at"#,
        &ids,
        &claim_ids,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| Ready {
            list: List::new(row.queue, Priority::from_rank(row.priority)),
            id: row.id,
            queued_at: row.queued_at,
        })
        .collect())
}

/// The claims that the ledger says `worker_id` holds.
///
/// There is no index on the worker (a claim must not write one), so the rows
/// are found two ways: on each list from its old end up to the newest job that
/// the worker ever claimed from it, where only running and lost jobs are left;
/// and by id, for claims whose answer was lost.
pub(crate) async fn held_by(
    pool: &PgPool,
    worker_id: Uuid,
    served: &[(List, DateTime<Utc>)],
    in_doubt: &[Uuid],
) -> sqlx::Result<Vec<Claim>> {
    let queues: Vec<&str> = served.iter().map(|(list, _)| list.queue.as_str()).collect();
    let priorities: Vec<i16> = served.iter().map(|(list, _)| list.priority.rank()).collect();
    let newest: Vec<DateTime<Utc>> = served.iter().map(|(_, at)| *at).collect();
    let mut transaction = super::begin_duty(pool).await?;
    let rows = sqlx::query!(
        r#"SELECT job.id AS "id!", job.claim_id AS "claim_id!"
           FROM unnest($2::text[], $3::smallint[], $4::timestamptz[]) AS served (queue, priority, newest)
           JOIN queue_jobs AS job
             ON job.state = 'queued' AND job.queue = served.queue
            AND job.priority = served.priority AND job.queued_at <= served.newest
           WHERE job.worker_id = $1
           UNION
           SELECT id, claim_id FROM queue_jobs WHERE id = ANY($5) AND worker_id = $1"#,
        worker_id,
        &queues as &[&str],
        &priorities,
        &newest,
        in_doubt,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok(rows.into_iter().map(|row| (row.id, row.claim_id)).collect())
}
