//! How soon a job starts after its commit, on an idle system.

use std::time::Duration;

use callboard_queue::{Runner, RunnerSettings, internals};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::stage::{Error, NoOp, STARTED_BUFFER, Stage, Started, registry};

/// Enqueues `count` jobs one by one, each when the system is idle; returns the
/// times from the commit's answer to the handler's start.
pub(crate) async fn idle(stage: &Stage, count: u64) -> Result<Vec<Duration>, Error> {
    let (sender, mut runs) = mpsc::channel(STARTED_BUFFER);
    let runner = Runner::new(stage.queue.clone(), registry(), Started { sender }, RunnerSettings::default())?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let mut times = Vec::new();
    for number in 0..count {
        let mut transaction = stage.queue.begin().await?;
        transaction.enqueue(&NoOp::new(number)).await?;
        let committed = internals::commit_timed(transaction).await?;
        let (_, started) = runs.recv().await.ok_or("the worker ended")?;
        // The first ones warm up: connections, plans, the worker's start.
        if number >= count / 10 {
            times.push(started.saturating_duration_since(committed));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    running.await??;
    times.sort_unstable();
    Ok(times)
}
