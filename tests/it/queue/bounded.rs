//! Whatever waits: duties, gauges and people's questions read a batch, or what
//! runs, and never the backlog.

use std::time::Duration;

use callboard_queue::{JobFilter, JobState, Priority, keys::Element};
use callboard_tests::{
    queue::TestQueue,
    worker::{TestWorker, settings},
};
use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use sqlx::PgPool;
use uuid::Uuid;

/// Of each sort: queued, scheduled, and blocked for each of the three reasons.
const WAITING: i64 = 40_000;
/// Time for three rounds of every duty, and one of the look for unserved lists.
const ROUNDS: Duration = Duration::from_secs(7);
/// Within this time a connection that ends has told what it read.
const COUNTED: Duration = Duration::from_millis(500);

/// Fills the ledger with jobs that wait for something, and the ready list with those that wait for a worker.
async fn pile_up(queue: &TestQueue) {
    let filling = queue.another_handle();
    let fill = "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms,
                                        blocked_by, limit_key, limit_concurrency, on_parent_failure)
                SELECT gen_random_uuid(), CASE WHEN sort = 'kind' THEN 'test.nobodys' ELSE 'test.no_op' END,
                       'default', 1, CASE WHEN sort IN ('limit', 'parents', 'kind') THEN 'blocked' ELSE sort END,
                       '{}', 10, now() + CASE WHEN sort = 'scheduled' THEN interval '1 day' ELSE '0' END, 1000,
                       CASE WHEN sort IN ('limit', 'parents', 'kind') THEN sort END,
                       CASE WHEN sort = 'limit' THEN 'key ' || number % 1000 END,
                       CASE WHEN sort = 'limit' THEN 1 END,
                       CASE WHEN sort = 'parents' THEN 'cancel' END
                FROM generate_series(1, $1) AS number,
                     unnest('{queued,scheduled,limit,parents,kind}'::text[]) AS sort";
    sqlx::query(fill).bind(WAITING).execute(filling.pool()).await.unwrap();
    let depend = "INSERT INTO queue_dependencies (child_id, parent_id)
                  SELECT id, (SELECT id FROM queue_jobs WHERE state = 'scheduled' LIMIT 1)
                  FROM queue_jobs WHERE blocked_by = 'parents'";
    sqlx::query(depend).execute(filling.pool()).await.unwrap();
    let queued: Vec<(DateTime<Utc>, Uuid)> =
        sqlx::query_as("SELECT queued_at, id FROM queue_jobs WHERE state = 'queued'")
            .fetch_all(filling.pool())
            .await
            .unwrap();
    filling.pool().close().await;
    let key = queue.key("default", Priority::Default);
    let mut redis = queue.redis().await;
    for some in queued.chunks(5_000) {
        let elements: Vec<Vec<u8>> = some.iter().map(|(at, id)| Element::new(*at, *id).encode().to_vec()).collect();
        let _: i64 = redis.rpush(&key, elements).await.unwrap();
    }
}

/// What has been read of the queue's tables: rows in sequential scans of the
/// large ones, and entries of their indexes.
async fn read_so_far(pool: &PgPool) -> (i64, i64) {
    let read = "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables
                        WHERE relname IN ('queue_jobs', 'queue_dependencies'))::bigint,
                       (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
                        WHERE relname IN ('queue_jobs', 'queue_dependencies'))::bigint";
    sqlx::query_as(read).fetch_one(pool).await.unwrap()
}

/// All that duties do in some rounds, and all that people ask; on connections
/// that are closed at the end, as PostgreSQL's counts are complete only then.
async fn look_around(queue: &TestQueue) {
    let worker = TestWorker::start_with(queue, callboard_tests::jobs::registry(), settings("looking")).await;
    tokio::time::sleep(ROUNDS).await;
    worker.drain().await.unwrap();

    let asking = queue.another_handle();
    asking.sample_depths().await;
    asking.queues().await.unwrap();
    for state in [JobState::Queued, JobState::Scheduled, JobState::Blocked] {
        let filter = JobFilter { states: vec![state], ..JobFilter::default() };
        let page = asking.jobs(&filter, None, 20).await.unwrap();
        for job in page.jobs.iter().take(3) {
            asking.why(job.id).await.unwrap();
        }
    }
    asking.pool().close().await;
    tokio::time::sleep(COUNTED).await;
}

#[tokio::test]
async fn neither_duties_nor_questions_read_the_backlog() {
    let queue = TestQueue::new().await;
    queue.queue().pause("default", None).await.unwrap();
    pile_up(&queue).await;
    for situation in ["without statistics", "with statistics"] {
        let (rows, entries) = read_so_far(queue.pool()).await;
        look_around(&queue).await;
        let (rows_after, entries_after) = read_so_far(queue.pool()).await;
        println!("{situation}: {} rows, {} entries", rows_after - rows, entries_after - entries);
        assert_eq!(rows_after - rows, 0, "{situation}: rows in sequential scans");
        sqlx::query("ANALYZE queue_jobs").execute(queue.pool()).await.unwrap();
    }
    sqlx::query("TRUNCATE queue_jobs, queue_dependencies").execute(queue.pool()).await.unwrap();
}
