//! Pages of jobs, the newest first.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    inspect::{JobState, JobView, columns},
    within_deadline,
};
use crate::Priority;

/// Rows that one page looks at, however few of them match: a filter that
/// matches nothing must not read a whole history.
const LOOKED_AT: i64 = 10_000;

/// Which jobs a list shows; what is empty or `None` leaves all in.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// In one of these states.
    pub states: Vec<JobState>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// In one of these queues.
    pub queues: Vec<String>,
    /// Of one of these priorities.
    pub priorities: Vec<Priority>,
    /// Caused by this owner.
    pub owner: Option<String>,
    /// Caused by this request.
    pub request_id: Option<String>,
    /// Enqueued by this schedule.
    pub schedule: Option<String>,
    /// Enqueued at this time or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Enqueued before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// A page of jobs.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs, the newest first.
    pub jobs: Vec<JobView>,
    /// Where the next page begins; `None`: there is none. A page may have fewer
    /// jobs than asked for, even none, and be followed by others: one page looks
    /// at 10,000 jobs at most.
    pub next: Option<Uuid>,
}

/// The jobs before `before`, at most `limit`.
pub(crate) async fn page(
    pool: &PgPool,
    filter: &JobFilter,
    before: Option<Uuid>,
    limit: usize,
) -> sqlx::Result<JobPage> {
    within_deadline!(pool, |connection| page_on(&mut connection, filter, before, limit))
}

async fn page_on(
    connection: &mut PgConnection,
    filter: &JobFilter,
    before: Option<Uuid>,
    limit: usize,
) -> sqlx::Result<JobPage> {
    let before = before.unwrap_or(Uuid::max());
    let mut transaction = super::begin_duty(connection).await?;
    let wanted = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let mut jobs: Vec<JobView> = select(filter, before, wanted).build_query_as().fetch_all(&mut *transaction).await?;
    let next = if jobs.len() > limit {
        jobs.truncate(limit);
        jobs.last().map(|job| job.id)
    } else {
        last_looked_at(&mut transaction, before).await?
    };
    transaction.rollback().await?;
    Ok(JobPage { jobs, next })
}

fn select(filter: &JobFilter, before: Uuid, limit: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM (SELECT ", columns!()));
    query.push(" FROM queue_jobs_all WHERE id < ").push_bind(before);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(LOOKED_AT).push(") AS recent WHERE true");
    let mut among = |column: &'static str, values: Vec<String>| {
        if !values.is_empty() {
            query.push(" AND ").push(column).push(" = ANY(").push_bind(values).push(")");
        }
    };
    among("state", filter.states.iter().map(|state| state.as_str().to_owned()).collect());
    among("kind", filter.kinds.clone());
    among("queue", filter.queues.clone());
    among("owner", filter.owner.iter().cloned().collect());
    among("meta ->> 'request_id'", filter.request_id.iter().cloned().collect());
    among("meta ->> 'schedule'", filter.schedule.iter().cloned().collect());
    if !filter.priorities.is_empty() {
        let ranks: Vec<i16> = filter.priorities.iter().map(|priority| priority.rank()).collect();
        query.push(" AND priority = ANY(").push_bind(ranks).push(")");
    }
    if let Some(from) = filter.created_from {
        query.push(" AND created_at >= ").push_bind(from);
    }
    if let Some(before) = filter.created_before {
        query.push(" AND created_at < ").push_bind(before);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

/// The last job that a page looked at, if there may be others behind it.
async fn last_looked_at(connection: &mut PgConnection, before: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("SELECT id FROM queue_jobs_all WHERE id < $1 ORDER BY id DESC OFFSET $2 LIMIT 1")
        .bind(before)
        .bind(LOOKED_AT - 1)
        .fetch_optional(connection)
        .await
}
