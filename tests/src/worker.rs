//! Workers inside the test's process: the real runner over the test's queue.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::time::Duration;

use callboard_queue::{Error, Queue, Readiness, Registry, Runner, RunnerSettings, Schedule};
use tokio::{
    runtime::{self, Runtime},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    jobs,
    proxy::PostgresProxy,
    queue::TestQueue,
    stage::Stage,
    wait::{SOON, wait_until},
};

/// Settings for a worker with this name and few slots.
#[must_use]
pub fn settings(name: &str) -> RunnerSettings {
    RunnerSettings { name: name.to_owned(), slots: 50, grace: Duration::from_secs(10), ..RunnerSettings::default() }
}

/// A worker on the test's own runtime, to be drained.
#[derive(Debug)]
pub struct TestWorker {
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), Error>>,
    readiness: Readiness,
}

impl TestWorker {
    /// A worker that knows all test kinds but the stranger, and is ready.
    pub async fn start(queue: &TestQueue) -> Self {
        Self::start_with(queue, jobs::registry(), settings("worker")).await
    }

    /// A worker for these kinds with these settings that is ready.
    pub async fn start_with(queue: &TestQueue, registry: Registry<Stage>, settings: RunnerSettings) -> Self {
        let worker = Self::launch(queue, registry, settings);
        worker.ready(SOON).await;
        worker
    }

    /// As [`start_with`](Self::start_with), without waiting until it is ready.
    pub fn launch(queue: &TestQueue, registry: Registry<Stage>, settings: RunnerSettings) -> Self {
        Self::launch_on(queue.queue().clone(), queue.stage(), registry, settings)
    }

    /// A worker on another handle to the queue, without waiting until it is ready.
    #[must_use]
    pub fn launch_on(queue: Queue, stage: &Stage, registry: Registry<Stage>, settings: RunnerSettings) -> Self {
        Self::run(Runner::new(queue, registry, stage.clone(), settings).expect("good settings"))
    }

    /// A worker that declares schedules and is ready.
    pub async fn start_scheduling(queue: &TestQueue, schedules: Vec<Schedule>) -> Self {
        let runner = Runner::new(queue.queue().clone(), jobs::registry(), queue.stage().clone(), settings("clock"));
        let worker = Self::run(runner.and_then(|runner| runner.with_schedules(schedules)).expect("good settings"));
        worker.ready(SOON).await;
        worker
    }

    fn run(runner: Runner<Stage>) -> Self {
        let readiness = runner.readiness();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(runner.run(shutdown.clone()));
        Self { shutdown, running, readiness }
    }

    /// A worker that reaches PostgreSQL through `proxy` and is ready.
    pub async fn start_through(proxy: &PostgresProxy, queue: &TestQueue, name: &str) -> Self {
        let handle = queue.handle_over(proxy.options());
        let worker = Self::launch_on(handle, queue.stage(), jobs::registry(), settings(name));
        worker.ready(SOON).await;
        worker
    }

    /// Waits until it is ready.
    pub async fn ready(&self, within: Duration) {
        wait_until(within, "the worker is ready", || async { self.readiness.is_ready() }).await;
    }

    /// Whether it says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// Tells it to stop, and doesn't wait.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Tells it to stop and waits until it has drained.
    ///
    /// # Errors
    /// The runner's: it could not write everything.
    pub async fn drain(self) -> Result<(), Error> {
        self.stop();
        self.running.await.expect("a worker that does not panic")
    }
}

/// A worker on a runtime of its own, with connections of its own, to be killed.
#[derive(Debug)]
pub struct MortalWorker {
    runtime: Option<Runtime>,
    readiness: Readiness,
    shutdown: CancellationToken,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl MortalWorker {
    /// A worker with these settings that is ready.
    pub async fn start(queue: &TestQueue, settings: RunnerSettings) -> Self {
        Self::start_scheduling(queue, settings, Vec::new()).await
    }

    /// A worker with these settings that declares schedules and is ready.
    pub async fn start_scheduling(queue: &TestQueue, settings: RunnerSettings, schedules: Vec<Schedule>) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let runner = {
            let _inside = runtime.enter();
            Runner::new(queue.another_handle(), jobs::registry(), queue.stage().clone(), settings)
                .and_then(|runner| runner.with_schedules(schedules))
                .expect("good settings")
        };
        let readiness = runner.readiness();
        let shutdown = CancellationToken::new();
        let running = Some(runtime.spawn(runner.run(shutdown.clone())));
        let worker = Self { runtime: Some(runtime), readiness, shutdown, running };
        wait_until(SOON, "the worker is ready", || async { worker.readiness.is_ready() }).await;
        worker
    }

    /// Ends it between two steps, as `kill -9` would: it says no farewell.
    pub fn kill(mut self) {
        self.end();
    }

    /// Tells it to stop and waits until it has drained.
    ///
    /// # Errors
    /// The runner's: it could not write everything.
    pub async fn drain(mut self) -> Result<(), Error> {
        self.shutdown.cancel();
        let running = self.running.take().expect("a worker that runs");
        running.await.expect("a worker that does not panic")
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for MortalWorker {
    fn drop(&mut self) {
        self.end();
    }
}
