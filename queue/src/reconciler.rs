//! After any doubt, compares what the ledger says this worker holds with what
//! it has.
//!
//! Without it a claim whose answer was lost, or a finish that a crash of
//! PostgreSQL has undone, would stay `running` on a living worker for ever:
//! no rescuer touches a worker that beats.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Backoff, Queue,
    held::Held,
    ledger::{
        claim::Claim,
        give_back::{self, GivenBack, Return},
        partitions,
    },
    sabotage,
    unblock::Wake,
};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

pub(crate) struct Reconciler {
    pub(crate) queue: Queue,
    pub(crate) worker_id: Uuid,
    pub(crate) held: Arc<Held>,
    pub(crate) wake: Wake,
}

impl Reconciler {
    /// Waits for doubts and resolves each, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.held.doubted() => {}
            }
            if sabotage::leaves_out("reconciler") {
                continue;
            }
            let mut attempt = 0;
            while let Err(error) = self.reconcile().await {
                attempt += 1;
                self.queue.metrics().postgres_errors.increment(1);
                tracing::debug!(%error, attempt, "could not reconcile yet");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(BACKOFF.ceiling(attempt)) => {}
                }
            }
        }
    }

    async fn reconcile(&self) -> sqlx::Result<()> {
        let gate = self.held.reconciling().await;
        let in_doubt = self.held.in_doubt();
        // What we have is read first: a claim finished meanwhile is then on
        // neither side, or refused by its fence.
        let ours: HashSet<Claim> = self.held.claims().into_iter().collect();
        let ledger = give_back::held_by(self.queue.pool(), self.worker_id, &self.held.newest(), &in_doubt).await?;
        let ledger: HashSet<Claim> = ledger.into_iter().collect();

        // What was claimed by a lost answer never began; the rest has run, and its
        // outcome was undone.
        let unknown = |claim: &Claim| Return { claim: *claim, began: !in_doubt.contains(&claim.0) };
        let forgotten: Vec<Return> = ledger.difference(&ours).map(unknown).collect();
        let given_back = if forgotten.is_empty() {
            GivenBack::default()
        } else {
            let kept = self.queue.days_of_cancelled();
            partitions::or_made(&self.queue, || give_back::give_back(self.queue.pool(), &forgotten, kept)).await?
        };
        self.wake.gone(&given_back.cancelled);
        let ready = given_back.ready;
        self.held.reconciled(in_doubt.len());
        drop(gate);

        let cancelled = ours.difference(&ledger).filter(|claim| self.held.cancel(**claim)).count();
        if !ready.is_empty() || cancelled > 0 {
            tracing::warn!(given_back = ready.len(), cancelled, "reconciled with the ledger");
        }
        self.queue.metrics().reconciled_given_back.increment(ready.len() as u64);
        self.queue.metrics().reconciled_cancelled.increment(cancelled as u64);
        if let Err(error) = self.queue.lists.push(&ready).await {
            tracing::debug!(%error, "the auditor will push what was given back");
        }
        Ok(())
    }
}
