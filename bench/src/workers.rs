//! Real workers with their default settings.

use std::time::Duration;

use callboard_queue::{Job, Readiness, Runner, RunnerSettings};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    jobs::{self, NoOp, Runs, registry},
    stage::{Error, Stage},
    stats::rate,
};

/// Within this time no worker starts a job of a paused queue any more.
const PAUSED_AFTER: Duration = Duration::from_secs(1);

/// Workers that run, each with connections of its own, as processes have.
pub(crate) struct Workers {
    pub(crate) runs: Runs,
    stop: CancellationToken,
    readiness: Vec<Readiness>,
    running: Vec<JoinHandle<Result<(), callboard_queue::Error>>>,
}

impl Workers {
    pub(crate) fn start(stage: &Stage, count: usize) -> Result<Self, Error> {
        let (started, runs) = jobs::runs();
        let stop = CancellationToken::new();
        let mut workers = Self { runs, stop: stop.clone(), readiness: Vec::new(), running: Vec::new() };
        for _ in 0..count {
            let runner = Runner::new(stage.process()?, registry(), started.clone(), RunnerSettings::default())?;
            workers.readiness.push(runner.readiness());
            workers.running.push(tokio::spawn(runner.run(stop.clone())));
        }
        Ok(workers)
    }

    /// Waits until all are registered.
    pub(crate) async fn ready(&self) {
        while !self.readiness.iter().all(Readiness::is_ready) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets them finish and end. What they ran is written then.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        for worker in self.running {
            worker.await??;
        }
        Ok(())
    }

    /// Has running workers drain a backlog of `count` jobs; returns when they
    /// started, by the handlers' own clock, sorted.
    pub(crate) async fn drain_backlog(&mut self, stage: &Stage, count: u64) -> Result<Vec<Instant>, Error> {
        pile_up(stage, count).await?;
        self.drain_pile(stage, count).await
    }

    /// The same with a backlog that was [piled up](pile_up).
    pub(crate) async fn drain_pile(&mut self, stage: &Stage, count: u64) -> Result<Vec<Instant>, Error> {
        stage.queue.resume(NoOp::QUEUE).await?;
        let starts = self.runs.take_sorted(count).await?;
        while stage.left().await? > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(starts)
    }
}

/// Makes a backlog of `count` jobs while the queue is paused.
pub(crate) async fn pile_up(stage: &Stage, count: u64) -> Result<(), Error> {
    stage.queue.pause(NoOp::QUEUE, None).await?;
    tokio::time::sleep(PAUSED_AFTER).await;
    stage.enqueue(count).await?;
    stage.settle().await
}

/// Jobs a second of one worker that finds `count` jobs: from its start until it
/// has run them all, written what became of them, and ended.
pub(crate) async fn drain(stage: &Stage, count: u64) -> Result<f64, Error> {
    let started = Instant::now();
    let mut worker = Workers::start(stage, 1)?;
    worker.runs.take(count).await?;
    worker.stop().await?;
    let took = started.elapsed();
    match stage.left().await? {
        0 => Ok(rate(count, took)),
        left => Err(format!("{left} jobs were left").into()),
    }
}
