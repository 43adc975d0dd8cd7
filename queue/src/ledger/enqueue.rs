//! Inserting jobs, within the caller's transaction.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::dependencies;
use crate::{
    Error,
    job::{Unique, UniqueScope},
    new_job::NewJob,
    ready_list::Ready,
};

/// What became of one job of an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the one that holds the unique key already.
    pub id: Uuid,
    /// Whether a job that holds the unique key was found instead of making one.
    pub existing: bool,
}

/// How often an enqueue looks again when a key's holder vanishes while it looks.
const KEY_ATTEMPTS: usize = 5;

/// What an enqueue has to tell after the commit.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    /// What belongs on the ready lists.
    pub(crate) ready: Vec<Ready>,
    /// The limit keys that have one more job waiting.
    pub(crate) limit_keys: BTreeSet<String>,
}

/// Inserts `jobs` in one statement; returns what became of each, in order, and
/// what is to be told after the commit.
///
/// Keys are taken in order, so that two bulk enqueues can't deadlock.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    mut jobs: Vec<NewJob>,
    owner: Option<&str>,
    meta: &serde_json::Value,
) -> Result<(Vec<Enqueued>, Announcement), Error> {
    let after = dependencies::check_parents(connection, &mut jobs).await?;
    let mut outcome: HashMap<Uuid, Enqueued> = HashMap::with_capacity(jobs.len());
    let order: Vec<Uuid> = jobs.iter().map(|job| job.id).collect();
    jobs.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));

    let mut announcement = Announcement::default();
    let mut pending = jobs;
    for _ in 0..KEY_ATTEMPTS {
        let (free, held) = take_windows(connection, pending).await?;
        outcome.extend(held);
        let inserted = insert_rows(connection, &free, owner, meta).await?;
        let mut taken: HashMap<Uuid, Inserted> = inserted.into_iter().map(|row| (row.id, row)).collect();
        pending = Vec::new();
        for job in free {
            let Some(row) = taken.remove(&job.id) else {
                pending.push(job);
                continue;
            };
            if row.state == "blocked" && row.blocked_by.as_deref() == Some("limit") {
                announcement.limit_keys.extend(row.limit_key.clone());
            }
            announcement.ready.extend(row.ready());
            outcome.insert(job.id, Enqueued { id: job.id, existing: false });
        }
        if pending.is_empty() {
            break;
        }
        pending = find_holders(connection, pending, &mut outcome).await?;
        if pending.is_empty() {
            break;
        }
    }
    if let Some(job) = pending.first() {
        return Err(Error::Contended { kind: job.kind.to_string() });
    }
    dependencies::insert(connection, &after, &outcome).await?;
    Ok((order.iter().filter_map(|id| outcome.get(id).copied()).collect(), announcement))
}

fn sort_key(job: &NewJob) -> Option<(&str, &str)> {
    job.unique.as_ref().map(|unique| (&*job.kind, unique.key.as_str()))
}

/// Takes the keys that hold for a window; tells apart the jobs that got theirs
/// (or need none) from those whose key another job holds.
async fn take_windows(
    connection: &mut PgConnection,
    jobs: Vec<NewJob>,
) -> Result<(Vec<NewJob>, Vec<(Uuid, Enqueued)>), Error> {
    let mut free = Vec::with_capacity(jobs.len());
    let mut held = Vec::new();
    for job in jobs {
        let Some(Unique { key, scope: UniqueScope::Window(window) }) = &job.unique else {
            free.push(job);
            continue;
        };
        // The update locks the row also when the window still holds, so that
        // the holder can be read in the same statement.
        let holder = sqlx::query_scalar!(
            r#"INSERT INTO queue_unique_windows AS held (kind, unique_key, job_id, held_until)
               VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
               ON CONFLICT (kind, unique_key) DO UPDATE
               SET job_id = CASE WHEN held.held_until <= clock_timestamp()
                                 THEN excluded.job_id ELSE held.job_id END,
                   held_until = CASE WHEN held.held_until <= clock_timestamp()
                                     THEN excluded.held_until ELSE held.held_until END
               RETURNING job_id"#,
            &*job.kind,
            key,
            job.id,
            window.as_secs_f64(),
        )
        .fetch_one(&mut *connection)
        .await?;
        if holder == job.id {
            free.push(job);
        } else {
            held.push((job.id, Enqueued { id: holder, existing: true }));
        }
    }
    Ok((free, held))
}

struct Inserted {
    id: Uuid,
    queue: String,
    priority: i16,
    state: String,
    queued_at: DateTime<Utc>,
    blocked_by: Option<String>,
    limit_key: Option<String>,
}

impl Inserted {
    fn ready(self) -> Option<Ready> {
        (self.state == "queued").then(|| Ready::new(self.queue, self.priority, self.id, self.queued_at))
    }
}

async fn insert_rows(
    connection: &mut PgConnection,
    jobs: &[NewJob],
    owner: Option<&str>,
    meta: &serde_json::Value,
) -> Result<Vec<Inserted>, Error> {
    let mut ids = Vec::with_capacity(jobs.len());
    let mut kinds = Vec::with_capacity(jobs.len());
    let mut versions = Vec::with_capacity(jobs.len());
    let mut queues = Vec::with_capacity(jobs.len());
    let mut priorities = Vec::with_capacity(jobs.len());
    let mut payloads = Vec::with_capacity(jobs.len());
    let mut max_attempts = Vec::with_capacity(jobs.len());
    let mut run_ats = Vec::with_capacity(jobs.len());
    let mut timeouts = Vec::with_capacity(jobs.len());
    let mut keys = Vec::with_capacity(jobs.len());
    let mut scopes = Vec::with_capacity(jobs.len());
    let mut expiries = Vec::with_capacity(jobs.len());
    let mut limit_keys = Vec::with_capacity(jobs.len());
    let mut concurrencies = Vec::with_capacity(jobs.len());
    let mut rates = Vec::with_capacity(jobs.len());
    let mut waits = Vec::with_capacity(jobs.len());
    let mut parents = Vec::with_capacity(jobs.len());
    for job in jobs {
        let (key, scope) = row_key(job.unique.as_ref());
        ids.push(job.id);
        kinds.push(&*job.kind);
        versions.push(job.payload_version);
        queues.push(&*job.queue);
        priorities.push(job.priority.rank());
        payloads.push(Json(&*job.payload));
        max_attempts.push(job.max_attempts);
        run_ats.push(job.run_at);
        timeouts.push(job.timeout_ms);
        keys.push(key);
        scopes.push(scope);
        expiries.push(job.expires_in_ms);
        let limit = job.limit.as_ref();
        limit_keys.push(limit.map(|limit| limit.key.as_str()));
        concurrencies.push(limit.and_then(|limit| limit.concurrency).map(u32::cast_signed));
        rates.push(limit.and_then(|limit| limit.per_minute).map(u32::cast_signed));
        waits.push((!job.after.is_empty()).then(|| job.on_parent_failure.as_str()));
        parents.push(job.has_children);
    }
    let inserted = sqlx::query_as!(
        Inserted,
        r#"INSERT INTO queue_jobs (id, kind, payload_version, queue, priority, state, payload,
                                   max_attempts, run_at, timeout_ms, unique_key, unique_scope, expires_at,
                                   owner, meta, blocked_by, limit_key, limit_concurrency, limit_per_minute,
                                   on_parent_failure, has_children)
           SELECT id, kind, payload_version, queue, priority,
                  CASE WHEN waits IS NOT NULL THEN 'blocked'
                       WHEN run_at > clock_timestamp() THEN 'scheduled'
                       WHEN limit_key IS NOT NULL THEN 'blocked'
                       ELSE 'queued' END,
                  payload, max_attempts, coalesce(run_at, clock_timestamp()), timeout_ms,
                  unique_key, unique_scope,
                  greatest(run_at, clock_timestamp()) + expires_in * interval '1 millisecond', $12, $13,
                  CASE WHEN waits IS NOT NULL THEN 'parents'
                       WHEN limit_key IS NULL OR run_at > clock_timestamp() THEN NULL
                       ELSE 'limit' END,
                  limit_key, concurrency, per_minute, waits, has_children
           FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::smallint[], $6::jsonb[],
                       $7::smallint[], $8::timestamptz[], $9::integer[], $10::text[], $11::text[],
                       $14::bigint[], $15::text[], $16::integer[], $17::integer[], $18::text[], $19::boolean[])
                AS new (id, kind, payload_version, queue, priority, payload,
                        max_attempts, run_at, timeout_ms, unique_key, unique_scope, expires_in,
                        limit_key, concurrency, per_minute, waits, has_children)
           ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
           RETURNING id, queue, priority, state, queued_at, blocked_by, limit_key"#,
        &ids,
        &kinds as &[&str],
        &versions,
        &queues as &[&str],
        &priorities,
        &payloads as &[Json<&RawValue>],
        &max_attempts,
        &run_ats as &[Option<DateTime<Utc>>],
        &timeouts,
        &keys as &[Option<&str>],
        &scopes as &[Option<&str>],
        owner,
        meta,
        &expiries as &[Option<i64>],
        &limit_keys as &[Option<&str>],
        &concurrencies as &[Option<i32>],
        &rates as &[Option<i32>],
        &waits as &[Option<&str>],
        &parents,
    )
    .fetch_all(connection)
    .await?;
    Ok(inserted)
}

fn row_key(unique: Option<&Unique>) -> (Option<&str>, Option<&'static str>) {
    match unique {
        Some(Unique { key, scope: UniqueScope::UntilStarted }) => (Some(key), Some("until_started")),
        Some(Unique { key, scope: UniqueScope::UntilFinished }) => (Some(key), Some("until_finished")),
        Some(Unique { scope: UniqueScope::Window(_), .. }) | None => (None, None),
    }
}

/// Finds who holds the keys of `pending`; returns the jobs whose key has been
/// freed since, to be tried again.
async fn find_holders(
    connection: &mut PgConnection,
    pending: Vec<NewJob>,
    outcome: &mut HashMap<Uuid, Enqueued>,
) -> Result<Vec<NewJob>, Error> {
    let mut freed = Vec::new();
    for job in pending {
        let (Some(key), _) = row_key(job.unique.as_ref()) else { continue };
        let holder =
            sqlx::query_scalar!("SELECT id FROM queue_jobs WHERE kind = $1 AND unique_key = $2", &*job.kind, key,)
                .fetch_optional(&mut *connection)
                .await?;
        match holder {
            Some(id) => {
                outcome.insert(job.id, Enqueued { id, existing: true });
            }
            None => freed.push(job),
        }
    }
    Ok(freed)
}
