//! What a job waits for: its rows go as its parents end, and once none is left
//! it is released.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{
    cancel::{self, Cancelled, Only},
    within_deadline,
};
use crate::{
    Enqueued, Error, OnParentFailure,
    new_job::NewJob,
    news::{Announcement, Ready},
};

/// The reason of a job that is cancelled for its parent.
const PARENT_FAILED: &str = "a job that it waits for did not complete";

/// Whose rows are to be written: each child with its parents.
pub(crate) type After = Vec<(Uuid, Vec<Uuid>)>;

/// Looks for the parents of `jobs`: what has completed need not be waited for,
/// what has failed must not be, and what does not exist is an error. Parents
/// among `jobs` themselves are there.
pub(crate) async fn check_parents(connection: &mut PgConnection, jobs: &mut [NewJob]) -> Result<After, Error> {
    if jobs.iter().all(|job| job.after.is_empty()) {
        return Ok(Vec::new());
    }
    let own: HashSet<Uuid> = jobs.iter().map(|job| job.id).collect();
    let mut others: Vec<Uuid> =
        jobs.iter().flat_map(|job| &job.after).filter(|id| !own.contains(id)).copied().collect();
    others.sort_unstable();
    others.dedup();
    let states = states(connection, &others).await?;
    for job in jobs.iter_mut().filter(|job| !job.after.is_empty()) {
        let mut waits = Vec::with_capacity(job.after.len());
        for parent in job.after.drain(..) {
            match states.get(&parent).map(String::as_str) {
                _ if own.contains(&parent) => waits.push(parent),
                None => return Err(Error::NoSuchParent(parent)),
                Some("live") => waits.push(parent),
                Some("completed") => {}
                Some(_) if job.on_parent_failure == OnParentFailure::Run => {}
                Some(_) => return Err(Error::ParentFailed(parent)),
            }
        }
        waits.sort_unstable();
        waits.dedup();
        job.after = waits;
    }
    Ok(jobs.iter().filter(|job| !job.after.is_empty()).map(|job| (job.id, job.after.clone())).collect())
}

/// `live`, or the state in the history.
async fn states(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", 'live' AS "state!" FROM queue_jobs WHERE id = ANY($1)
           UNION ALL
           SELECT id, state FROM queue_history WHERE id = ANY($1)"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
}

/// Writes what the jobs that were made wait for.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    after: &After,
    made: &HashMap<Uuid, Enqueued>,
) -> Result<(), Error> {
    let made = |child: &Uuid| made.get(child).is_some_and(|enqueued| !enqueued.existing);
    let rows = after.iter().filter(|(child, _)| made(child));
    let (children, parents): (Vec<Uuid>, Vec<Uuid>) =
        rows.flat_map(|(child, parents)| parents.iter().map(|parent| (*child, *parent))).unzip();
    if !children.is_empty() {
        sqlx::query!(
            "INSERT INTO queue_dependencies (child_id, parent_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
            &children,
            &parents,
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Of the children behind `after`, at most `limit`: those of their parents that
/// have ended, and the children that wait for nothing any more. The last child
/// looked at tells where to go on.
pub(crate) async fn overdue(pool: &PgPool, after: Uuid, limit: i64) -> sqlx::Result<Overdue> {
    within_deadline!(pool, |connection| overdue_on(&mut connection, after, limit))
}

async fn overdue_on(connection: &mut PgConnection, after: Uuid, limit: i64) -> sqlx::Result<Overdue> {
    let mut transaction = super::begin_duty(connection).await?;
    let rows = sqlx::query!(
        r#"WITH child AS MATERIALIZED (
               SELECT id FROM queue_jobs WHERE state = 'blocked' AND blocked_by = 'parents' AND id > $1
               ORDER BY id LIMIT $2)
           SELECT child.id AS "child_id!",
                  NOT EXISTS (SELECT FROM queue_dependencies WHERE child_id = child.id) AS "free!",
                  ARRAY(SELECT parent_id FROM queue_dependencies
                        WHERE child_id = child.id
                          AND NOT EXISTS (SELECT FROM queue_jobs WHERE id = parent_id)
                        LIMIT 1000) AS "ended!"
           FROM child ORDER BY child.id"#,
        after,
        limit,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    Ok(Overdue {
        next: rows.last().filter(|_| full).map(|row| row.child_id),
        free: rows.iter().filter(|row| row.free).map(|row| row.child_id).collect(),
        ended: rows.into_iter().flat_map(|row| row.ended).collect(),
    })
}

/// What a look at waiting children found.
#[derive(Debug, Default)]
pub(crate) struct Overdue {
    pub(crate) free: Vec<Uuid>,
    pub(crate) ended: Vec<Uuid>,
    pub(crate) next: Option<Uuid>,
}

/// What became of children.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub(crate) announcement: Announcement,
    /// Those that were cancelled for a parent.
    pub(crate) cancelled: Vec<Cancelled>,
    /// Whether there may be more children of these parents.
    pub(crate) full: bool,
}

/// Children of parents in one transaction.
const SLICE: i64 = 1_000;

/// Takes away the rows of those of `parents` that have ended, and releases the
/// children that wait for nothing any more: of these, and of `free`. Children
/// that lost a parent and are not to run then are cancelled. A parent may have
/// any number of children: they are looked at in slices.
///
/// All in one transaction: whether a parent failed is known as long as its row
/// is there. `kept`: for how many days cancelled jobs are kept, by kind.
pub(crate) async fn release(pool: &PgPool, parents: &[Uuid], free: &[Uuid], kept: &Value) -> sqlx::Result<Released> {
    within_deadline!(pool, |connection| release_on(&mut connection, parents, free, kept))
}

async fn release_on(
    connection: &mut PgConnection,
    parents: &[Uuid],
    free: &[Uuid],
    kept: &Value,
) -> sqlx::Result<Released> {
    let mut transaction = super::begin_duty(connection).await?;
    let (children, full) = lock_children(&mut transaction, parents, free).await?;
    let failed = forget(&mut transaction, parents, &children).await?;
    let cancelled = cancel_doomed(&mut transaction, &failed, kept).await?;
    let announcement = let_go(&mut transaction, &children).await?;
    transaction.commit().await?;
    Ok(Released { announcement, cancelled, full })
}

/// A slice of the children of those of `parents` that have ended, and `free`;
/// and whether the slice is full. They are locked, in the order of their ids: parents that end at the same time are looked at one after the
/// other.
async fn lock_children(
    connection: &mut PgConnection,
    parents: &[Uuid],
    free: &[Uuid],
) -> sqlx::Result<(Vec<Uuid>, bool)> {
    let mut children = sqlx::query_scalar!(
        r#"SELECT child_id FROM queue_dependencies
           WHERE parent_id = ANY($1) AND NOT EXISTS (SELECT FROM queue_jobs WHERE id = parent_id)
           LIMIT $2"#,
        parents,
        SLICE,
    )
    .fetch_all(&mut *connection)
    .await?;
    let full = i64::try_from(children.len()).is_ok_and(|children| children >= SLICE);
    children.extend_from_slice(free);
    children.sort_unstable();
    children.dedup();
    sqlx::query!("SELECT id FROM queue_jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE", &children)
        .fetch_all(connection)
        .await?;
    Ok((children, full))
}

/// Takes away what `children` had to wait for of `parents` and what has ended;
/// returns those that lost a parent by it.
async fn forget(connection: &mut PgConnection, parents: &[Uuid], children: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"WITH gone AS (
               DELETE FROM queue_dependencies
               WHERE parent_id = ANY($1) AND child_id = ANY($2)
                 AND NOT EXISTS (SELECT FROM queue_jobs WHERE id = parent_id)
               RETURNING child_id, parent_id)
           SELECT DISTINCT child_id FROM gone
           WHERE EXISTS (SELECT FROM queue_history WHERE id = parent_id AND state <> 'completed')"#,
        parents,
        children,
    )
    .fetch_all(connection)
    .await
}

async fn cancel_doomed(connection: &mut PgConnection, failed: &[Uuid], kept: &Value) -> sqlx::Result<Vec<Cancelled>> {
    if failed.is_empty() {
        return Ok(Vec::new());
    }
    let doomed = sqlx::query_scalar!(
        r#"SELECT id FROM queue_jobs
           WHERE id = ANY($1) AND state = 'blocked' AND blocked_by = 'parents' AND on_parent_failure = 'cancel'"#,
        failed,
    )
    .fetch_all(&mut *connection)
    .await?;
    let named: Vec<_> = doomed.iter().map(|id| (*id, None)).collect();
    let cancelled = cancel::end(connection, &named, Only::Any, PARENT_FAILED, kept).await?;
    sqlx::query!("DELETE FROM queue_dependencies WHERE child_id = ANY($1)", &doomed).execute(connection).await?;
    Ok(cancelled)
}

/// Releases those of `children` that wait for nothing any more.
async fn let_go(connection: &mut PgConnection, children: &[Uuid]) -> sqlx::Result<Announcement> {
    let rows = sqlx::query!(
        r#"UPDATE queue_jobs AS job
           SET state = CASE WHEN run_at > clock_timestamp() THEN 'scheduled'
                            WHEN limit_key IS NOT NULL THEN 'blocked' ELSE 'queued' END,
               blocked_by = CASE WHEN limit_key IS NOT NULL AND run_at <= clock_timestamp() THEN 'limit' END,
               queued_at = clock_timestamp()
           WHERE id = ANY($1) AND state = 'blocked' AND blocked_by = 'parents'
             AND NOT EXISTS (SELECT FROM queue_dependencies WHERE child_id = job.id)
           RETURNING id, queue, priority, state, queued_at, limit_key"#,
        children,
    )
    .fetch_all(connection)
    .await?;
    let mut announcement = Announcement::default();
    for row in rows {
        match row.state.as_str() {
            "queued" => announcement.ready.push(Ready::new(row.queue, row.priority, row.id, row.queued_at)),
            "blocked" => announcement.limit_keys.extend(row.limit_key),
            _ => {}
        }
    }
    Ok(announcement)
}

/// The jobs that this one waits for and that have not ended; at most `limit`.
pub(crate) async fn waits_for(pool: &PgPool, child: Uuid, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"SELECT parent_id FROM queue_dependencies WHERE child_id = $1 ORDER BY parent_id LIMIT $2"#,
        child,
        limit,
    )
    .fetch_all(pool)
    .await
}
