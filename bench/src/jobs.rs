//! The jobs that are run, and what their handlers tell the benchmark.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use callboard_queue::{Failure, Handler, Job, Outcome, Priority, Registry, Run};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::stage::Error;

/// Longer than any row may take: a worker that ended would be waited for in vain.
const PATIENCE: Duration = Duration::from_mins(10);

/// A job that does nothing, with a payload of ordinary size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NoOp {
    pub(crate) number: u64,
    pub(crate) note: String,
}

impl Job for NoOp {
    const KIND: &'static str = "bench.noop";
    const QUEUE: &'static str = "bench";
}

impl NoOp {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, note: "a payload of about a hundred bytes, as a job's often is".to_owned() }
    }
}

/// A job of low priority that holds its slot for a while.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) ms: u64,
}

impl Job for Pause {
    const KIND: &'static str = "bench.pause";
    const QUEUE: &'static str = NoOp::QUEUE;
    const PRIORITY: Priority = Priority::Low;
}

/// The context of the handlers: where they tell which job started, and when.
/// That costs a handler a lock and its clock; nobody is woken before as many
/// have started as somebody waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started(Arc<Starts>);

#[derive(Debug, Default)]
struct Starts {
    told: Mutex<Told>,
    reached: Notify,
}

#[derive(Debug, Default)]
struct Told {
    starts: Vec<(u64, Instant)>,
    /// How many somebody waits for; 0, when nobody does.
    wanted: usize,
}

impl Started {
    pub(crate) fn tell(&self, number: u64, at: Instant) {
        let mut told = self.told();
        told.starts.push((number, at));
        if told.starts.len() == told.wanted {
            self.0.reached.notify_one();
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler<Started> for NoOp {
    async fn run(self, context: &Started, _: &Run) -> Result<Outcome, Failure> {
        context.tell(self.number, Instant::now());
        Ok(Outcome::Completed)
    }
}

impl Handler<Started> for Pause {
    async fn run(self, _: &Started, _: &Run) -> Result<Outcome, Failure> {
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        Ok(Outcome::Completed)
    }
}

pub(crate) fn registry() -> Registry<Started> {
    Registry::new().register::<NoOp>().register::<Pause>()
}

/// The no-op jobs that have started.
pub(crate) struct Runs(Started);

/// Both ends: one for the handlers, one for who counts.
pub(crate) fn runs() -> (Started, Runs) {
    let started = Started::default();
    (started.clone(), Runs(started))
}

impl Runs {
    /// The next start: the job's number, and when.
    pub(crate) async fn next(&mut self) -> Result<(u64, Instant), Error> {
        Ok(self.take(1).await?[0])
    }

    /// The next `count` starts.
    pub(crate) async fn take(&mut self, count: u64) -> Result<Vec<(u64, Instant)>, Error> {
        let count = usize::try_from(count)?;
        loop {
            {
                let mut told = self.0.told();
                if told.starts.len() >= count {
                    told.wanted = 0;
                    let later = told.starts.split_off(count);
                    return Ok(std::mem::replace(&mut told.starts, later));
                }
                told.wanted = count;
            }
            timeout(PATIENCE, self.0.0.reached.notified()).await.map_err(|_| "the jobs don't start")?;
        }
    }

    /// The same without the numbers, sorted.
    pub(crate) async fn take_sorted(&mut self, count: u64) -> Result<Vec<Instant>, Error> {
        let mut starts: Vec<Instant> = self.take(count).await?.into_iter().map(|(_, at)| at).collect();
        starts.sort_unstable();
        Ok(starts)
    }
}
