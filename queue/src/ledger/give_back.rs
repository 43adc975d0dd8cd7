//! Giving jobs back unburnt, and comparing what the ledger says a worker holds
//! with what the worker has.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{claim::Claim, finish, within_deadline};

use crate::{
    keys::List,
    news::{Gone, Ready},
};

/// A claim that is to be given back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Return {
    pub(crate) claim: Claim,
    /// Whether it began to run: then it does not expire any more.
    pub(crate) began: bool,
}

/// What became of claims that were given back.
#[derive(Debug, Default)]
pub(crate) struct GivenBack {
    /// What belongs on the ready lists.
    pub(crate) ready: Vec<Ready>,
    /// What ended instead.
    pub(crate) cancelled: Vec<Gone>,
}

/// Gives back the claims whose fence still holds: queued again, the attempt
/// not counted; ends those that somebody has cancelled. `kept`: for how many
/// days cancelled jobs are kept, by kind.
pub(crate) async fn give_back(pool: &PgPool, returns: &[Return], kept: &Value) -> sqlx::Result<GivenBack> {
    within_deadline!(pool, |connection| give_back_on(&mut connection, returns, kept))
}

async fn give_back_on(connection: &mut PgConnection, returns: &[Return], kept: &Value) -> sqlx::Result<GivenBack> {
    let (ids, claim_ids): (Vec<Uuid>, Vec<Uuid>) = returns.iter().map(|given| given.claim).unzip();
    let began: Vec<bool> = returns.iter().map(|given| given.began).collect();
    let mut transaction = super::begin_fast(connection).await?;
    let rows = sqlx::query!(
        r#"WITH claim AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[]) AS c (id, claim_id, began)),
           held AS MATERIALIZED (
               SELECT job.id, claim.began FROM queue_jobs AS job JOIN claim USING (id)
               WHERE job.id = ANY($1) AND job.claim_id = claim.claim_id AND NOT job.cancel_requested
               ORDER BY job.id FOR UPDATE OF job)
           UPDATE queue_jobs AS job
           SET worker_id = NULL, claim_id = NULL, attempt = attempt - 1, started_at = NULL,
               expires_at = CASE WHEN held.began THEN NULL ELSE expires_at END, queued_at = clock_timestamp()
           FROM held
           WHERE job.id = held.id AND job.id = ANY($1)
           RETURNING job.id, queue, priority, queued_at"#,
        &ids,
        &claim_ids,
        &began,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let given_back: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let cancelled =
        finish::cancel_the_rest(&mut transaction, returns.iter().map(|given| given.claim), &given_back, kept).await?;
    transaction.commit().await?;
    let ready = rows.into_iter().map(|row| Ready::new(row.queue, row.priority, row.id, row.queued_at)).collect();
    Ok(GivenBack { ready, cancelled })
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
    within_deadline!(pool, |connection| held_on(&mut connection, worker_id, served, in_doubt))
}

async fn held_on(
    connection: &mut PgConnection,
    worker_id: Uuid,
    served: &[(List, DateTime<Utc>)],
    in_doubt: &[Uuid],
) -> sqlx::Result<Vec<Claim>> {
    let mut transaction = super::begin_duty(connection).await?;
    // A lost claim may still be at its COMMIT. Its rows are locked until then,
    // so having locked them, the next statement sees what became of it.
    if !in_doubt.is_empty() {
        sqlx::query!("SELECT id FROM queue_jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE", in_doubt)
            .fetch_all(&mut *transaction)
            .await?;
    }
    let queues: Vec<&str> = served.iter().map(|(list, _)| list.queue.as_str()).collect();
    let priorities: Vec<i16> = served.iter().map(|(list, _)| list.priority.rank()).collect();
    let newest: Vec<DateTime<Utc>> = served.iter().map(|(_, at)| *at).collect();
    // OFFSET 0 keeps the worker's condition outside, where it can't tempt the
    // planner away from the index; an array that comes from a query is never
    // known to be empty, which would imply every index's predicate.
    let rows = sqlx::query!(
        r#"SELECT job.id AS "id!", job.claim_id AS "claim_id!"
           FROM unnest($2::text[], $3::smallint[], $4::timestamptz[]) AS served (queue, priority, newest)
           CROSS JOIN LATERAL (
               SELECT id, claim_id, worker_id FROM queue_jobs
               WHERE state = 'queued' AND queue = served.queue AND priority = served.priority
                 AND queued_at <= served.newest
               ORDER BY queued_at OFFSET 0) AS job
           WHERE job.worker_id = $1
           UNION
           SELECT id, claim_id FROM queue_jobs
           WHERE id = ANY(ARRAY(SELECT unnest($5::uuid[]))) AND worker_id = $1"#,
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
