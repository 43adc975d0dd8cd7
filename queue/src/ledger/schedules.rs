//! Schedules and their ticks. A tick is a row, inserted with its job in one
//! transaction: however many schedulers there are, each tick has one job.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool, types::Json};

use super::{enqueue, within_deadline};
use crate::{
    Cause, Enqueued, Error, Misfire, Schedule, ScheduleView, new_job::NewJob, news::Announcement, schedule::Clockwork,
    transaction::with_enqueuer,
};

/// A tick later than this was missed.
const MISSED_AFTER: chrono::TimeDelta = chrono::TimeDelta::minutes(1);
/// Missed ticks that `RunAll` runs at most.
const RUN_AT_MOST: usize = 100;

/// Writes what a worker declares; what operators have said stays. A new
/// schedule begins now, and so does another expression or zone: times before it
/// was declared are no ticks of it, and nobody has missed them.
pub(crate) async fn declare(pool: &PgPool, schedules: &[Schedule]) -> sqlx::Result<()> {
    if schedules.is_empty() {
        return Ok(());
    }
    within_deadline!(pool, |connection| declare_on(&mut connection, schedules))
}

async fn declare_on(connection: &mut PgConnection, schedules: &[Schedule]) -> sqlx::Result<()> {
    let mut transaction = super::begin_duty(connection).await?;
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    let crons: Vec<&str> = schedules.iter().map(|schedule| schedule.cron.as_str()).collect();
    let zones: Vec<&str> = schedules.iter().map(|schedule| schedule.zone.as_str()).collect();
    let misfires: Vec<&str> = schedules.iter().map(|schedule| schedule.misfire.as_str()).collect();
    let jobs: Vec<Json<&serde_json::value::RawValue>> = schedules.iter().map(|schedule| Json(&*schedule.job)).collect();
    sqlx::query!(
        r#"INSERT INTO queue_schedules AS schedule (name, cron, time_zone, misfire, job)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
               AS new (name, cron, time_zone, misfire, job)
           ORDER BY name
           ON CONFLICT (name) DO UPDATE
           SET cron = excluded.cron, time_zone = excluded.time_zone, misfire = excluded.misfire, job = excluded.job,
               next_at = CASE WHEN (schedule.cron, schedule.time_zone) = (excluded.cron, excluded.time_zone)
                              THEN schedule.next_at END,
               ticked_to = CASE WHEN (schedule.cron, schedule.time_zone) = (excluded.cron, excluded.time_zone)
                                THEN schedule.ticked_to ELSE clock_timestamp() END,
               updated_at = clock_timestamp()"#,
        &names as &[&str],
        &crons as &[&str],
        &zones as &[&str],
        &misfires as &[&str],
        &jobs as &[Json<&serde_json::value::RawValue>],
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// What a look at the schedules found.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Those that have a tick to be seen to.
    pub(crate) names: Vec<String>,
    /// When the next one has, if one does.
    pub(crate) next_in: Option<Duration>,
}

/// Which schedules are due: enabled, and declared by a live worker.
pub(crate) async fn due(pool: &PgPool) -> sqlx::Result<Due> {
    let rows: Vec<(String, Option<f64>)> = super::send_planned_anew(
        pool,
        "SELECT name, extract(epoch FROM next_at - clock_timestamp())::double precision
         FROM queue_schedules
         WHERE enabled AND name IN (SELECT unnest(schedules) FROM queue_workers
                                    WHERE beat_at > clock_timestamp() - interval '15 seconds')
         ORDER BY next_at NULLS FIRST LIMIT 1000"
            .to_owned(),
    )
    .await?;
    let mut due = Due::default();
    for (name, next_in) in rows {
        match next_in {
            Some(seconds) if seconds > 0.0 => {
                due.next_in = Duration::try_from_secs_f64(seconds).ok();
                break;
            }
            _ => due.names.push(name),
        }
    }
    Ok(due)
}

/// What became of a schedule's ticks.
#[derive(Debug, Default)]
pub(crate) struct Ticked {
    /// Ticks whose job was enqueued by us.
    pub(crate) fired: usize,
    /// What is to be told.
    pub(crate) announcement: Announcement,
}

/// Sees to the ticks of one schedule that have come, and computes the next.
pub(crate) async fn tick(pool: &PgPool, name: &str, enqueuer: Option<&str>) -> Result<Ticked, Error> {
    within_deadline!(pool, |connection| async { Ok(tick_on(&mut connection, name, enqueuer).await) })?
}

async fn tick_on(connection: &mut PgConnection, name: &str, enqueuer: Option<&str>) -> Result<Ticked, Error> {
    let mut transaction = super::begin_duty(connection).await?;
    let row = sqlx::query!(
        r#"SELECT cron, time_zone, misfire, job AS "job: Json<NewJob>", ticked_to, clock_timestamp() AS "now!"
           FROM queue_schedules
           WHERE name = $1 AND enabled AND coalesce(next_at, '-infinity') <= clock_timestamp()
           FOR UPDATE SKIP LOCKED"#,
        name,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    // Another scheduler is at it, or has been.
    let Some(row) = row else { return Ok(Ticked::default()) };
    let clockwork = Clockwork::parse(&row.cron, &row.time_zone)
        .map_err(|problem| Error::Schedule { name: name.to_owned(), problem })?;
    let ticks = to_run(&clockwork, Misfire::from_word(&row.misfire), row.ticked_to, row.now);
    let mut ticked = Ticked::default();
    for at in ticks {
        let meta = with_enqueuer(json!({ "schedule": name, "tick_at": at }), enqueuer);
        if let Some(news) = fire(&mut transaction, name, at, row.job.0.again(), &meta).await? {
            ticked.fired += 1;
            ticked.announcement.ready.extend(news.ready);
            ticked.announcement.limit_keys.extend(news.limit_keys);
        }
    }
    sqlx::query!(
        "UPDATE queue_schedules SET ticked_to = $2, next_at = $3 WHERE name = $1",
        name,
        row.now,
        clockwork.after(row.now).unwrap_or_else(far),
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(ticked)
}

/// A time that never comes and that PostgreSQL takes.
fn far() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The ticks after `from` up to `now` for which the job is to run.
fn to_run(clockwork: &Clockwork, misfire: Misfire, from: DateTime<Utc>, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    match misfire {
        Misfire::Skip => clockwork.between(from.max(now - MISSED_AFTER), now, RUN_AT_MOST),
        Misfire::RunOnce => {
            let missed = clockwork.between(from, now - MISSED_AFTER, 1);
            let in_time = clockwork.between(from.max(now - MISSED_AFTER), now, RUN_AT_MOST);
            if in_time.is_empty() { missed } else { in_time }
        }
        Misfire::RunAll => clockwork.between(from, now, RUN_AT_MOST),
    }
}

/// Inserts the tick and its job. `None`: the tick has been seen to before.
async fn fire(
    connection: &mut PgConnection,
    name: &str,
    at: DateTime<Utc>,
    job: NewJob,
    meta: &Value,
) -> Result<Option<Announcement>, Error> {
    let inserted = sqlx::query!(
        r#"INSERT INTO queue_schedule_ticks (schedule, tick_at, job_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"#,
        name,
        at,
        job.id,
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    let id = job.id;
    let (enqueued, announcement) = enqueue::insert(connection, vec![job], None, meta).await?;
    // With a unique key, an earlier tick's job may still wait.
    if let Some(holder) = enqueued.first().filter(|enqueued| enqueued.id != id) {
        sqlx::query!(
            "UPDATE queue_schedule_ticks SET job_id = $3 WHERE schedule = $1 AND tick_at = $2",
            name,
            at,
            holder.id,
        )
        .execute(connection)
        .await?;
    }
    Ok(Some(announcement))
}

/// Enqueues the schedule's job now for `cause`, apart from its ticks. `None`: no such schedule.
pub(crate) async fn run_now(
    connection: &mut PgConnection,
    name: &str,
    cause: &Cause,
    enqueuer: Option<&str>,
) -> Result<Option<(Enqueued, Announcement)>, Error> {
    let row = sqlx::query!(r#"SELECT job AS "job: Json<NewJob>" FROM queue_schedules WHERE name = $1"#, name)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let job = row.job.0.again();
    let id = job.id;
    cause.check(&job.kind)?;
    let mut meta = with_enqueuer(json!(cause), enqueuer);
    meta["schedule"] = name.into();
    meta["run_now"] = true.into();
    let (inserted, announcement) = enqueue::insert(connection, vec![job], cause.owner.as_deref(), &meta).await?;
    Ok(Some((inserted.first().copied().unwrap_or(Enqueued { id, existing: false }), announcement)))
}

/// [`enable_in`] a transaction of its own.
pub(crate) async fn enable(pool: &PgPool, name: &str, enabled: bool) -> sqlx::Result<bool> {
    within_deadline!(pool, |connection| enable_in(&mut connection, name, enabled))
}

/// Enables or disables a schedule. Ticks that come while it is disabled are
/// not missed: they are not there. False: no such schedule.
pub(crate) async fn enable_in(connection: &mut PgConnection, name: &str, enabled: bool) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        r#"UPDATE queue_schedules
           SET enabled = $2,
               ticked_to = CASE WHEN $2 AND NOT enabled THEN clock_timestamp() ELSE ticked_to END,
               next_at = CASE WHEN $2 = enabled THEN next_at END
           WHERE name = $1"#,
        name,
        enabled,
    );
    Ok(changed.execute(connection).await?.rows_affected() > 0)
}

/// Keeps others from changing a schedule until the end of the transaction.
pub(crate) async fn lock(connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query!("SELECT FROM queue_schedules WHERE name = $1 FOR UPDATE", name).fetch_optional(connection).await?;
    Ok(())
}

/// [`list_in`] a transaction of its own.
pub(crate) async fn list(pool: &PgPool, name: Option<&str>) -> sqlx::Result<Vec<ScheduleView>> {
    within_deadline!(pool, |connection| list_in(&mut connection, name))
}

/// All schedules by name, or the one of this name.
pub(crate) async fn list_in(connection: &mut PgConnection, name: Option<&str>) -> sqlx::Result<Vec<ScheduleView>> {
    let rows = sqlx::query!(
        r#"SELECT name, cron, time_zone, misfire, enabled, next_at,
                  job ->> 'kind' AS "kind!", job ->> 'queue' AS "queue!", job -> 'payload' AS "payload!: Value",
                  name IN (SELECT unnest(schedules) FROM queue_workers
                           WHERE beat_at > clock_timestamp() - interval '15 seconds') AS "declared!",
                  tick.tick_at AS "last_tick_at?", tick.job_id AS "last_job_id?"
           FROM queue_schedules AS schedule
           LEFT JOIN LATERAL (
               SELECT tick_at, job_id FROM queue_schedule_ticks
               WHERE schedule = schedule.name ORDER BY tick_at DESC LIMIT 1) AS tick ON true
           WHERE name = $1 OR $1 IS NULL
           ORDER BY name"#,
        name,
    );
    let rows = rows.fetch_all(connection).await?;
    Ok(rows
        .into_iter()
        .map(|row| ScheduleView {
            misfire: Misfire::from_word(&row.misfire),
            next_at: row.next_at.filter(|at| row.enabled && row.declared && *at < far()),
            name: row.name,
            cron: row.cron,
            time_zone: row.time_zone,
            enabled: row.enabled,
            declared: row.declared,
            kind: row.kind,
            queue: row.queue,
            payload: row.payload,
            last_tick_at: row.last_tick_at,
            last_job_id: row.last_job_id,
        })
        .collect())
}

/// Removes ticks that are older than 90 days, but for the latest of their
/// schedule, and schedules that no worker has declared for 30 days; up to
/// `limit` of each. What a worker declares counts as declared for as long as
/// the worker has a row, however long ago it started.
pub(crate) async fn prune(pool: &PgPool, limit: i64) -> sqlx::Result<u64> {
    let pruned = sqlx::query!(
        r#"WITH declared AS (
               UPDATE queue_schedules SET updated_at = now()
               WHERE updated_at < now() - interval '1 day'
                 AND name IN (SELECT unnest(schedules) FROM queue_workers)),
           schedule AS (
               DELETE FROM queue_schedules WHERE name IN (
                   SELECT name FROM queue_schedules
                   WHERE updated_at < now() - interval '30 days'
                     AND name NOT IN (SELECT unnest(schedules) FROM queue_workers)
                   LIMIT $1 FOR UPDATE SKIP LOCKED))
           DELETE FROM queue_schedule_ticks WHERE (schedule, tick_at) IN (
               SELECT schedule, tick_at FROM queue_schedule_ticks AS old
               WHERE tick_at < now() - interval '90 days'
                 AND EXISTS (SELECT FROM queue_schedule_ticks AS newer
                             WHERE newer.schedule = old.schedule AND newer.tick_at > old.tick_at)
               ORDER BY tick_at LIMIT $1 FOR UPDATE SKIP LOCKED)"#,
        limit,
    );
    let pruned = within_deadline!(pool, |connection| pruned.execute(&mut *connection))?;
    Ok(pruned.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(misfire: Misfire, from: &str, now: &str) -> Vec<String> {
        let hourly = Clockwork::parse("0 * * * *", "UTC").unwrap();
        let ticks = to_run(&hourly, misfire, from.parse().unwrap(), now.parse().unwrap());
        ticks.iter().map(|tick| tick.format("%H:%M").to_string()).collect()
    }

    #[test]
    fn missed_ticks_follow_the_policy_and_one_in_time_always_runs() {
        let (before, missed) = ("2026-11-21T05:30:00Z", "2026-11-21T09:30:00Z");
        assert_eq!(run(Misfire::Skip, before, missed), Vec::<String>::new());
        assert_eq!(run(Misfire::RunOnce, before, missed), ["09:00"]);
        assert_eq!(run(Misfire::RunAll, before, missed), ["06:00", "07:00", "08:00", "09:00"]);

        let in_time = "2026-11-21T09:00:20Z";
        assert_eq!(run(Misfire::Skip, before, in_time), ["09:00"]);
        assert_eq!(run(Misfire::RunOnce, before, in_time), ["09:00"], "those before it are made up for by it");
        assert_eq!(run(Misfire::RunAll, before, in_time).len(), 4);
        assert_eq!(run(Misfire::RunAll, "2020-01-01T00:00:00Z", missed).len(), RUN_AT_MOST);
        assert_eq!(run(Misfire::RunOnce, in_time, missed), Vec::<String>::new(), "nothing twice");
    }
}
