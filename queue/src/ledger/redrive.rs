//! Taking jobs back from the history.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use super::within_deadline;
use crate::news::{Announcement, Ready};

/// What became of a redrive.
#[derive(Debug)]
pub(crate) enum Redriven {
    /// It is queued and belongs on its list, or waits for a slot of its limit key.
    Again(Announcement),
    /// This live job holds its unique key.
    KeyHeld(Uuid),
    /// It has not ended, or does not exist.
    NotEnded,
}

impl Redriven {
    fn again(waits_for: Option<String>, ready: Ready) -> Self {
        Self::Again(match waits_for {
            None => Announcement { ready: vec![ready], ..Announcement::default() },
            Some(key) => Announcement { limit_keys: [key].into(), ..Announcement::default() },
        })
    }
}

/// [`redrive_in`] a transaction of its own.
pub(crate) async fn redrive(pool: &PgPool, id: Uuid, attempts: impl Fn(&str) -> i16) -> sqlx::Result<Redriven> {
    within_deadline!(pool, |connection| redrive_on(&mut connection, id, attempts))
}

async fn redrive_on(connection: &mut PgConnection, id: Uuid, attempts: impl Fn(&str) -> i16) -> sqlx::Result<Redriven> {
    let mut transaction = super::begin_duty(connection).await?;
    let redriven = redrive_in(&mut transaction, id, attempts).await?;
    transaction.commit().await?;
    Ok(redriven)
}

/// Queues an ended or scheduled job; `attempts` tells how many more its kind allows.
pub(crate) async fn redrive_in(
    transaction: &mut PgConnection,
    id: Uuid,
    attempts: impl Fn(&str) -> i16,
) -> sqlx::Result<Redriven> {
    if let Some(due) = make_due(transaction, id).await? {
        return Ok(due);
    }
    let ended =
        sqlx::query!("SELECT kind FROM queue_history WHERE id = $1", id).fetch_optional(&mut *transaction).await?;
    let Some(ended) = ended else { return Ok(Redriven::NotEnded) };
    let mut savepoint = transaction.begin().await?;
    // Two at once: one deletes the row, the other finds none.
    let row = sqlx::query!(
        r#"WITH gone AS (DELETE FROM queue_history WHERE id = $1 RETURNING *)
           INSERT INTO queue_jobs (id, kind, payload_version, queue, priority, state, payload, attempt, max_attempts,
                                   run_at, timeout_ms, unique_key, unique_scope, errors, owner, meta, created_at,
                                   limit_key, limit_concurrency, limit_per_minute, has_children, blocked_by)
           SELECT id, kind, payload_version, queue, priority,
                  CASE WHEN limit_key IS NULL THEN 'queued' ELSE 'blocked' END, payload, attempt,
                  least(attempt::integer + $2::integer, 32767)::smallint, clock_timestamp(), timeout_ms,
                  unique_key, unique_scope, errors, owner, meta, created_at,
                  limit_key, limit_concurrency, limit_per_minute, has_children,
                  CASE WHEN limit_key IS NOT NULL THEN 'limit' END
           FROM gone
           ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
           RETURNING queue, priority, queued_at, limit_key"#,
        id,
        i32::from(attempts(&ended.kind).max(1)),
    )
    .fetch_optional(&mut *savepoint)
    .await?;
    if let Some(row) = row {
        savepoint.commit().await?;
        return Ok(Redriven::again(row.limit_key, Ready::new(row.queue, row.priority, id, row.queued_at)));
    }
    let holder = sqlx::query_scalar!(
        r#"SELECT live.id FROM queue_history AS ended JOIN queue_jobs AS live USING (kind, unique_key)
           WHERE ended.id = $1"#,
        id,
    );
    savepoint.rollback().await?;
    let holder = holder.fetch_optional(transaction).await?;
    Ok(holder.map_or(Redriven::NotEnded, Redriven::KeyHeld))
}

async fn make_due(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Redriven>> {
    struct Due {
        queue: String,
        priority: i16,
        queued_at: DateTime<Utc>,
        waits_for: Option<String>,
    }
    let due = sqlx::query_as!(
        Due,
        r#"UPDATE queue_jobs
           SET state = CASE WHEN limit_key IS NULL OR admitted THEN 'queued' ELSE 'blocked' END,
               blocked_by = CASE WHEN limit_key IS NULL OR admitted THEN NULL ELSE 'limit' END,
               run_at = least(run_at, clock_timestamp()), queued_at = clock_timestamp()
           WHERE id = $1 AND state = 'scheduled' AND worker_id IS NULL
             AND NOT (admitted AND limit_per_minute IS NOT NULL)
           RETURNING queue, priority, queued_at, CASE WHEN state = 'blocked' THEN limit_key END AS waits_for"#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(due.map(|due| Redriven::again(due.waits_for, Ready::new(due.queue, due.priority, id, due.queued_at))))
}
