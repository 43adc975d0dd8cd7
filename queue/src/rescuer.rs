//! Takes jobs back from workers that have stopped beating.
//!
//! The first time, a job is queued again at once. From the second loss on it is
//! scheduled with its kind's backoff, so that innocents part from a job that
//! kills its process. The attempt counts; after the last the job is discarded.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    Error, Queue, backoff,
    heartbeat::Pulse,
    ledger::{
        audit::Orphan,
        finish::{EndState, Ended},
        partitions,
        rescue::{self, Rescue, Rescued},
    },
    outcome::FailureKind,
    run::error_entry,
    sabotage,
    unblock::Wake,
};

pub(crate) struct Rescuer {
    pub(crate) queue: Queue,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) wake: Wake,
}

impl Rescuer {
    /// Rescues `orphans`, if this worker's own beats say that the silence of
    /// the others is theirs and not PostgreSQL's (whose clock said `now` at the look).
    pub(crate) async fn rescue(&self, orphans: &[Orphan], now: DateTime<Utc>) -> Result<(), Error> {
        if orphans.is_empty() || !self.pulse.is_trustworthy(now) || sabotage::leaves_out("rescuer") {
            return Ok(());
        }
        let (last, again): (Vec<_>, Vec<_>) =
            orphans.iter().partition(|orphan| orphan.cancel_requested || orphan.attempt >= orphan.max_attempts);
        let again: Vec<Rescue> = again.into_iter().map(|orphan| self.again(orphan)).collect();
        let ended: Vec<Ended> = last.iter().map(|orphan| self.ended(orphan)).collect();
        let rescue = || rescue::rescue(self.queue.pool(), &again, &ended);
        let Rescued { jobs: rescued, ready, gone } = partitions::or_made(&self.queue, rescue).await?;
        let ended: HashSet<Uuid> = gone.iter().map(|job| job.id).collect();
        for orphan in last.iter().filter(|orphan| ended.contains(&orphan.id)) {
            let outcome = if orphan.cancel_requested { "cancelled" } else { "discarded" };
            self.queue.metrics().ended(&orphan.kind, outcome);
        }
        self.wake.gone(&gone);
        self.queue.metrics().rescued.increment(rescued as u64);
        if rescued > 0 {
            let workers: HashSet<Uuid> = orphans.iter().map(|orphan| orphan.worker_id).collect();
            tracing::warn!(?workers, jobs = rescued, "workers are gone; rescued their jobs");
        }
        // What can't be pushed is found by the next looks.
        if let Err(error) = self.queue.lists.push(&ready).await {
            tracing::debug!(%error, "the auditor will push what was rescued");
        }
        Ok(())
    }

    fn again(&self, orphan: &Orphan) -> Rescue {
        let delay_ms = (orphan.losses > 0).then(|| {
            let losses = u32::try_from(orphan.losses).unwrap_or(u32::MAX);
            backoff::millis(self.queue.kinds().policy(&orphan.kind).backoff.delay(losses))
        });
        Rescue { id: orphan.id, claim_id: orphan.claim_id, delay_ms, error: loss(orphan) }
    }

    fn ended(&self, orphan: &Orphan) -> Ended {
        Ended {
            id: orphan.id,
            claim_id: orphan.claim_id,
            // Or cancelled, if that was asked for.
            state: EndState::Failed,
            keep_days: self.queue.kinds().policy(&orphan.kind).discarded_days().into(),
            result: None,
            error: Some(loss(orphan)),
            reason: Some("attempts used up".to_owned()),
        }
    }
}

fn loss(orphan: &Orphan) -> serde_json::Value {
    let message = "the worker that ran it stopped beating";
    error_entry(orphan.attempt, orphan.worker_id, FailureKind::WorkerLost, message)
}
