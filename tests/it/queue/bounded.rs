//! However much waits: duties, gauges and people's questions go by an index, and
//! never through the whole table.

use callboard_queue::{JobFilter, JobState, Priority, keys::Element};
use callboard_tests::{
    jobs::registry,
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};
use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use sqlx::PgPool;
use uuid::Uuid;

/// Of each sort: queued, scheduled, and blocked for each of the three reasons.
const WAITING: i64 = 40_000;
/// Looks of the auditor; the other duties have had their rounds by then.
const LOOKS: usize = 3;

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

/// How many rows of the large tables were read without an index.
async fn read_without_an_index(pool: &PgPool) -> i64 {
    let read = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
                WHERE relname IN ('queue_jobs', 'queue_dependencies')";
    sqlx::query_scalar(read).fetch_one(pool).await.unwrap()
}

/// Loses a job of a list, and the list, and waits until the auditor has found it.
async fn one_look(queue: &TestQueue) {
    let _: i64 = queue.redis().await.del(queue.key("default", Priority::High)).await.unwrap();
    let before = queue.metric("jobs_repushed_total");
    let lose = "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms)
                VALUES (gen_random_uuid(), 'test.no_op', 'default', 0, 'queued', '{}', 10, now(), 1000)";
    sqlx::query(lose).execute(queue.pool()).await.unwrap();
    wait_until(2 * SOON, "the auditor finds it", || async { queue.metric("jobs_repushed_total") > before }).await;
}

/// All that duties do in some rounds, and all that people ask; on connections
/// that are closed at the end, as PostgreSQL's counts are complete only then.
async fn look_around(queue: &TestQueue) {
    let worker = TestWorker::start_with(queue, registry(), settings("looking")).await;
    for _ in 0..LOOKS {
        one_look(queue).await;
    }
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
    all_others_have_ended(queue).await;
}

async fn all_others_have_ended(queue: &TestQueue) {
    wait_until(SOON, "the other connections have ended", || async {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        let open: i64 = sqlx::query_scalar(others).fetch_one(queue.pool()).await.unwrap();
        open <= i64::from(queue.pool().size() + queue.queue().pool().size())
    })
    .await;
}

/// Whatever PostgreSQL believes of how the owner's jobs lie among those of others.
#[tokio::test]
async fn an_owners_jobs_are_read_past_nobody_elses() {
    let queue = TestQueue::new().await;
    let fill =
        "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms, owner)
                SELECT overlay(lpad(to_hex(n), 12, '0') || '7000' || lpad('8', 16, '8') PLACING '' FROM 33)::uuid,
                       'test.no_op', 'default', 1, 'queued', '{}', 1, now(), 1000,
                       CASE WHEN n <= 5000 THEN 'ada' WHEN n % 2 = 0 THEN 'eve' END
                FROM generate_series(1, 60000) AS n";
    sqlx::query(fill).execute(queue.pool()).await.unwrap();
    for situation in ["without statistics", "with statistics"] {
        let read = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'queue_jobs'";
        let read = || async { sqlx::query_scalar::<_, i64>(read).fetch_one(queue.pool()).await.unwrap() };
        let before = read().await;
        let asking = queue.another_handle();
        let filter = JobFilter { owner: Some("ada".to_owned()), ..JobFilter::default() };
        let first = asking.jobs(&filter, None, 10).await.unwrap();
        let second = asking.jobs(&filter, first.next, 10).await.unwrap();
        assert!(first.jobs.iter().chain(&second.jobs).all(|job| job.owner.as_deref() == Some("ada")));
        assert_eq!((first.jobs.len(), second.jobs.len()), (10, 10));
        asking.pool().close().await;
        all_others_have_ended(&queue).await;
        let read = read().await - before;
        assert!((20..20_000).contains(&read), "{situation}: {read} entries of indexes");
        sqlx::query("ANALYZE queue_jobs").execute(queue.pool()).await.unwrap();
    }
    sqlx::query("TRUNCATE queue_jobs").execute(queue.pool()).await.unwrap();
}

#[tokio::test]
async fn duties_and_questions_go_by_an_index_however_much_waits() {
    let queue = TestQueue::new().await;
    queue.queue().pause("default", None).await.unwrap();
    pile_up(&queue).await;
    for situation in ["without statistics", "with statistics"] {
        let before = read_without_an_index(queue.pool()).await;
        look_around(&queue).await;
        assert_eq!(read_without_an_index(queue.pool()).await - before, 0, "{situation}");
        sqlx::query("ANALYZE queue_jobs").execute(queue.pool()).await.unwrap();
    }
    sqlx::query("TRUNCATE queue_jobs, queue_dependencies").execute(queue.pool()).await.unwrap();
}
