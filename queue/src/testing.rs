//! For the tests of applications (feature `testing`): run what is queued to
//! the end in this process, say what must have been enqueued, move the clock.
//!
//! The servers are real ones: a queue that is only pretended would say nothing
//! about the transaction that a job commits with.
//!
//! # Example
//!
//! ```no_run
//! # use callboard_queue::{Failure, Handler, Job, Outcome, Queue, Registry, Run, testing};
//! # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
//! # struct Welcome { user: u32 }
//! # impl Job for Welcome { const KIND: &'static str = "email.welcome"; }
//! # impl Handler<()> for Welcome {
//! #     async fn run(self, _: &(), _: &Run) -> Result<Outcome, Failure> { Ok(Outcome::Completed) }
//! # }
//! # async fn test(queue: Queue) -> Result<(), callboard_queue::Error> {
//! // … the code under test …
//! testing::assert_enqueued(&queue, &Welcome { user: 7 }).await;
//! let drained = testing::drain(&queue, Registry::new().register::<Welcome>(), ()).await?;
//! assert_eq!((drained.completed, drained.discarded), (1, 0));
//! testing::assert_none_enqueued::<Welcome>(&queue).await;
//! # Ok(())
//! # }
//! ```
#![expect(clippy::missing_panics_doc, clippy::panic, reason = "an assertion that fails panics; that is what it is for")]

use std::{fmt, time::Duration};

use serde_json::{Value, value::to_raw_value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Job, JobView, Queue, Registry, Runner, RunnerSettings,
    ledger::testing::{self, Ended},
};

/// For how long [`drain`] waits without anything happening.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What [`drain`] has done.
#[derive(Clone, Debug, Default)]
pub struct Drained {
    /// Jobs that completed.
    pub completed: i64,
    /// Jobs that were given up.
    pub discarded: i64,
    /// Jobs that were cancelled.
    pub cancelled: i64,
    /// What is left: scheduled for later, paused, or of a kind or queue that
    /// the registry does not have.
    pub left: Vec<JobView>,
}

/// Runs jobs by the real worker until none is left that could run now: also
/// those that they enqueue, and those that wait for them. Retries that are
/// due later stay; see [`advance`].
///
/// It gives up, without an error, once nothing has happened for 10 s: then
/// [`Drained::left`] has what could not run, or did not end. Assert that it is
/// empty where nothing may be left.
///
/// # Errors
/// Those of [`Runner::new`] and [`Runner::run`], and [`Error::Ledger`].
pub async fn drain<C: Send + Sync + 'static>(
    queue: &Queue,
    registry: Registry<C>,
    context: C,
) -> Result<Drained, Error> {
    let before = testing::ended(queue.pool()).await?;
    let settings = RunnerSettings { name: "drain".to_owned(), slots: 50, ..RunnerSettings::default() };
    let runner = Runner::new(queue.clone(), registry, context, settings)?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let waited = wait(queue, &stop).await;
    stop.cancel();
    running.await.map_err(|_| Error::PartFailed)??;
    waited?;
    let Ended { completed, discarded, cancelled } = testing::ended(queue.pool()).await?;
    Ok(Drained {
        completed: completed - before.completed,
        discarded: discarded - before.discarded,
        cancelled: cancelled - before.cancelled,
        left: testing::live(queue.pool()).await?,
    })
}

async fn wait(queue: &Queue, stop: &CancellationToken) -> Result<(), Error> {
    let mut since = Instant::now();
    let mut last = None;
    loop {
        let pending = testing::pending(queue.pool()).await?;
        if pending.jobs == 0 || stop.is_cancelled() {
            return Ok(());
        }
        if last.replace(pending.clone()).is_none_or(|last| last != pending) {
            since = Instant::now();
        }
        if since.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The jobs of a kind that have not ended, the oldest first.
///
/// # Errors
/// [`Error::Ledger`], and [`Error::Payload`] for one that does not decode.
pub async fn enqueued<J: Job>(queue: &Queue) -> Result<Vec<J>, Error> {
    let payloads = testing::payloads(queue.pool(), J::KIND).await?;
    let decode = |payload: &Value| {
        let unusable = |problem: String| Error::Payload { kind: J::KIND.to_owned(), problem };
        let payload = to_raw_value(payload).map_err(|error| unusable(error.to_string()))?;
        let payload = queue.keys().open(J::KIND, payload).map_err(unusable)?;
        serde_json::from_str(payload.get()).map_err(|error| unusable(error.to_string()))
    };
    payloads.iter().map(decode).collect()
}

/// Asserts that a job like this one waits or runs; else says which ones of its
/// kind do.
pub async fn assert_enqueued<J: Job + PartialEq + fmt::Debug>(queue: &Queue, job: &J) {
    let found = found::<J>(queue).await;
    assert!(found.contains(job), "no {job:?} is enqueued, but: {found:#?}");
}

/// Asserts that no job of a kind waits or runs.
pub async fn assert_none_enqueued<J: Job + fmt::Debug>(queue: &Queue) {
    let found = found::<J>(queue).await;
    assert!(found.is_empty(), "no `{}` was to be enqueued, but: {found:#?}", J::KIND);
}

async fn found<J: Job>(queue: &Queue) -> Vec<J> {
    enqueued(queue).await.unwrap_or_else(|error| panic!("could not look for `{}`: {error}", J::KIND))
}

/// Moves the clock on, as far as the queue goes by it: what is due, expires,
/// ticks or is reserved within `by` from now does so now. (PostgreSQL's clock
/// can't be moved; the times of the ledger are moved back instead.)
///
/// # Errors
/// [`Error::Ledger`] when PostgreSQL refuses.
pub async fn advance(queue: &Queue, by: Duration) -> Result<(), Error> {
    Ok(testing::advance(queue.pool(), by).await?)
}
