//! What the probes of a worker tell.

use callboard_queue::{Queue, Readiness};
use callboard_shared::health::{Check, Health, Status};
use callboard_shared::telemetry::Inside;
use sqlx::PgPool;

/// The inside of a worker, for its probes and gauges.
#[derive(Debug)]
pub struct WorkerInside {
    queue: Queue,
    probe: PgPool,
    readiness: Readiness,
}

impl WorkerInside {
    /// The inside of the worker that serves `queue`; `probe` is a pool for
    /// asking PostgreSQL how it is.
    #[must_use]
    pub fn new(queue: Queue, probe: PgPool, readiness: Readiness) -> Self {
        Self { queue, probe, readiness }
    }
}

impl Inside for WorkerInside {
    async fn sample(&self) {
        self.queue.sample_depths().await;
    }

    /// Without PostgreSQL, or before its own heartbeat has arrived there, a
    /// worker does nothing. Without Redis it finishes what it has and goes on
    /// by itself once Redis is back, so replacing it would win nothing.
    async fn health(&self) -> Health {
        let redis = async { self.queue.ping_redis().await.is_ok() };
        let (postgres, redis, worker) = tokio::join!(
            Check::postgres(&self.probe),
            Check::run(redis, Status::Degraded),
            Check::known(self.readiness.is_ready(), Status::Down),
        );
        Health::of([("postgres", postgres), ("redis", redis), ("worker", worker)])
    }
}
