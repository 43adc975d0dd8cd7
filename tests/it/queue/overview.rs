//! What operators see of queues and workers, whatever is in the ledger: in bounded looks.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Error, Metrics, Queue, UnknownKind};
use callboard_tests::{
    jobs::{Capped, NoOp},
    proxy::PostgresProxy,
    queue::TestQueue,
    wait::{SOON, wait_until},
};
use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

async fn execute(queue: &TestQueue, statement: &'static str) {
    sqlx::query(statement).execute(queue.pool()).await.unwrap();
}

/// A worker that gave its last sign of life then.
async fn worker(queue: &TestQueue, serves: &str, kinds: &[&str], beat: TimeDelta) {
    sqlx::query(
        "INSERT INTO queue_workers (id, name, version, queues, kinds, slots, beat_at)
         VALUES (gen_random_uuid(), $1, '1', ARRAY[$1], $2, 1, clock_timestamp() - make_interval(secs => $3))",
    )
    .bind(serves)
    .bind(kinds)
    .bind(beat.as_seconds_f64())
    .execute(queue.pool())
    .await
    .unwrap();
}

/// So many jobs of a kind, made now.
async fn jobs(queue: &TestQueue, count: i32, kind: &str, version: i16, of: &str, blocked_by: Option<&str>) {
    sqlx::query(
        "INSERT INTO queue_jobs (id, kind, payload_version, queue, priority, state, blocked_by, payload, max_attempts,
                                 run_at, timeout_ms)
         SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7000'
                 || substr(gen_random_uuid()::text, 20, 4) || substr(gen_random_uuid()::text, 25))::uuid,
                $2, $3, $4, 1, CASE WHEN $5 IS NULL THEN 'queued' ELSE 'blocked' END, $5, '{}', 1, now(), 1000
         FROM generate_series(1, $1)",
    )
    .bind(count)
    .bind(kind)
    .bind(version)
    .bind(of)
    .bind(blocked_by)
    .execute(queue.pool())
    .await
    .unwrap();
}

async fn names(queue: &TestQueue) -> Vec<String> {
    queue.queue().queues().await.unwrap().into_iter().map(|queue| queue.name).collect()
}

#[tokio::test]
async fn kinds_are_unknown_by_queue_and_version_however_many_jobs_came_later() {
    let queue = TestQueue::new().await;
    worker(&queue, "mail", &["a.b", "e.f", "e.f#2"], TimeDelta::zero()).await;
    worker(&queue, "other", &["c.d"], TimeDelta::zero()).await;
    worker(&queue, "mail", &["c.d"], TimeDelta::minutes(1)).await;
    jobs(&queue, 1, "met.by_a_worker", 1, "mail", Some("kind")).await;
    jobs(&queue, 2, "met.by_a_worker", 3, "mail", Some("kind")).await;
    jobs(&queue, 1, "e.f", 2, "mail", Some("kind")).await;
    jobs(&queue, 10_001, "a.b", 1, "mail", None).await;
    for (kind, version, of) in
        [("c.d", 1, "mail"), ("c.d", 1, "other"), ("a.b", 2, "mail"), ("e.f", 2, "mail"), ("x.y", 1, "nobodys")]
    {
        jobs(&queue, 1, kind, version, of, None).await;
    }
    let unknown = queue.queue().unknown_kinds().await.unwrap();
    let of_mail = |kind: &str, version| UnknownKind { kind: kind.to_owned(), version, queue: "mail".to_owned() };
    let met = |version| of_mail("met.by_a_worker", version);
    assert_eq!(unknown, [of_mail("a.b", 2), of_mail("c.d", 1), met(1), met(3)]);
    queue.leaves_jobs("they were made by hand");
}

#[tokio::test]
async fn a_queue_whose_jobs_are_all_scheduled_or_blocked_is_there() {
    let queue = TestQueue::new().await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::days(30)), ..EnqueueOptions::default() };
    let scheduled = queue.enqueue_with(&Capped {}, later).await;
    let parent = queue.enqueue(&NoOp::default()).await;
    for (of, blocked_by) in [("of-kinds", "kind"), ("of-limits", "limit"), ("of-parents", "parents")] {
        jobs(&queue, 1, "a.b", 1, of, Some(blocked_by)).await;
    }
    let all = ["capped", "default", "of-kinds", "of-limits", "of-parents"];
    assert_eq!(names(&queue).await, all);
    for name in all {
        assert!(queue.queue().has_jobs(name).await.unwrap(), "{name}");
    }
    for id in [scheduled, parent] {
        queue.queue().cancel(id).await.unwrap();
    }
    assert_eq!(names(&queue).await, all[2..]);
    assert!(!queue.queue().has_jobs("default").await.unwrap());
    queue.leaves_jobs("they were made by hand");
}

#[tokio::test]
async fn blocked_jobs_of_all_sorts_are_counted_up_to_10_000() {
    let queue = TestQueue::new().await;
    jobs(&queue, 5_000, "a.b", 1, "mail", Some("limit")).await;
    jobs(&queue, 4_000, "a.b", 1, "mail", Some("parents")).await;
    jobs(&queue, 10, "a.b", 1, "mail", Some("kind")).await;
    assert_eq!(queue.queue().counts().await.unwrap().blocked, 9_010);
    jobs(&queue, 3_000, "a.b", 1, "mail", Some("kind")).await;
    assert_eq!(queue.queue().counts().await.unwrap().blocked, 10_000);
    queue.leaves_jobs("they were made by hand");
}

/// Whether or not a janitor has been there since.
#[tokio::test]
async fn what_was_an_hour_ago_or_is_over_is_not_listed() {
    let queue = TestQueue::new().await;
    worker(&queue, "old", &[], TimeDelta::minutes(61)).await;
    worker(&queue, "lately", &[], TimeDelta::minutes(59)).await;
    let workers = queue.queue().workers().await.unwrap();
    assert_eq!(workers.iter().map(|worker| (&*worker.name, worker.alive)).collect::<Vec<_>>(), [("lately", false)]);
    queue.queue().pause("reports", None).await.unwrap();
    assert_eq!(names(&queue).await, ["lately", "reports"]);
    assert!(queue.queue().resume("reports").await.unwrap());
    assert_eq!(names(&queue).await, ["lately"]);
    // As an earlier version left it.
    execute(&queue, "INSERT INTO queue_queues (name) VALUES ('once')").await;
    assert_eq!(names(&queue).await, ["lately"]);
    assert!(!queue.queue().resume("once").await.unwrap());
    assert!(queue.queue().pause("once", Some("ada")).await.unwrap());
    let once = queue.queue().queue("once").await.unwrap();
    assert_eq!((once.paused_by.as_deref(), once.workers), (Some("ada"), 0));
}

#[tokio::test]
async fn no_look_waits_for_ever_for_a_postgresql_that_fell_silent() {
    let queue = TestQueue::new().await;
    let way = PostgresProxy::to(queue.database().options()).await;
    let pool = PgPoolOptions::new().max_connections(8).test_before_acquire(false).connect_lazy_with(way.options());
    let behind = Queue::connect(pool.clone(), "redis://127.0.0.1:1", "test", Metrics::noop()).unwrap();
    let open = join_all((0..8).map(|_| pool.acquire())).await;
    drop(open);
    wait_until(SOON, "all are idle", || async { pool.num_idle() == 8 }).await;
    way.hang();
    let ended = |answer: Result<(), Error>| assert!(matches!(answer, Err(Error::Ledger(_))), "{answer:?}");
    let looks = async {
        let (job, workers, queues, one, pause, resume, unaccounted, unknown) = tokio::join!(
            behind.job(Uuid::nil()),
            behind.workers(),
            behind.queues(),
            behind.queue("mail"),
            behind.pause("mail", None),
            behind.resume("mail"),
            behind.unaccounted(),
            behind.unknown_kinds(),
        );
        for answer in [
            job.map(drop),
            workers.map(drop),
            queues.map(drop),
            one.map(drop),
            pause.map(drop),
            resume.map(drop),
            unaccounted.map(drop),
            unknown.map(drop),
        ] {
            ended(answer);
        }
    };
    tokio::time::timeout(Duration::from_secs(15), Box::pin(looks)).await.expect("all have ended after 10 s");
}
