//! A queue that polls PostgreSQL, for comparison: the product's table with an
//! index of its own, and bare loops that claim along it.

use std::time::Duration;

use callboard_queue::{Job, internals};
use sqlx::{PgPool, postgres::PgPoolOptions, types::Json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    floor::keep_days,
    jobs::{self, NoOp, Runs, Started},
    stage::{Error, Stage},
};

/// Jobs in one claim, as the product's.
pub(crate) const BATCH: i64 = 250;
/// How long a worker sleeps that found nothing.
pub(crate) const EVERY: Duration = Duration::from_millis(100);

const INDEX: &str = "CREATE INDEX bench_waiting ON queue_jobs (queue, priority, queued_at)
                     WHERE state = 'queued' AND worker_id IS NULL";

const CLAIM: &str = "UPDATE queue_jobs AS job
                     SET worker_id = $2, claim_id = $3, attempt = job.attempt + 1, started_at = clock_timestamp()
                     WHERE id = ANY(ARRAY(
                         SELECT id FROM queue_jobs
                         WHERE queue = $1 AND state = 'queued' AND worker_id IS NULL
                         ORDER BY priority, queued_at LIMIT $4
                         FOR UPDATE SKIP LOCKED))
                     RETURNING job.id, job.payload";

/// Makes the index that polling needs.
pub(crate) async fn index(stage: &Stage) -> Result<(), Error> {
    sqlx::raw_sql(INDEX).execute(&stage.pool).await?;
    Ok(())
}

/// Polling workers that run.
pub(crate) struct Pollers {
    pub(crate) runs: Runs,
    stop: CancellationToken,
    running: JoinSet<Result<(), Error>>,
}

impl Pollers {
    /// Connects them all, then lets them begin, each at its own time.
    pub(crate) async fn start(stage: &Stage, count: usize) -> Result<Self, Error> {
        let (started, runs) = jobs::runs();
        let mut pools = Vec::new();
        for _ in 0..count {
            pools.push(connect(stage).await?);
        }
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let apart = EVERY / u32::try_from(count)?;
        for (number, pool) in (0..).zip(pools) {
            let (started, stop) = (started.clone(), stop.clone());
            let offset = apart * number;
            running.spawn(async move {
                sleep(offset).await;
                poll(&pool, &started, &stop).await
            });
        }
        Ok(Self { runs, stop, running })
    }

    /// Lets them write what they run, and end.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// One connection, which commits claims asynchronously, as the product does.
async fn connect(stage: &Stage) -> Result<PgPool, Error> {
    let options = stage.options().options([("synchronous_commit", "off")]);
    Ok(PgPoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options).await?)
}

/// Claims and completes; sleeps when there was nothing.
async fn poll(pool: &PgPool, started: &Started, stop: &CancellationToken) -> Result<(), Error> {
    let worker_id = Uuid::now_v7();
    while !stop.is_cancelled() {
        let claim_id = Uuid::new_v4();
        let claim = sqlx::query_as(CLAIM).bind(NoOp::QUEUE).bind(worker_id).bind(claim_id).bind(BATCH);
        let claimed: Vec<(Uuid, Json<NoOp>)> = claim.fetch_all(pool).await?;
        if claimed.is_empty() {
            sleep(EVERY).await;
            continue;
        }
        let mut ids = Vec::with_capacity(claimed.len());
        for (id, Json(job)) in claimed {
            started.tell(job.number, Instant::now());
            ids.push(id);
        }
        internals::complete(pool, &ids, claim_id, keep_days()).await?;
    }
    Ok(())
}
