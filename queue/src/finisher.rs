//! Writes outcomes to the ledger in batches: at once when idle, together under
//! load (group commit).
//!
//! Finished work is not lost from memory: while PostgreSQL is down the batch is
//! kept and tried again, runs that end meanwhile wait, and no new job is
//! fetched once all slots wait.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use crate::{
    Backoff, Queue,
    error::{connection_lost, is_refusal},
    held::Held,
    ledger::{
        claim::Claim,
        finish::{self, Ended, Retried},
        give_back::{self, GivenBack, Return},
        partitions,
    },
    unblock::Wake,
};

/// Outcomes in one transaction.
const BATCH: usize = 500;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(2) };

/// How a run ended, as the ledger is told.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    Ended(Ended),
    Retried(Retried),
    /// Unburnt: the worker is stopping.
    GivenBack(Claim),
    /// The handler's own transaction has written it.
    Committed(Claim),
}

impl Settled {
    fn claim(&self) -> Claim {
        match self {
            Self::Ended(ended) => (ended.id, ended.claim_id),
            Self::Retried(retried) => (retried.id, retried.claim_id),
            Self::GivenBack(claim) | Self::Committed(claim) => *claim,
        }
    }

    /// The same, with a note in place of the result and the error.
    fn without_details(&self) -> Self {
        let omitted = || json!({ "omitted": "PostgreSQL refused it" });
        match self.clone() {
            Self::Ended(ended) => Self::Ended(Ended {
                result: ended.result.map(|_| omitted()),
                error: ended.error.map(|_| omitted()),
                reason: ended.reason.map(|_| "the reason could not be stored".to_owned()),
                ..ended
            }),
            Self::Retried(retried) => Self::Retried(Retried { error: retried.error.map(|_| omitted()), ..retried }),
            other => other,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Finisher {
    pub(crate) queue: Queue,
    pub(crate) held: Arc<Held>,
    pub(crate) wake: Wake,
    pub(crate) settled: Arc<Mutex<mpsc::Receiver<Settled>>>,
}

impl Finisher {
    /// Writes until every sender is gone and everything is written.
    pub(crate) async fn run(self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            if self.settled.lock().await.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            self.write(&batch).await;
        }
    }

    async fn write(&self, batch: &[Settled]) {
        let mut attempt = 0;
        // Once an answer was lost, "not found" may mean "written before".
        let mut in_doubt = false;
        let mut written = HashSet::with_capacity(batch.len());
        loop {
            match self.try_write(batch, &mut written).await {
                Ok(()) => {
                    self.done(batch, &written, in_doubt);
                    return;
                }
                Err(error) if partitions::is_missing(&error) => self.hold_up(&error, batch.len(), &mut attempt).await,
                Err(error) if !is_refusal(&error) => {
                    if connection_lost(&error) {
                        in_doubt = true;
                        self.held.doubt();
                    }
                    self.hold_up(&error, batch.len(), &mut attempt).await;
                }
                Err(error) if batch.len() > 1 => {
                    self.queue.metrics().postgres_errors.increment(1);
                    tracing::warn!(%error, "a batch of outcomes was refused; writing them one by one");
                    self.held.remove(batch.iter().map(Settled::claim).filter(|(id, _)| written.contains(id)));
                    for settled in batch.iter().filter(|settled| !written.contains(&settled.claim().0)) {
                        Box::pin(self.write(std::slice::from_ref(settled))).await;
                    }
                    return;
                }
                Err(error) => {
                    self.refused(&batch[0], &error).await;
                    return;
                }
            }
        }
    }

    /// Keeps a batch for the next try; says so once.
    async fn hold_up(&self, error: &sqlx::Error, outcomes: usize, attempt: &mut u32) {
        self.queue.metrics().postgres_errors.increment(1);
        if *attempt == 0 {
            tracing::warn!(%error, outcomes, "postgresql does not take outcomes; they are kept and tried again");
        }
        *attempt += 1;
        tokio::time::sleep(BACKOFF.ceiling(*attempt)).await;
    }

    /// Writes the batch: what has ended and what is tried again in one
    /// transaction, what is given back in another. The ids whose fence held are
    /// `written`; what was written by a try before is not found again.
    async fn try_write(&self, batch: &[Settled], written: &mut HashSet<Uuid>) -> sqlx::Result<()> {
        let mut ended = Vec::new();
        let mut retried = Vec::new();
        let mut given_back = Vec::new();
        for settled in batch {
            match settled {
                Settled::Ended(job) => ended.push(job.clone()),
                Settled::Retried(job) => retried.push(job.clone()),
                Settled::GivenBack(claim) => given_back.push(Return { claim: *claim, began: true }),
                Settled::Committed(_) => {}
            }
        }
        let kept = self.queue.days_of_cancelled();
        if !ended.is_empty() || !retried.is_empty() {
            let write = || finish::write(self.queue.pool(), &ended, &retried, kept);
            let gone = partitions::or_made(&self.queue, write).await?;
            self.wake.gone(&gone);
            written.extend(gone.iter().map(|job| job.id));
        }
        if !given_back.is_empty() {
            let free = || give_back::give_back(self.queue.pool(), &given_back, kept);
            let GivenBack { ready, cancelled } = partitions::or_made(&self.queue, free).await?;
            self.wake.gone(&cancelled);
            written.extend(ready.iter().map(|job| job.id).chain(cancelled.iter().map(|job| job.id)));
            if let Err(error) = self.queue.lists.push(&ready).await {
                tracing::debug!(%error, "the auditor will push what was given back");
            }
        }
        Ok(())
    }

    fn done(&self, batch: &[Settled], written: &HashSet<Uuid>, in_doubt: bool) {
        self.held.remove(batch.iter().map(Settled::claim));
        self.queue.metrics().finish_batch.record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        if in_doubt {
            return;
        }
        let fenced = batch.iter().filter(|settled| !matches!(settled, Settled::Committed(_)));
        for settled in fenced.filter(|settled| !written.contains(&settled.claim().0)) {
            self.queue.metrics().stale_finishes.increment(1);
            tracing::warn!(id = %settled.claim().0, "refused a finish: the run no longer held its job");
        }
    }

    /// PostgreSQL refuses this very outcome: it is written without what the
    /// handler put into it. If even that is refused, the row stays ours in the
    /// ledger and we forget it, so that the reconciler gives it back.
    async fn refused(&self, settled: &Settled, error: &sqlx::Error) {
        self.queue.metrics().postgres_errors.increment(1);
        tracing::error!(id = %settled.claim().0, %error, "postgresql refuses this outcome; writing it without its details");
        let bare = settled.without_details();
        if let Err(error) = self.try_write(std::slice::from_ref(&bare), &mut HashSet::new()).await {
            tracing::error!(id = %settled.claim().0, %error, "the outcome is refused; the job will run again");
            self.held.remove(std::iter::once(settled.claim()));
            self.held.doubt();
            return;
        }
        self.held.remove(std::iter::once(settled.claim()));
    }
}
