//! What every measurement needs: a database of its own, and jobs in it.

use std::{sync::Arc, time::Duration};

use callboard_queue::{Handler, Job, Metrics, Outcome, Queue, Registry, Retention, Run};
use metrics_exporter_prometheus::PrometheusBuilder;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Starts that may wait to be counted.
pub(crate) const STARTED_BUFFER: usize = 10_000;

/// A job that does nothing, with a payload of ordinary size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NoOp {
    pub(crate) number: u64,
    pub(crate) note: String,
}

impl Job for NoOp {
    const KIND: &'static str = "bench.noop";
    const QUEUE: &'static str = "bench";
    const RETENTION: Retention = Retention { completed_days: 1, discarded_days: 1 };
}

impl NoOp {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, note: "a payload of about a hundred bytes, as a job's often is".to_owned() }
    }
}

/// What the no-op handler tells the benchmark: which job started, and when.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) sender: mpsc::Sender<(u64, Instant)>,
}

impl Handler<Started> for NoOp {
    async fn run(self, context: &Started, _: &Run) -> Result<Outcome, callboard_queue::Failure> {
        let _ = context.sender.send((self.number, Instant::now())).await;
        Ok(Outcome::Completed)
    }
}

pub(crate) fn registry() -> Registry<Started> {
    Registry::new().register::<NoOp>()
}

/// A fresh, migrated database and an empty Redis prefix; gone when it ends.
pub(crate) struct Stage {
    admin: PgConnectOptions,
    name: String,
    pub(crate) pool: PgPool,
    pub(crate) queue: Queue,
    redis: MultiplexedConnection,
    prefix: String,
}

impl Stage {
    pub(crate) async fn set(database_url: &str, redis_url: &str) -> Result<Self, Error> {
        let admin: PgConnectOptions = database_url.parse()?;
        let name = format!("callboard_bench_{}", Uuid::now_v7().simple());
        let mut connection = admin.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(20)
            .connect_with(admin.clone().database(&name).disable_statement_logging())
            .await?;
        sqlx::migrate!("../migrations").run(&pool).await?;
        // Real metrics, as a worker has them.
        let metrics = Metrics::new(Arc::new(PrometheusBuilder::new().build_recorder()));
        let queue = Queue::connect(pool.clone(), redis_url, &name, metrics)?;
        callboard_queue::internals::ensure_partitions(&pool, NoOp::RETENTION.completed_days).await?;
        let redis = redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?;
        Ok(Self { admin, prefix: name.clone(), name, pool, queue, redis })
    }

    /// Enqueues `count` jobs, a thousand a statement; returns how long it took.
    pub(crate) async fn enqueue(&self, count: u64) -> Result<Duration, Error> {
        let started = Instant::now();
        let numbers: Vec<u64> = (0..count).collect();
        for chunk in numbers.chunks(1_000) {
            let jobs: Vec<NoOp> = chunk.iter().map(|number| NoOp::new(*number)).collect();
            let mut transaction = self.queue.begin().await?;
            transaction.enqueue_many(&jobs).await?;
            transaction.commit().await?;
        }
        Ok(started.elapsed())
    }

    pub(crate) async fn left(&self) -> Result<i64, Error> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM queue_jobs").fetch_one(&self.pool).await?)
    }

    /// Lets PostgreSQL settle between rounds, so that one doesn't pay for the other.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        for statement in ["VACUUM ANALYZE queue_jobs", "CHECKPOINT"] {
            sqlx::raw_sql(statement).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Commands that Redis has processed.
    pub(crate) async fn redis_commands(&self) -> Result<i64, Error> {
        Ok(self.redis_info("total_commands_processed").await?.parse()?)
    }

    /// One line of Redis' `INFO`.
    pub(crate) async fn redis_info(&self, name: &str) -> Result<String, Error> {
        let info: String = redis::cmd("INFO").query_async(&mut self.redis.clone()).await?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.ok_or_else(|| format!("redis tells no {name}"))?.trim().to_owned())
    }

    pub(crate) async fn strike(self) -> Result<(), Error> {
        self.pool.close().await;
        let mut connection = self.admin.connect().await?;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
        connection.close().await?;
        let mut redis = self.redis;
        for priority in callboard_queue::Priority::ALL {
            let key = format!("{{{}}}:ready:{}:{priority}", self.prefix, NoOp::QUEUE);
            let () = redis::cmd("DEL").arg(key).query_async(&mut redis).await?;
        }
        Ok(())
    }
}
