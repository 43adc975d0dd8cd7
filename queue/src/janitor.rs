//! Keeps the ledger's tables small: makes the history's partitions ahead, drops
//! those whose time is over, removes expired keys and old worker rows.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    Metrics,
    lease::{Leases, rest},
    ledger::{partitions, workers},
    registry::Policies,
};

const DUTY: &str = "janitor";
const EVERY: Duration = Duration::from_mins(10);
/// Rows of each table in one statement.
const BATCH: i64 = 1_000;

pub(crate) struct Janitor {
    pub(crate) pool: PgPool,
    pub(crate) metrics: Metrics,
    pub(crate) leases: Leases,
    pub(crate) policies: Arc<Policies>,
}

impl Janitor {
    /// Cleans up while it holds the duty, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while self.leases.acquired(DUTY, &stop).await.is_some() {
            if let Err(error) = self.tick().await {
                self.metrics.postgres_errors.increment(1);
                tracing::warn!(%error, "the janitor could not finish; it tries again");
            }
            if !rest(EVERY, &stop).await {
                return;
            }
        }
    }

    async fn tick(&self) -> sqlx::Result<()> {
        partitions::ensure_ahead(&self.pool, self.policies.retention_days()).await?;
        while workers::prune(&self.pool, BATCH).await? >= BATCH.unsigned_abs() {}
        let dropped = partitions::drop_expired(&self.pool).await?;
        if dropped > 0 {
            tracing::info!(days = dropped, "dropped the history of days whose retention is over");
        }
        Ok(())
    }
}
