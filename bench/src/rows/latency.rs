//! How soon a job starts after its commit, on an idle system.

use std::time::Duration;

use callboard_queue::internals;

use tokio::time::Instant;

use crate::{
    jobs::{NoOp, Runs},
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::quantile,
    workers::Workers,
};

/// Between two of them, so that each finds the system idle.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let stage = options.stage().await?;
    let mut worker = Workers::start(&stage, 1)?;
    worker.ready().await;
    let times = one_by_one(&stage, &mut worker.runs, options.samples, |_| PAUSE).await?;
    let trips = round_trips(&stage, options.samples).await?;
    worker.stop().await?;
    stage.strike().await?;

    let at = |per_mille| quantile(&times, per_mille);
    let text = format!(
        "\
From the commit's answer to the handler's first line, {} jobs one by one, each on an idle system.

| p50 | p90 | p99 | highest |
|---:|---:|---:|---:|
| {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms |

On the way are a push and a pop of Redis and three messages to PostgreSQL: begin, claim, commit. A round trip that does
nothing, sent right after from the same process at the same pace, takes {:.2} ms to PostgreSQL (`SELECT 1`) and {:.2} ms
to Redis (`PING`), both p50: the machine has that part of it.
",
        times.len(),
        at(500),
        at(900),
        at(990),
        at(1_000),
        quantile(&trips.postgres, 500),
        quantile(&trips.redis, 500),
    );
    Ok(Section {
        title: "From commit to start, idle system".to_owned(),
        text,
        bars: vec![
            Bar::at_most("commit to start, idle, p50", at(500), 0.7, " ms"),
            Bar::at_most("commit to start, idle, p99", at(990), 2.0, " ms"),
        ],
    })
}

/// What the shortest messages take, sorted.
struct RoundTrips {
    postgres: Vec<Duration>,
    redis: Vec<Duration>,
}

async fn round_trips(stage: &Stage, count: u64) -> Result<RoundTrips, Error> {
    let mut redis = stage.redis.clone();
    let mut postgres = stage.pool.acquire().await?;
    let mut trips = RoundTrips { postgres: Vec::new(), redis: Vec::new() };
    for _ in 0..count {
        tokio::time::sleep(PAUSE).await;
        let sent = Instant::now();
        sqlx::query("SELECT 1").execute(&mut *postgres).await?;
        trips.postgres.push(sent.elapsed());
        tokio::time::sleep(PAUSE).await;
        let sent = Instant::now();
        redis::cmd("PING").exec_async(&mut redis).await?;
        trips.redis.push(sent.elapsed());
    }
    trips.postgres.sort_unstable();
    trips.redis.sort_unstable();
    Ok(trips)
}

/// Enqueues `count` jobs one by one, each once the one before has started and
/// its `pause` is over; returns the times from the commit's answer to the
/// handler's start, sorted.
pub(crate) async fn one_by_one(
    stage: &Stage,
    runs: &mut Runs,
    count: u64,
    pause: fn(u64) -> Duration,
) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::new();
    for number in 0..count {
        let mut transaction = stage.queue.begin().await?;
        transaction.enqueue(&NoOp::new(number)).await?;
        let committed = internals::commit_timed(transaction).await?;
        let (_, started) = runs.next().await?;
        // The first ones warm up: connections and plans.
        if number >= count / 10 {
            times.push(started.saturating_duration_since(committed));
        }
        tokio::time::sleep(pause(number)).await;
    }
    times.sort_unstable();
    Ok(times)
}
