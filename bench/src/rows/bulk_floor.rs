//! The floor of bulk enqueue: the product's statement and push in a bare loop.

use std::time::Duration;

use callboard_queue::{Job, Priority, keys::Element};
use chrono::{DateTime, Utc};
use serde_json::value::{RawValue, to_raw_value};
use sqlx::types::Json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    jobs::NoOp,
    stage::{Error, Stage},
};

/// The `INSERT` of `queue/src/ledger/enqueue.rs`; a test compares them.
const INSERT: &str = r"INSERT INTO queue_jobs (id, kind, payload_version, queue, priority, state, payload,
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
           RETURNING id, queue, priority, state, queued_at, blocked_by, limit_key";

/// What the statement returns.
type Inserted = (Uuid, String, i16, String, DateTime<Utc>, Option<String>, Option<String>);

/// Enqueues `count` no-op jobs, a thousand a statement; returns how long it took.
pub(crate) async fn enqueue(stage: &Stage, count: u64) -> Result<Duration, Error> {
    let list = stage.list(NoOp::PRIORITY)?;
    let mut redis = stage.redis.clone();
    let started = Instant::now();
    let numbers: Vec<u64> = (0..count).collect();
    for chunk in numbers.chunks(1_000) {
        let payloads = chunk.iter().map(|number| to_raw_value(&NoOp::new(*number))).collect::<Result<Vec<_>, _>>()?;
        let mut push = redis::cmd("RPUSH");
        push.arg(&list);
        for (id, _, _, _, queued_at, _, _) in insert(stage, &payloads).await? {
            push.arg(Element::new(queued_at, id).encode().as_slice());
        }
        let () = push.query_async(&mut redis).await?;
    }
    Ok(started.elapsed())
}

async fn insert(stage: &Stage, payloads: &[Box<RawValue>]) -> Result<Vec<Inserted>, Error> {
    let ids: Vec<Uuid> = payloads.iter().map(|_| Uuid::now_v7()).collect();
    let payloads: Vec<Json<&RawValue>> = payloads.iter().map(|payload| Json(&**payload)).collect();
    let jobs = ids.len();
    let timeout = i32::try_from(NoOp::TIMEOUT.as_millis())?;
    let mut transaction = stage.pool.begin().await?;
    let inserted = sqlx::query_as(INSERT)
        .bind(&ids)
        .bind(vec![NoOp::KIND; jobs])
        .bind(vec![NoOp::PAYLOAD_VERSION; jobs])
        .bind(vec![NoOp::QUEUE; jobs])
        .bind(vec![rank(NoOp::PRIORITY); jobs])
        .bind(payloads)
        .bind(vec![NoOp::MAX_ATTEMPTS; jobs])
        .bind(vec![None::<DateTime<Utc>>; jobs])
        .bind(vec![timeout; jobs])
        .bind(vec![None::<&str>; jobs])
        .bind(vec![None::<&str>; jobs])
        .bind(None::<&str>)
        .bind(serde_json::json!({}))
        .bind(vec![None::<i64>; jobs])
        .bind(vec![None::<&str>; jobs])
        .bind(vec![None::<i32>; jobs])
        .bind(vec![None::<i32>; jobs])
        .bind(vec![None::<&str>; jobs])
        .bind(vec![false; jobs])
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(inserted)
}

/// As the ledger keeps a priority.
fn rank(priority: Priority) -> i16 {
    match priority {
        Priority::High => 0,
        Priority::Default => 1,
        Priority::Low => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_the_products() {
        let product = include_str!("../../../queue/src/ledger/enqueue.rs");
        assert!(product.contains(INSERT), "copy the INSERT of queue/src/ledger/enqueue.rs anew");
    }
}
