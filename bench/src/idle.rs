//! What an idle worker costs PostgreSQL and Redis.

use std::time::Duration;

use callboard_queue::{Runner, RunnerSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::stage::{Error, STARTED_BUFFER, Stage, Started, registry};

/// Statements and commands a second.
pub(crate) struct Cost {
    /// `None` where `pg_stat_statements` is not preloaded.
    pub(crate) statements: Option<f64>,
    pub(crate) commands: f64,
}

/// Watches one idle worker, which holds every duty, for `window`.
pub(crate) async fn cost(stage: &Stage, window: Duration) -> Result<Cost, Error> {
    let counts = sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").execute(&stage.pool).await.is_ok();
    let (sender, _runs) = mpsc::channel(STARTED_BUFFER);
    let runner = Runner::new(stage.queue.clone(), registry(), Started { sender }, RunnerSettings::default())?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    // The start (registration, partitions) is not idleness.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = (statements(stage, counts).await?, stage.redis_commands().await?);
    tokio::time::sleep(window).await;
    let after = (statements(stage, counts).await?, stage.redis_commands().await?);
    stop.cancel();
    running.await??;
    // Our own look at each counter is one of what it counts.
    let per_second =
        |from: i64, to: i64| f64::from(i32::try_from(to - from - 1).unwrap_or(i32::MAX)) / window.as_secs_f64();
    Ok(Cost {
        statements: before.0.zip(after.0).map(|(from, to)| per_second(from, to)),
        commands: per_second(before.1, after.1),
    })
}

/// Statements that clients sent to this database, transaction control included.
async fn statements(stage: &Stage, counts: bool) -> Result<Option<i64>, Error> {
    if !counts {
        return Ok(None);
    }
    let calls: Result<i64, _> = sqlx::query_scalar(
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(&stage.pool)
    .await;
    Ok(calls.ok())
}
