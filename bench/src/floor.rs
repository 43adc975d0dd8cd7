//! The floor of a drain: the same SQL and Redis commands in a bare loop.

use std::{sync::Arc, time::Duration};

use callboard_queue::{Job, Retention, internals};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{
    jobs::NoOp,
    stage::{Error, Stage},
};

/// Days that a completed no-op job is kept, as a finish writes them.
pub(crate) fn keep_days() -> i32 {
    i32::from(<NoOp as Job>::RETENTION.completed_days.min(Retention::MAX_DAYS))
}

/// Pop, claim, complete, until nothing is left.
pub(crate) async fn drain(stage: &Stage, fetchers: usize, batch: usize) -> Result<Duration, Error> {
    let kinds = Arc::new(vec![NoOp::KIND.to_owned()]);
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
                internals::complete(&pool, &claimed, claim_id, keep_days()).await?;
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
