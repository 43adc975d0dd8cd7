//! Redis is down, comes back empty, or is full.

use std::time::{Duration, Instant};

use callboard_queue::Priority;
use callboard_tests::{
    jobs::{Gated, NoOp, registry},
    load::Account,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};

use super::hampered::Hampered;

/// Enqueues `jobs` one by one; no commit waits for Redis for long.
async fn enqueue_promptly(queue: &TestQueue, jobs: usize) {
    for _ in 0..jobs {
        let mut transaction = queue.queue().begin().await.unwrap();
        transaction.enqueue(&NoOp::default()).await.unwrap();
        let asked = Instant::now();
        transaction.commit().await.unwrap();
        assert!(asked.elapsed() <= Duration::from_millis(500), "a commit took {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn with_redis_down_enqueues_go_on_and_all_jobs_run_once_it_is_back() {
    let services = Services::start().await;
    let hampered = Hampered::on(&services).await;
    services.kill_redis().await;
    hampered.outlast(Duration::from_secs(30), "lost redis").await;
    assert!(hampered.queue.queue().ping_redis().await.is_err());
    assert!(hampered.queue.metric("queue_redis_errors_total") > 10.0, "reconnects have failed");
    services.start_redis().await;
    hampered.recover(10).await;
}

#[tokio::test]
async fn with_redis_flushed_under_busy_workers_10_000_queued_jobs_all_run() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    queue.make_effects().await;
    let first = TestWorker::start(&queue).await;
    let second = TestWorker::start_with(&queue, registry(), settings("second")).await;
    let mut jobs = queue.enqueue_many(&vec![Gated::default(); 100]).await;
    queue.stage().begun(100, SOON).await;
    // All slots are taken, so these wait on the list.
    for _ in 0..20 {
        jobs.extend(queue.enqueue_many(&vec![NoOp::default(); 500]).await);
    }
    let on_the_list = async || queue.ready("default", Priority::Default).await.len();
    wait_until(SOON, "they are on the list", || async { on_the_list().await == 10_000 }).await;

    services.tell_redis("FLUSHALL").await;
    let flushed = Instant::now();
    assert_eq!(on_the_list().await, 0);
    queue.stage().open_for_all();
    queue.stage().begun(101, SOON).await;
    let first_ran = flushed.elapsed();
    assert!(first_ran <= Duration::from_secs(5), "the first ran {first_ran:?} later");
    queue.emptied(2 * SOON).await;
    println!("the first ran {first_ran:?}, all had ended {:?} after the flush", flushed.elapsed());
    queue.nothing_is_lost_or_doubled(&jobs, &Account::default()).await;
    assert_eq!(queue.stage().runs().len(), 10_100, "each once");
    first.drain().await.unwrap();
    second.drain().await.unwrap();
}

#[tokio::test]
async fn a_worker_starts_and_stops_while_redis_is_down() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    services.kill_redis().await;
    enqueue_promptly(&queue, 20).await;
    let stopped = TestWorker::start(&queue).await;
    let asked = Instant::now();
    stopped.drain().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let worker = TestWorker::start(&queue).await;
    services.start_redis().await;
    queue.all_ended(20, "completed", 2 * SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn with_redis_full_enqueues_commit_and_all_jobs_run_later() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let worker = TestWorker::start(&queue).await;
    let limit = |bytes: &'static str| {
        let queue = &queue;
        async move {
            let mut redis = queue.redis().await;
            let mut command = redis::cmd("CONFIG");
            let _: String = command.arg("SET").arg("maxmemory").arg(bytes).query_async(&mut redis).await.unwrap();
        }
    };
    limit("1").await;
    enqueue_promptly(&queue, 200).await;
    wait_until(SOON, "redis refuses pushes", || async { queue.metric("queue_redis_errors_total") > 1.0 }).await;
    assert_eq!(queue.live().await, 200);
    limit("0").await;
    let freed = Instant::now();
    queue.all_ended(200, "completed", 2 * SOON).await;
    assert!(freed.elapsed() < Duration::from_secs(10), "{:?}", freed.elapsed());
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    worker.drain().await.unwrap();
}
