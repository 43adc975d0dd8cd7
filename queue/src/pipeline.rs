//! The running pipeline of a worker, and how it drains.

use std::{future::Future, time::Duration};

use apalis::prelude::WorkerContext;
use sqlx::PgPool;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error, Queue,
    error::is_refusal,
    held::Held,
    ledger::{
        give_back::{self, GivenBack},
        partitions,
    },
};

/// How long PostgreSQL may take at the end of a drain, before what is left is
/// left to the rescuer of another worker.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(5);
/// The pause before a last word that PostgreSQL did not take is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(50);
/// What a fetcher gets to end what it is at, however short the grace: a pop or
/// a claim that is cut off half-way costs its jobs time, or an attempt.
const UNBLOCKED_WITHIN: Duration = Duration::from_secs(1);

/// Tracked tasks, none of which may panic unnoticed: a worker without its
/// heartbeat or a fetcher would look alive and do no work.
#[derive(Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    /// Fired when a task panics: the worker then drains and ends with an error.
    failed: CancellationToken,
    /// Fired to end what did not end when it was told to.
    abort: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(failed: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), failed, abort: CancellationToken::new() }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let failed = self.failed.clone().drop_guard();
        let abort = self.abort.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = task => {}
                () = abort.cancelled() => {}
            }
            failed.disarm();
        });
    }

    /// Waits until all have ended; after `patience` they are ended.
    pub(crate) async fn wait(&self, patience: Duration) {
        self.tracker.close();
        if timeout(patience, self.tracker.wait()).await.is_err() {
            self.abort.cancel();
            self.tracker.wait().await;
        }
    }
}

/// Tasks that run beside the pipeline until the worker has drained.
pub(crate) struct Background {
    stop: CancellationToken,
    tasks: Tasks,
}

impl Background {
    pub(crate) fn new(failed: CancellationToken) -> Self {
        Self { stop: CancellationToken::new(), tasks: Tasks::new(failed) }
    }

    pub(crate) fn spawn<F>(&self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait(LAST_WORDS).await;
    }
}

/// The parts of a running pipeline.
pub(crate) struct Pipeline {
    /// Fired to stop fetching.
    pub(crate) fetching: CancellationToken,
    /// Fired when the grace is over.
    pub(crate) stopping: CancellationToken,
    pub(crate) fetchers: Tasks,
    pub(crate) finishers: Tasks,
    pub(crate) apalis: WorkerContext,
    pub(crate) runtime: JoinHandle<()>,
}

impl Pipeline {
    /// Stops fetching, lets running jobs finish for `grace`, and gives the
    /// rest back unburnt, also what apalis was handed and never started.
    pub(crate) async fn drain(self, queue: &Queue, pool: &PgPool, held: &Held, grace: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + grace;
        // They end their pops themselves. One that Redis does not answer is ended
        // here; if it had popped something, an auditor finds it.
        self.fetching.cancel();
        self.fetchers.wait(grace.clamp(UNBLOCKED_WITHIN, LAST_WORDS)).await;
        if timeout_at(deadline, held.emptied()).await.is_err() {
            tracing::warn!(running = held.len(), "the grace is over; giving back what still runs");
        }
        self.stopping.cancel();
        held.cancel_all();
        let _ = timeout(LAST_WORDS, held.emptied()).await;

        // apalis may have ended by itself; then there is nothing to stop.
        let _ = self.apalis.stop();
        let abort = self.runtime.abort_handle();
        if timeout(LAST_WORDS, self.runtime).await.is_err() {
            abort.abort();
        }
        self.finishers.wait(LAST_WORDS).await;

        // Handlers that never await can't be stopped; their jobs go back all the same.
        let left = held.returns();
        if !left.is_empty() {
            tracing::warn!(jobs = left.len(), "giving back jobs whose runs did not stop");
            let free = || give_back::give_back(pool, &left, queue.days_of_cancelled());
            let GivenBack { ready, cancelled } = last_words(|| partitions::or_made(queue, free)).await?;
            // What can't be pushed or told is found by an auditor.
            let _ = queue.lists.push(&ready).await;
            queue.lists.tell_gone(&cancelled).await;
        }
        Ok(())
    }
}

/// Writes at the end of a drain, as often as it takes within [`LAST_WORDS`]:
/// after a restart of PostgreSQL, connections that nobody has needed since are
/// found out to be dead one by one. `write` may be done twice.
pub(crate) async fn last_words<T, F>(write: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let deadline = Instant::now() + LAST_WORDS;
    let mut failed = sqlx::Error::PoolTimedOut;
    loop {
        match timeout_at(deadline, write()).await {
            Err(_) => return Err(failed),
            Ok(Err(error)) if !is_refusal(&error) && Instant::now() + TRY_AGAIN < deadline => {
                failed = error;
                sleep(TRY_AGAIN).await;
            }
            Ok(written) => return written,
        }
    }
}
