//! The jobs that are run, and what their handlers tell the benchmark.

use std::time::Duration;

use callboard_queue::{Failure, Handler, Job, Outcome, Priority, Registry, Run};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::Instant};

use crate::stage::Error;

/// Starts that may wait to be counted.
const BUFFER: usize = 10_000;

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
#[derive(Clone, Debug)]
pub(crate) struct Started(mpsc::Sender<(u64, Instant)>);

impl Started {
    pub(crate) async fn tell(&self, number: u64, at: Instant) {
        let _ = self.0.send((number, at)).await;
    }
}

impl Handler<Started> for NoOp {
    async fn run(self, context: &Started, _: &Run) -> Result<Outcome, Failure> {
        context.tell(self.number, Instant::now()).await;
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
pub(crate) struct Runs(mpsc::Receiver<(u64, Instant)>);

/// Both ends: one for the handlers, one for who counts.
pub(crate) fn runs() -> (Started, Runs) {
    let (sender, receiver) = mpsc::channel(BUFFER);
    (Started(sender), Runs(receiver))
}

impl Runs {
    /// The next start: the job's number, and when.
    pub(crate) async fn next(&mut self) -> Result<(u64, Instant), Error> {
        Ok(self.0.recv().await.ok_or("the workers ended")?)
    }

    /// The next `count` starts.
    pub(crate) async fn take(&mut self, count: u64) -> Result<Vec<(u64, Instant)>, Error> {
        let count = usize::try_from(count)?;
        let mut starts = Vec::with_capacity(count);
        while starts.len() < count {
            let missing = count - starts.len();
            if self.0.recv_many(&mut starts, missing).await == 0 {
                return Err("the workers ended".into());
            }
        }
        Ok(starts)
    }
    /// The same without the numbers, sorted.
    pub(crate) async fn take_sorted(&mut self, count: u64) -> Result<Vec<Instant>, Error> {
        let mut starts: Vec<Instant> = self.take(count).await?.into_iter().map(|(_, at)| at).collect();
        starts.sort_unstable();
        Ok(starts)
    }
}
