//! Pages of jobs, the newest first.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    inspect::{JobState, JobView, columns},
    within_deadline,
};
use crate::Priority;

/// Rows that one page looks at, however few of them match: a filter that
/// matches nothing must not read a whole history. Where it names an owner, an
/// index leads to their rows, and they alone count.
const LOOKED_AT: i64 = 10_000;

/// How far the clock of the process that made a job's id may be from
/// PostgreSQL's, which says when the job was created: a range of time is looked
/// for among the ids of the range, and of so much more on both sides. A job that
/// was made by a clock that was farther off is not found by a range.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

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
    /// With this text in the message of one of its errors, in capitals or not.
    pub error: Option<String>,
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
    /// at 10,000 jobs at most, of the owner's where the filter names one.
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
    let span = Span::of(filter, before);
    let mut transaction = super::begin_duty(connection).await?;
    let wanted = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let mut jobs: Vec<JobView> = select(filter, span, wanted).build_query_as().fetch_all(&mut *transaction).await?;
    let next = if jobs.len() > limit {
        jobs.truncate(limit);
        jobs.last().map(|job| job.id)
    } else {
        last_looked_at(filter, span).build_query_scalar().fetch_optional(&mut *transaction).await?
    };
    transaction.rollback().await?;
    Ok(JobPage { jobs, next })
}

/// The ids among which a page looks.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Uuid,
    before: Uuid,
}

impl Span {
    fn of(filter: &JobFilter, before: Option<Uuid>) -> Self {
        let margin = |at: DateTime<Utc>, by| at.checked_add_signed(by).unwrap_or(at);
        let from = filter.created_from.map(|at| first_id(margin(at, -CLOCKS_APART)));
        let latest = filter.created_before.map(|at| first_id(margin(at, CLOCKS_APART)));
        let before = before.unwrap_or(Uuid::max());
        Self { from: from.unwrap_or_default(), before: latest.map_or(before, |latest| latest.min(before)) }
    }
}

/// The first of all `UUIDv7`s that are made at this time.
fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    // They begin with 48 bits of milliseconds.
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

fn select(filter: &JobFilter, span: Span, limit: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM (SELECT ", columns!()));
    push_looked_at(&mut query, filter, span);
    query.push(" LIMIT ").push_bind(LOOKED_AT).push(") AS recent WHERE true");
    let mut among = |column: &'static str, values: Vec<String>| {
        if !values.is_empty() {
            query.push(" AND ").push(column).push(" = ANY(").push_bind(values).push(")");
        }
    };
    among("state", filter.states.iter().map(|state| state.as_str().to_owned()).collect());
    among("kind", filter.kinds.clone());
    among("queue", filter.queues.clone());
    among("meta ->> 'request_id'", filter.request_id.iter().cloned().collect());
    among("meta ->> 'schedule'", filter.schedule.iter().cloned().collect());
    if !filter.priorities.is_empty() {
        let ranks: Vec<i16> = filter.priorities.iter().map(|priority| priority.rank()).collect();
        query.push(" AND priority = ANY(").push_bind(ranks).push(")");
    }
    if let Some(text) = &filter.error {
        query.push(" AND EXISTS (SELECT FROM jsonb_array_elements(errors) AS error");
        query.push(" WHERE strpos(lower(error ->> 'message'), lower(").push_bind(text.clone()).push(")) > 0)");
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
fn last_looked_at(filter: &JobFilter, span: Span) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT id");
    push_looked_at(&mut query, filter, span);
    query.push(" OFFSET ").push_bind(LOOKED_AT - 1).push(" LIMIT 1");
    query
}

/// The jobs among which a page looks, the newest first.
///
/// Of an owner it is written so that no other index has the order: the planner
/// might take the primary key for `owner = …`, and read past the jobs of everybody
/// else.
fn push_looked_at(query: &mut QueryBuilder<Postgres>, filter: &JobFilter, Span { from, before }: Span) {
    query.push(" FROM queue_jobs_all WHERE ");
    if let Some(owner) = &filter.owner {
        query.push("owner IS NOT NULL AND (owner, id) >= (").push_bind(owner.clone()).push(", ").push_bind(from);
        query.push(") AND (owner, id) < (").push_bind(owner.clone()).push(", ").push_bind(before);
        query.push(") ORDER BY owner DESC, id DESC");
    } else {
        query.push("id >= ").push_bind(from).push(" AND id < ").push_bind(before).push(" ORDER BY id DESC");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_time_lie_around_its_first() {
        let id = Uuid::now_v7();
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        let at = DateTime::from_timestamp(seconds.try_into().unwrap(), nanos).unwrap();
        assert!(first_id(at) <= id && id < first_id(at + TimeDelta::milliseconds(1)));
        assert_eq!(first_id(DateTime::<Utc>::MIN_UTC), Uuid::nil());
        assert!(first_id(DateTime::<Utc>::MAX_UTC) > id);
    }

    #[test]
    fn a_page_after_another_stays_within_the_range() {
        let at: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
        let filter = JobFilter { created_from: Some(at), created_before: Some(at), ..JobFilter::default() };
        let cursor = first_id(at);
        assert_eq!(Span::of(&filter, Some(cursor)).before, cursor);
        let Span { from, before } = Span::of(&filter, None);
        assert_eq!((from, before), (first_id(at - CLOCKS_APART), first_id(at + CLOCKS_APART)));
        let Span { from, before } = Span::of(&JobFilter::default(), None);
        assert_eq!((from, before), (Uuid::nil(), Uuid::max()));
        let far = JobFilter { created_from: Some(DateTime::<Utc>::MIN_UTC), ..JobFilter::default() };
        assert_eq!(Span::of(&far, None).from, Uuid::nil());
    }
}
