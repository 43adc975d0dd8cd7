//! Keeps the ledger's tables small: makes the history's partitions ahead, drops
//! those whose time is over, removes expired keys and old worker rows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    Queue,
    lease::{Leases, rest},
    ledger::{limits, partitions, schedules, workers},
};

const DUTY: &str = "janitor";
const EVERY: Duration = Duration::from_mins(10);
/// Rows of each table in one statement.
const BATCH: i64 = 1_000;

pub(crate) struct Janitor {
    pub(crate) queue: Queue,
    pub(crate) leases: Leases,
}

impl Janitor {
    /// Cleans up while it holds the duty, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while self.leases.acquired(DUTY, &stop).await.is_some() {
            if let Err(error) = self.tick().await {
                self.queue.metrics().postgres_errors.increment(1);
                tracing::warn!(%error, "the janitor could not finish; it tries again");
            }
            if !rest(EVERY, &stop).await {
                return;
            }
        }
    }

    async fn tick(&self) -> sqlx::Result<()> {
        partitions::ensure_ahead(self.queue.pool(), self.queue.kinds().retention_days()).await?;
        while workers::prune(self.queue.pool(), BATCH).await? >= BATCH.unsigned_abs() {}
        while limits::prune(self.queue.pool(), BATCH).await? >= BATCH.unsigned_abs() {}
        while schedules::prune(self.queue.pool(), BATCH).await? >= BATCH.unsigned_abs() {}
        let dropped = partitions::drop_expired(self.queue.pool()).await?;
        if dropped > 0 {
            tracing::info!(days = dropped, "dropped the history of days whose retention is over");
        }
        Ok(())
    }
}
