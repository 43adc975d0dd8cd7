//! A steady load of jobs, with an account of what became of each enqueue.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
    collections::BTreeSet,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use callboard_queue::{Error, Queue};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{jobs::Effect, queue::TestQueue, wait::wait_until};

/// An enqueue of one [`Effect`] job after the other, until it is stopped.
#[derive(Debug)]
pub struct Load {
    account: Arc<Mutex<Account>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// What became of enqueues.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Their commit was answered: these jobs must all end.
    pub committed: Vec<Uuid>,
    /// The commit was answered by an error, or not: there or not.
    pub doubtful: Vec<Uuid>,
    /// What was said to those that failed, with its cause.
    pub refusals: Vec<String>,
    /// How long each took from its begin to the answer of its commit, or to its refusal.
    pub took: Vec<Duration>,
}

impl Load {
    /// Starts it: another process with a little patience that enqueues a job in each `every`.
    #[must_use]
    pub fn start(queue: &TestQueue, every: Duration) -> Self {
        let account = Arc::<Mutex<Account>>::default();
        let stop = CancellationToken::new();
        let running = tokio::spawn(enqueue(queue.impatient_handle(), every, account.clone(), stop.clone()));
        Self { account, stop, running }
    }

    /// The account so far.
    #[must_use]
    pub fn so_far(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops it; returns the whole account.
    pub async fn stop(self) -> Account {
        self.stop.cancel();
        self.running.await.expect("a load that does not panic");
        Arc::into_inner(self.account).expect("the only one").into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// As long as all but the slowest of a hundred took at most.
    #[must_use]
    pub fn usually_took(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get(took.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// As long as the slowest took.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.took.iter().max().copied().unwrap_or_default()
    }
}

async fn enqueue(queue: Queue, every: Duration, account: Arc<Mutex<Account>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let mut id = None;
        let done = enqueue_one(&queue, &mut id).await;
        {
            let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
            account.took.push(asked.elapsed());
            match (done, id) {
                (Ok(()), id) => account.committed.extend(id),
                (Err(error), id) => {
                    account.doubtful.extend(id);
                    let cause = error.source().map(ToString::to_string).unwrap_or_default();
                    account.refusals.push(format!("{error}: {cause}"));
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every.saturating_sub(asked.elapsed())) => {}
        }
    }
}

/// `id`: of a job whose commit was asked for.
async fn enqueue_one(queue: &Queue, id: &mut Option<Uuid>) -> Result<(), Error> {
    let mut transaction = queue.begin().await?;
    let enqueued = transaction.enqueue(&Effect::default()).await?;
    *id = Some(enqueued.id);
    transaction.commit().await
}

impl TestQueue {
    /// Waits until no job is left, whatever PostgreSQL says meanwhile.
    pub async fn emptied(&self, within: Duration) -> Duration {
        wait_until(within, "no job is left", || async {
            let left = sqlx::query_scalar("SELECT count(*) FROM queue_jobs").fetch_one(self.pool()).await;
            left.is_ok_and(|left: i64| left == 0)
        })
        .await
    }

    /// The invariants of every fault: each of `enqueued` and of the load's committed
    /// jobs has ended once and no other has, but what may have been committed; and no
    /// effect is there twice, or without its job.
    pub async fn nothing_is_lost_or_doubled(&self, enqueued: &[Uuid], load: &Account) {
        let rows: Vec<(Uuid, String, String)> = sqlx::query_as("SELECT id, kind, state FROM queue_jobs_all")
            .fetch_all(self.pool())
            .await
            .expect("the ledger");
        let ended: BTreeSet<Uuid> = rows.iter().filter(|row| row.2 == "completed").map(|row| row.0).collect();
        assert_eq!(ended.len(), rows.len(), "each job is there once, and has completed");
        let committed: BTreeSet<Uuid> = enqueued.iter().chain(&load.committed).copied().collect();
        let lost: Vec<_> = committed.difference(&ended).collect();
        assert!(lost.is_empty(), "{} committed jobs are lost: {lost:?}", lost.len());
        let unknown: Vec<_> = ended.difference(&committed).filter(|id| !load.doubtful.contains(id)).collect();
        assert!(unknown.is_empty(), "jobs that nobody enqueued: {unknown:?}");

        let mut effects = self.effects().await;
        effects.sort_unstable();
        let mut with_effect: Vec<Uuid> = rows.iter().filter(|row| row.1 == "test.effect").map(|row| row.0).collect();
        with_effect.sort_unstable();
        assert_eq!(effects, with_effect, "each effect is committed once");
    }
}
