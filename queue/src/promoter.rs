//! Queues scheduled jobs when they are due.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    Queue,
    lease::{Leases, rest},
    ledger::promote,
    unblock::Wake,
};

const DUTY: &str = "promoter";
/// Jobs in one statement.
const BATCH: u32 = 1_000;
/// How often it looks when it knows of nothing due sooner.
const EVERY: Duration = Duration::from_secs(1);
/// However soon the next job is due, it doesn't look more often than this.
const AT_MOST_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct Promoter {
    pub(crate) queue: Queue,
    pub(crate) leases: Leases,
    pub(crate) wake: Wake,
}

impl Promoter {
    /// Promotes while it holds the duty, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut said = false;
        while self.leases.acquired(DUTY, &stop).await.is_some() {
            let pause = self.tick(&mut said).await;
            if !rest(pause, &stop).await {
                return;
            }
        }
    }

    /// One bounded step; returns when to take the next.
    async fn tick(&self, said: &mut bool) -> Duration {
        let promoted = match promote::promote(self.queue.pool(), BATCH).await {
            Ok(promoted) => promoted,
            Err(error) => {
                self.queue.metrics().postgres_errors.increment(1);
                if !std::mem::replace(said, true) {
                    tracing::warn!(%error, "scheduled jobs that are due can't be queued");
                }
                return EVERY;
            }
        };
        if std::mem::take(said) {
            tracing::info!("scheduled jobs that are due are queued again");
        }
        // What can't be pushed is queued in the ledger all the same: the auditor finds it.
        let pushed = self.queue.lists.push(&promoted.ready).await;
        if !promoted.limit_keys.is_empty() {
            self.wake.limits(promoted.limit_keys);
        }
        let full = promoted.due >= BATCH;
        if full && pushed.is_ok() {
            return Duration::ZERO;
        }
        promoted.next_due_in.unwrap_or(EVERY).clamp(AT_MOST_EVERY, EVERY)
    }
}
