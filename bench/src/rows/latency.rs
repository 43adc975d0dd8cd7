//! How soon a job starts after its commit, on an idle system.

use std::time::Duration;

use callboard_queue::internals;

use crate::{
    jobs::{NoOp, Runs},
    options::Options,
    report::{Bar, Section},
    stage::{Error, Stage},
    stats::quantile,
    workers::Workers,
};

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let stage = options.stage().await?;
    let mut worker = Workers::start(&stage, 1)?;
    worker.ready().await;
    let times = one_by_one(&stage, &mut worker.runs, options.samples, |_| Duration::from_millis(5)).await?;
    worker.stop().await?;
    stage.strike().await?;

    let at = |per_mille| quantile(&times, per_mille);
    let text = format!(
        "\
From the commit's answer to the handler's first line, {} jobs one by one, each on an idle system.

| p50 | p90 | p99 | highest |
|---:|---:|---:|---:|
| {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms |
",
        times.len(),
        at(500),
        at(900),
        at(990),
        at(1_000),
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
