//! Inserting jobs, within the caller's transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::dependencies;
use crate::{
    Enqueued, Error,
    new_job::NewJob,
    news::{Announcement, Ready},
    unique::{Unique, UniqueScope},
};

/// How often an enqueue looks again when a key's holder vanishes while it looks.
const KEY_ATTEMPTS: usize = 5;

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
///
/// A window whose taker has committed is only read: whoever meets it locks
/// nothing. `jobs` are in the order of their keys.
async fn take_windows(
    connection: &mut PgConnection,
    jobs: Vec<NewJob>,
) -> Result<(Vec<NewJob>, Vec<(Uuid, Enqueued)>), Error> {
    let mut wanted = Windows::default();
    for job in &jobs {
        wanted.add(job);
    }
    if wanted.ids.is_empty() {
        return Ok((jobs, Vec::new()));
    }
    let mut holders = wanted.holders(connection).await?;
    let mut vacant = Windows::default();
    for job in jobs.iter().filter(|job| window_key(job).is_some_and(|key| !holders.contains_key(&key))) {
        vacant.add(job);
    }
    if !vacant.ids.is_empty() {
        holders.extend(vacant.take(connection).await?);
    }
    let mut free = Vec::with_capacity(jobs.len());
    let mut held = Vec::new();
    for job in jobs {
        match window_key(&job).and_then(|key| holders.get(&key)) {
            Some(holder) if *holder != job.id => held.push((job.id, Enqueued { id: *holder, existing: true })),
            _ => free.push(job),
        }
    }
    Ok((free, held))
}

/// The kind and the key of a job that takes one for a window.
fn window_key(job: &NewJob) -> Option<(String, String)> {
    match &job.unique {
        Some(Unique { key, scope: UniqueScope::Window(_) }) => Some((job.kind.to_string(), key.clone())),
        _ => None,
    }
}

/// Who holds which kind's key.
type Holders = HashMap<(String, String), Uuid>;

/// The windows that jobs ask for: each key once, for the first that asks.
#[derive(Default)]
struct Windows<'a> {
    ids: Vec<Uuid>,
    kinds: Vec<&'a str>,
    keys: Vec<&'a str>,
    seconds: Vec<f64>,
}

impl<'a> Windows<'a> {
    /// Adds what `job` asks for, if it is not what the one before asked for.
    fn add(&mut self, job: &'a NewJob) {
        let Some(Unique { key, scope: UniqueScope::Window(window) }) = &job.unique else { return };
        if (self.kinds.last(), self.keys.last()) != (Some(&&*job.kind), Some(&key.as_str())) {
            self.ids.push(job.id);
            self.kinds.push(&job.kind);
            self.keys.push(key);
            self.seconds.push(window.as_secs_f64());
        }
    }

    /// Those that somebody holds, without a lock.
    async fn holders(&self, connection: &mut PgConnection) -> Result<Holders, Error> {
        let rows = sqlx::query!(
            r#"SELECT held.kind, held.unique_key, held.job_id
               FROM unnest($1::text[], $2::text[]) AS wanted (kind, unique_key)
               CROSS JOIN LATERAL (
                   SELECT * FROM queue_unique_windows AS held
                   WHERE held.kind = wanted.kind AND held.unique_key = wanted.unique_key
                     AND held_until > clock_timestamp()
                   LIMIT 1) AS held"#,
            &self.kinds as &[&str],
            &self.keys as &[&str],
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| ((row.kind, row.unique_key), row.job_id)).collect())
    }

    /// Takes those that are vacant; somebody may have been faster. The update
    /// locks the row also then, so that the holder can be read in the same
    /// statement.
    async fn take(&self, connection: &mut PgConnection) -> Result<Holders, Error> {
        let rows = sqlx::query!(
            r#"INSERT INTO queue_unique_windows AS held (kind, unique_key, job_id, held_until)
               SELECT kind, unique_key, job_id, clock_timestamp() + make_interval(secs => seconds)
               FROM unnest($1::text[], $2::text[], $3::uuid[], $4::double precision[])
                    WITH ORDINALITY AS new (kind, unique_key, job_id, seconds, place)
               ORDER BY place
               ON CONFLICT (kind, unique_key) DO UPDATE
               SET job_id = CASE WHEN held.held_until <= clock_timestamp()
                                 THEN excluded.job_id ELSE held.job_id END,
                   held_until = CASE WHEN held.held_until <= clock_timestamp()
                                     THEN excluded.held_until ELSE held.held_until END
               RETURNING kind, unique_key, job_id"#,
            &self.kinds as &[&str],
            &self.keys as &[&str],
            &self.ids,
            &self.seconds,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| ((row.kind, row.unique_key), row.job_id)).collect())
    }
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
    let asking = pending.iter().filter_map(|job| Some((job, row_key(job.unique.as_ref()).0?)));
    let (ids, (kinds, keys)): (Vec<Uuid>, (Vec<&str>, Vec<&str>)) =
        asking.map(|(job, key)| (job.id, (&*job.kind, key))).unzip();
    // Each by the index of keys, whatever the planner thinks of their number.
    let holders = sqlx::query!(
        r#"SELECT asking AS "asking!", holder.id
           FROM unnest($1::uuid[], $2::text[], $3::text[]) AS wanted (asking, kind, unique_key)
           CROSS JOIN LATERAL (
               SELECT id FROM queue_jobs
               WHERE queue_jobs.kind = wanted.kind AND queue_jobs.unique_key = wanted.unique_key
               LIMIT 1) AS holder"#,
        &ids,
        &kinds as &[&str],
        &keys as &[&str],
    )
    .fetch_all(connection)
    .await?;
    outcome.extend(holders.into_iter().map(|row| (row.asking, Enqueued { id: row.id, existing: true })));
    Ok(pending.into_iter().filter(|job| !outcome.contains_key(&job.id)).collect())
}
