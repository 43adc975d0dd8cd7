//! What every measurement needs: a database of its own, and jobs in it.

use std::{sync::Arc, time::Duration};

use callboard_queue::{
    Job, Metrics, Priority, Queue,
    keys::{List, Prefix},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use redis::aio::MultiplexedConnection;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::jobs::NoOp;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The enqueuers of the busiest row, and some more.
const CONNECTIONS: u32 = 40;

/// A fresh, migrated database and an empty Redis prefix; gone when it ends.
pub(crate) struct Stage {
    admin: PgConnectOptions,
    name: String,
    redis_url: String,
    pub(crate) pool: PgPool,
    pub(crate) queue: Queue,
    pub(crate) redis: MultiplexedConnection,
}

impl Stage {
    pub(crate) async fn set(database_url: &str, redis_url: &str) -> Result<Self, Error> {
        let admin: PgConnectOptions = database_url.parse()?;
        let name = format!("callboard_bench_{}", Uuid::now_v7().simple());
        let mut connection = admin.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let pool = pool_to(admin.clone().database(&name).disable_statement_logging());
        sqlx::migrate!("../migrations").run(&pool).await?;
        callboard_queue::internals::ensure_partitions(&pool, NoOp::RETENTION.completed_days).await?;
        let queue = Queue::connect(pool.clone(), redis_url, &name, metrics())?;
        let redis = redis::Client::open(redis_url)?.get_multiplexed_async_connection().await?;
        Ok(Self { admin, name, redis_url: redis_url.to_owned(), pool, queue, redis })
    }

    /// The queue as another process would have it: connections and metrics of its own.
    pub(crate) fn process(&self) -> Result<Queue, Error> {
        let pool = pool_to(self.options());
        Ok(Queue::connect(pool, &self.redis_url, &self.name, metrics())?)
    }

    /// How to connect to the database.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.pool.connect_options().as_ref().clone()
    }

    /// The key of the ready list of this priority.
    pub(crate) fn list(&self, priority: Priority) -> Result<String, Error> {
        Ok(List::new(NoOp::QUEUE, priority).key(&Prefix::parse(&self.name)?))
    }

    /// Enqueues `count` no-op jobs, a thousand a statement; returns how long it took.
    pub(crate) async fn enqueue(&self, count: u64) -> Result<Duration, Error> {
        self.enqueue_many(count, NoOp::new).await
    }

    /// The same with other jobs, made of their numbers.
    pub(crate) async fn enqueue_many<J: Job>(&self, count: u64, job: fn(u64) -> J) -> Result<Duration, Error> {
        let started = Instant::now();
        let numbers: Vec<u64> = (0..count).collect();
        for chunk in numbers.chunks(1_000) {
            let jobs: Vec<J> = chunk.iter().map(|number| job(*number)).collect();
            let mut transaction = self.queue.begin().await?;
            transaction.enqueue_many(&jobs).await?;
            transaction.commit().await?;
        }
        Ok(started.elapsed())
    }

    /// Jobs that have not ended.
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

    /// One line of Redis' `INFO`.
    pub(crate) async fn redis_info(&self, name: &str) -> Result<String, Error> {
        let info: String = redis::cmd("INFO").query_async(&mut self.redis.clone()).await?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.ok_or_else(|| format!("redis tells no {name}"))?.trim().to_owned())
    }

    pub(crate) async fn strike(self) -> Result<(), Error> {
        let lists = Priority::ALL.map(|priority| self.list(priority));
        self.pool.close().await;
        let mut connection = self.admin.connect().await?;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
        connection.close().await?;
        let mut redis = self.redis;
        for list in lists {
            let () = redis::cmd("DEL").arg(list?).query_async(&mut redis).await?;
        }
        Ok(())
    }
}

/// A pool that, as the API's, doesn't ask whether a connection lives that was
/// just used.
fn pool_to(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_lazy_with(options)
}

/// Real metrics, as a worker has them.
fn metrics() -> Metrics {
    Metrics::new(Arc::new(PrometheusBuilder::new().build_recorder()))
}
