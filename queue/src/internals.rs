//! For the benchmark and for tests: the queue's own statements and commands
//! without its runtime, so that the floor and the worker run exactly the same
//! SQL, and a test can take each step by itself.

use redis::aio::MultiplexedConnection;
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Error, Priority, Queue, Transaction,
    keys::{Element, List},
    ledger::{
        claim,
        finish::{self, EndState, Ended, Retried},
        give_back::{self, Return},
        partitions,
    },
};

/// Claims `ids` for `worker_id` under `claim_id`, as a worker does; returns those claimed.
///
/// # Errors
/// PostgreSQL's.
pub async fn claim(
    pool: &PgPool,
    ids: &[Uuid],
    worker_id: Uuid,
    claim_id: Uuid,
    kinds: &[String],
) -> Result<Vec<Uuid>, Error> {
    let claimed = claim::claim(pool, ids, worker_id, claim_id, kinds).await?;
    Ok(claimed.into_iter().map(|job| job.id).collect())
}

/// Completes `ids` under `claim_id` in one transaction, as a finisher does.
///
/// # Errors
/// PostgreSQL's.
pub async fn complete(pool: &PgPool, ids: &[Uuid], claim_id: Uuid, keep_days: i32) -> Result<usize, Error> {
    let ended: Vec<Ended> = ids
        .iter()
        .map(|id| Ended {
            id: *id,
            claim_id,
            state: EndState::Completed,
            keep_days,
            result: None,
            error: None,
            reason: None,
        })
        .collect();
    Ok(finish::write(pool, &ended, &[], &serde_json::Value::Null).await?.len())
}

/// Schedules `ids` again under `claim_id`, as a finisher does after an attempt
/// that failed; returns those whose fence held.
///
/// # Errors
/// PostgreSQL's.
pub async fn fail(queue: &Queue, ids: &[Uuid], claim_id: Uuid, delay_ms: i64) -> Result<Vec<Uuid>, Error> {
    let error = serde_json::json!({ "failure": "error" });
    let retried: Vec<Retried> =
        ids.iter().map(|id| Retried { id: *id, claim_id, delay_ms, error: Some(error.clone()) }).collect();
    let kept = queue.days_of_cancelled();
    Ok(finish::write(queue.pool(), &[], &retried, kept).await?.into_iter().map(|job| job.id).collect())
}

/// Gives `ids` back under `claim_id`, as a drain does; returns those that are
/// queued again.
///
/// # Errors
/// PostgreSQL's.
pub async fn give_back(queue: &Queue, ids: &[Uuid], claim_id: Uuid) -> Result<Vec<Uuid>, Error> {
    let returns: Vec<Return> = ids.iter().map(|id| Return { claim: (*id, claim_id), began: true }).collect();
    let given_back = give_back::give_back(queue.pool(), &returns, queue.days_of_cancelled()).await?;
    Ok(given_back.ready.into_iter().map(|ready| ready.id).collect())
}

/// Makes the history's partition for jobs kept this many days.
///
/// # Errors
/// PostgreSQL's.
pub async fn ensure_partitions(pool: &PgPool, keep_days: u8) -> Result<(), Error> {
    Ok(partitions::ensure_ahead(pool, [keep_days]).await?)
}

/// Pops up to `count` ids from a queue's lists, as a fetcher does; waits for
/// one for up to a second.
///
/// # Errors
/// Redis'.
pub async fn pop(
    redis: &mut MultiplexedConnection,
    queue: &Queue,
    name: &str,
    count: usize,
) -> Result<Vec<Uuid>, Error> {
    let mut command = redis::cmd("BLMPOP");
    command.arg(1).arg(Priority::ALL.len());
    for priority in Priority::ALL {
        command.arg(List::new(name, priority).key(queue.lists.prefix()));
    }
    command.arg("LEFT").arg("COUNT").arg(count);
    let answer: Option<(String, Vec<Vec<u8>>)> = command.query_async(redis).await?;
    let elements = answer.map(|(_, elements)| elements).unwrap_or_default();
    Ok(elements.iter().filter_map(|bytes| Some(Element::decode(bytes)?.id)).collect())
}

/// A connection that may block.
///
/// # Errors
/// Redis'.
pub async fn connect_blocking(queue: &Queue) -> Result<MultiplexedConnection, Error> {
    Ok(queue.lists.connect_blocking().await?)
}

/// Commits as [`Transaction::commit`] does; returns the moment between the
/// commit's answer and the push.
///
/// # Errors
/// PostgreSQL's.
pub async fn commit_timed(transaction: Transaction) -> Result<Instant, Error> {
    transaction.commit_then(Instant::now).await
}
