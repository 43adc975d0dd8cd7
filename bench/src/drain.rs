//! How fast a backlog of no-op jobs is drained: by the floor, and by the real worker.

use std::{sync::Arc, time::Duration};

use callboard_queue::{Job, Retention, Runner, RunnerSettings, internals};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::{Error, NoOp, STARTED_BUFFER, Stage, Started, registry};

/// The floor's shapes: fetchers × batch. The best of them counts.
pub(crate) const FLOORS: [(usize, usize); 3] = [(1, 100), (2, 100), (3, 250)];

/// The same SQL and Redis commands in a bare loop: pop, claim, complete.
pub(crate) async fn floor(stage: &Stage, fetchers: usize, batch: usize) -> Result<Duration, Error> {
    let kinds = Arc::new(vec![NoOp::KIND.to_owned()]);
    let keep_days = i32::from(<NoOp as Job>::RETENTION.completed_days.min(Retention::MAX_DAYS));
    let mut connections = Vec::new();
    for _ in 0..fetchers {
        connections.push(internals::connect_blocking(&stage.queue).await?);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut redis in connections {
        let (queue, pool, kinds) = (stage.queue.clone(), stage.pool.clone(), kinds.clone());
        tasks.spawn(async move {
            let worker_id = Uuid::new_v4();
            let mut last = Instant::now();
            loop {
                let ids = internals::pop(&mut redis, &queue, NoOp::QUEUE, batch).await?;
                if ids.is_empty() {
                    return Ok::<_, Error>(last);
                }
                let claim_id = Uuid::new_v4();
                let claimed = internals::claim(&pool, &ids, worker_id, claim_id, &kinds).await?;
                internals::complete(&pool, &claimed, claim_id, keep_days).await?;
                last = Instant::now();
            }
        });
    }
    let mut ended = started;
    while let Some(task) = tasks.join_next().await {
        ended = ended.max(task??);
    }
    Ok(ended - started)
}

/// The real worker with its default settings: from its start until the ledger
/// is empty.
pub(crate) async fn worker(stage: &Stage, count: u64) -> Result<Duration, Error> {
    let (sender, mut runs) = mpsc::channel(STARTED_BUFFER);
    let runner = Runner::new(stage.queue.clone(), registry(), Started { sender }, RunnerSettings::default())?;
    let stop = CancellationToken::new();
    let started = Instant::now();
    let running = tokio::spawn(runner.run(stop.clone()));
    let mut seen = Vec::with_capacity(1_000);
    let mut ran = 0;
    while ran < count {
        seen.clear();
        ran += runs.recv_many(&mut seen, 1_000).await as u64;
    }
    while stage.left().await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = started.elapsed();
    stop.cancel();
    running.await??;
    Ok(took)
}
