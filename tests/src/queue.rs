//! A queue for each test: its own database, its own Redis prefix, its own metrics.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use callboard_queue::{
    EnqueueOptions, Job, JobView, Metrics, Priority, Queue,
    keys::{Element, List, Prefix},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use redis::{
    AsyncCommands,
    aio::{MultiplexedConnection, PubSubStream},
};
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use crate::{
    database::{TestDatabase, blocking},
    logs::Logs,
    services::Services,
    stage::Stage,
    wait::{SOON, wait_for, wait_until},
};

/// A queue that no other test uses. Dropping it checks that no job is left.
#[derive(Debug)]
pub struct TestQueue {
    queue: Queue,
    stage: Stage,
    metrics: Metrics,
    recorded: PrometheusHandle,
    prefix: String,
    redis_url: String,
    leaves_jobs: AtomicBool,
    // Dropped last, in this order: the log is shown after everything else.
    database: TestDatabase,
    logs: Logs,
}

impl TestQueue {
    /// A queue on the servers of `DATABASE_URL` and `REDIS_URL`.
    pub async fn new() -> Self {
        Self::with(TestDatabase::new().await, crate::environment("REDIS_URL")).await
    }

    /// A queue on servers of its own.
    pub async fn on(services: &Services) -> Self {
        Self::with(TestDatabase::on(services.database_url()).await, services.redis_url().to_owned()).await
    }

    async fn with(database: TestDatabase, redis_url: String) -> Self {
        let logs = Logs::keep();
        let prometheus = PrometheusBuilder::new().build_recorder();
        let recorded = prometheus.handle();
        let metrics = Metrics::new(Arc::new(prometheus));
        let prefix = format!("test-{}", Uuid::now_v7());
        let queue = Queue::connect(database.pool().clone(), &redis_url, &prefix, metrics.clone()).expect("a queue");
        // A first push that connects may take longer than a commit waits for it.
        queue.ping_redis().await.expect("Redis");
        let stage = Stage::default();
        let leaves_jobs = AtomicBool::new(false);
        Self { queue, stage, metrics, recorded, prefix, redis_url, leaves_jobs, database, logs }
    }

    /// The handle that an application would have.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Another handle to the same queue, with connections of its own: as
    /// another process would have it.
    #[must_use]
    pub fn another_handle(&self) -> Queue {
        self.handle_over(self.database.options())
    }

    /// As [`another_handle`](Self::another_handle), over another way to PostgreSQL.
    #[must_use]
    pub fn handle_over(&self, options: PgConnectOptions) -> Queue {
        let pool = PgPoolOptions::new().max_connections(10).connect_lazy_with(options);
        Queue::connect(pool, &self.redis_url, &self.prefix, self.metrics.clone()).expect("a queue")
    }

    /// Another handle whose callers wait a second for a connection, and no longer.
    #[must_use]
    pub fn impatient_handle(&self) -> Queue {
        let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(1));
        let pool = pool.connect_lazy_with(self.database.options());
        Queue::connect(pool, &self.redis_url, &self.prefix, self.metrics.clone()).expect("a queue")
    }

    /// What the handlers share with the test.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Connections to the database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// What has been logged.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Says why this test ends with jobs in the queue.
    pub fn leaves_jobs(&self, _why: &'static str) {
        self.leaves_jobs.store(true, Ordering::Relaxed);
    }

    /// Enqueues a job in a transaction of its own.
    pub async fn enqueue<J: Job>(&self, job: &J) -> Uuid {
        self.enqueue_with(job, EnqueueOptions::default()).await
    }

    /// Enqueues a job in a transaction of its own, with deviations.
    pub async fn enqueue_with<J: Job>(&self, job: &J, options: EnqueueOptions) -> Uuid {
        let mut transaction = self.queue.begin().await.expect("a transaction");
        let enqueued = transaction.enqueue_with(job, options).await.expect("an enqueue");
        transaction.commit().await.expect("a commit");
        enqueued.id
    }

    /// Enqueues jobs in one transaction.
    pub async fn enqueue_many<J: Job>(&self, jobs: &[J]) -> Vec<Uuid> {
        let mut transaction = self.queue.begin().await.expect("a transaction");
        let enqueued = transaction.enqueue_many(jobs).await.expect("an enqueue");
        transaction.commit().await.expect("a commit");
        enqueued.into_iter().map(|enqueued| enqueued.id).collect()
    }

    /// The job as people see it.
    pub async fn job(&self, id: Uuid) -> JobView {
        self.queue.job(id).await.expect("the ledger").unwrap_or_else(|| panic!("no job {id}"))
    }

    /// Waits until the job is in `state`.
    pub async fn job_in_state(&self, id: Uuid, state: &str, within: Duration) -> JobView {
        let what = format!("job {id} is {state}");
        let look = || async { Some(self.job(id).await).filter(|job| job.state == state) };
        wait_for(within, what, look).await.0
    }

    /// Waits until the job has completed.
    pub async fn completed(&self, id: Uuid) -> JobView {
        self.job_in_state(id, "completed", SOON).await
    }

    /// Waits until all jobs have ended in `state`, and nothing else is in the
    /// queue; tells how long it took.
    pub async fn all_ended(&self, jobs: usize, state: &str, within: Duration) -> Duration {
        let what = format!("{jobs} jobs are {state} and no other is left");
        let expected = i64::try_from(jobs).expect("a count");
        wait_until(within, what, || async {
            self.live().await == 0
                && self.count("SELECT count(*) FROM queue_history WHERE state = $1", state).await == expected
        })
        .await
    }

    /// Jobs that are still to end.
    pub async fn live(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM queue_jobs").fetch_one(self.pool()).await.expect("the ledger")
    }

    async fn count(&self, statement: &'static str, parameter: &str) -> i64 {
        sqlx::query_scalar(statement).bind(parameter).fetch_one(self.pool()).await.expect("the ledger")
    }

    /// Makes scheduled jobs due: the tests' way of waiting for hours.
    pub async fn make_due(&self, ids: &[Uuid]) {
        self.execute_on(
            "UPDATE queue_jobs SET run_at = clock_timestamp() WHERE id = ANY($1) AND state = 'scheduled'",
            ids,
        )
        .await;
    }

    /// Takes jobs out of the queue by hand.
    pub async fn delete(&self, ids: &[Uuid]) {
        self.execute_on("DELETE FROM queue_jobs WHERE id = ANY($1)", ids).await;
    }

    /// Executes a statement whose one parameter is job ids.
    pub async fn execute_on(&self, statement: &'static str, ids: &[Uuid]) {
        sqlx::query(statement).bind(ids).execute(self.pool()).await.expect("the ledger");
    }

    /// Makes the table that `Effect` jobs write to.
    pub async fn make_effects(&self) {
        sqlx::query("CREATE TABLE effects (job uuid NOT NULL, attempt smallint NOT NULL)")
            .execute(self.pool())
            .await
            .expect("a table");
    }

    /// The jobs that have committed an effect, one entry an effect.
    pub async fn effects(&self) -> Vec<Uuid> {
        sqlx::query_scalar("SELECT job FROM effects").fetch_all(self.pool()).await.expect("the effects")
    }

    /// The value of a metric's series as Prometheus shows it, such as
    /// `job_outcomes_total{kind="test.no_op",outcome="completed"}`; 0 if there is none.
    #[must_use]
    pub fn metric(&self, series: &str) -> f64 {
        let rendered = self.rendered_metrics();
        let value = rendered.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    /// All metrics as Prometheus shows them.
    #[must_use]
    pub fn rendered_metrics(&self) -> String {
        self.recorded.render()
    }

    /// A connection to Redis, to do harm with.
    pub async fn redis(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis_url.as_str()).expect("the URL of Redis");
        client.get_multiplexed_async_connection().await.expect("Redis")
    }

    /// What is published on one of the queue's channels from now on.
    pub async fn subscribe(&self, channel: &str) -> PubSubStream {
        let client = redis::Client::open(self.redis_url.as_str()).expect("the URL of Redis");
        let mut subscription = client.get_async_pubsub().await.expect("Redis");
        subscription.subscribe(format!("{{{}}}:{channel}", self.prefix)).await.expect("a subscription");
        subscription.into_on_message()
    }

    /// Publishes something on one of the queue's channels, as anybody could.
    pub async fn publish(&self, channel: &str, message: &str) {
        let _: i64 =
            self.redis().await.publish(format!("{{{}}}:{channel}", self.prefix), message).await.expect("a publication");
    }

    /// Where a process of its own finds this queue: the database, Redis, the prefix.
    #[must_use]
    pub fn whereabouts(&self) -> (String, String, String) {
        (self.database.url().to_owned(), self.redis_url.clone(), self.prefix.clone())
    }

    /// The key of a ready list.
    #[must_use]
    pub fn key(&self, queue: &str, priority: Priority) -> String {
        List::new(queue, priority).key(&Prefix::parse(&self.prefix).expect("a prefix"))
    }

    /// The jobs on a ready list, the next one first.
    pub async fn ready(&self, queue: &str, priority: Priority) -> Vec<Uuid> {
        let elements: Vec<Vec<u8>> = self.redis().await.lrange(self.key(queue, priority), 0, -1).await.expect("a list");
        elements.iter().map(|bytes| Element::decode(bytes).expect("our element").id).collect()
    }

    /// Puts jobs on a ready list, as if they were queued now.
    pub async fn push(&self, queue: &str, priority: Priority, ids: &[Uuid]) {
        let elements: Vec<Vec<u8>> =
            ids.iter().map(|id| Element::new(chrono::Utc::now(), *id).encode().to_vec()).collect();
        let _: i64 = self.redis().await.rpush(self.key(queue, priority), elements).await.expect("a push");
    }

    /// Removes this queue's keys, as `FLUSHALL` would: Redis is shared by all tests.
    pub async fn wipe_redis(&self) {
        let keys =
            ["default", "capped"].into_iter().flat_map(|queue| Priority::ALL.map(|priority| self.key(queue, priority)));
        let _: i64 = self.redis().await.del(keys.collect::<Vec<_>>()).await.expect("a wipe");
    }
}

impl Drop for TestQueue {
    fn drop(&mut self) {
        let options = self.database.url().to_owned();
        let (redis_url, pattern) = (self.redis_url.clone(), format!("{{{}}}:*", self.prefix));
        let left = blocking(async move {
            // A fault test that fails may have left a server down.
            let _ = remove_keys(&redis_url, &pattern).await;
            jobs_left(&options).await
        });
        let unexplained = !self.leaves_jobs.load(Ordering::Relaxed);
        match left {
            Ok(left) if std::thread::panicking() => {
                for job in left.iter().take(20) {
                    let _ = writeln!(io::stderr(), "left in the queue: {job}");
                }
            }
            Ok(left) if unexplained => assert!(left.is_empty(), "the test left jobs and did not say why: {left:#?}"),
            _ => {}
        }
    }
}

async fn jobs_left(url: &str) -> sqlx::Result<Vec<String>> {
    let mut connection = PgConnection::connect(url).await?;
    let left = sqlx::query_scalar("SELECT to_jsonb(job) #>> '{}' FROM queue_jobs AS job ORDER BY id")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(left)
}

async fn remove_keys(url: &str, pattern: &str) -> redis::RedisResult<()> {
    let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await?;
    if !keys.is_empty() {
        let _: i64 = redis.del(keys).await?;
    }
    Ok(())
}
