//! The context of the test jobs: what has run, and a gate to hold runs at.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use callboard_queue::Run;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::wait::wait_until;

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The job.
    pub id: Uuid,
    /// Its kind.
    pub kind: &'static str,
    /// Which attempt it was.
    pub attempt: i16,
    /// The number in its payload, or 0.
    pub number: i64,
}

/// What the handlers of a test share with it. Clones are the same stage.
#[derive(Clone, Debug)]
pub struct Stage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runs: Mutex<Vec<Ran>>,
    running: AtomicUsize,
    peak: AtomicUsize,
    gate: Semaphore,
}

impl Default for Stage {
    fn default() -> Self {
        Self(Arc::new(Inner {
            runs: Mutex::default(),
            running: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        }))
    }
}

impl Stage {
    /// All runs that have begun, in order.
    #[must_use]
    pub fn runs(&self) -> Vec<Ran> {
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often each job has begun to run.
    #[must_use]
    pub fn runs_by_job(&self) -> HashMap<Uuid, usize> {
        let mut by_job = HashMap::new();
        for ran in self.runs() {
            *by_job.entry(ran.id).or_default() += 1;
        }
        by_job
    }

    /// How often this job has begun to run.
    #[must_use]
    pub fn times_run(&self, id: Uuid) -> usize {
        self.runs().iter().filter(|ran| ran.id == id).count()
    }

    /// How many are running now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// The most that were running at a time.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.0.peak.load(Ordering::SeqCst)
    }

    /// Lets `jobs` pass the gate, now or when they come to it.
    pub fn open(&self, jobs: usize) {
        self.0.gate.add_permits(jobs);
    }

    /// Lets everyone pass the gate from now on.
    pub fn open_for_all(&self) {
        self.0.gate.close();
    }

    /// Waits until `jobs` runs have begun in all; tells how long it took.
    pub async fn begun(&self, jobs: usize, within: Duration) -> Duration {
        let what = format!("{jobs} runs begin");
        wait_until(within, what, || async { self.runs().len() >= jobs }).await
    }

    /// Notes a run for as long as the answer is kept.
    #[must_use]
    pub fn enter(&self, run: &Run, number: i64) -> Running {
        let ran = Ran { id: run.id(), kind: run.kind(), attempt: run.attempt(), number };
        self.0.runs.lock().unwrap_or_else(PoisonError::into_inner).push(ran);
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.peak.fetch_max(running, Ordering::SeqCst);
        Running(self.clone())
    }

    /// Waits to be let through the gate.
    pub async fn pass(&self) {
        // An error means that the gate is open for all.
        if let Ok(permit) = self.0.gate.acquire().await {
            permit.forget();
        }
    }
}

/// A run that is going on.
#[derive(Debug)]
pub struct Running(Stage);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
