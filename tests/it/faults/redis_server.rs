//! Redis is down, comes back empty, or is full.

use std::time::{Duration, Instant};

use callboard_queue::Priority;
use callboard_tests::{
    jobs::NoOp,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::TestWorker,
};

/// Enqueues `jobs` one by one; each commit must be answered within 100 ms.
async fn enqueue_promptly(queue: &TestQueue, jobs: usize) {
    for _ in 0..jobs {
        let mut transaction = queue.queue().begin().await.unwrap();
        transaction.enqueue(&NoOp::default()).await.unwrap();
        let asked = Instant::now();
        transaction.commit().await.unwrap();
        assert!(asked.elapsed() <= Duration::from_millis(100), "a commit took {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn with_redis_down_enqueues_go_on_and_all_jobs_run_once_it_is_back() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let worker = TestWorker::start(&queue).await;
    enqueue_promptly(&queue, 50).await;
    queue.all_ended(50, "completed", SOON).await;

    services.kill_redis().await;
    enqueue_promptly(&queue, 100).await;
    assert!(queue.queue().ping_redis().await.is_err());
    wait_until(SOON, "some reconnects have failed", || async { queue.metric("queue_redis_errors_total") > 10.0 }).await;
    assert!(worker.is_ready(), "a worker without Redis heals by itself: no reason to restart it");
    enqueue_promptly(&queue, 100).await;
    services.start_redis().await;
    let back = Instant::now();
    queue.all_ended(250, "completed", 2 * SOON).await;
    println!("all done {:?} after redis came back", back.elapsed());
    assert!(back.elapsed() < Duration::from_secs(12), "{:?}", back.elapsed());
    assert_eq!(queue.stage().runs().len(), 250, "each once");
    let warnings = queue.logs().lines_with(" WARN ");
    assert!(warnings.len() <= 10, "an outage is told once, not with each try: {warnings:#?}");
    let id = queue.enqueue(&NoOp::default()).await;
    let job = queue.completed(id).await;
    assert!(job.started_at.unwrap() - job.created_at < chrono::TimeDelta::seconds(1), "handed over at once again");
    worker.drain().await.unwrap();
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
