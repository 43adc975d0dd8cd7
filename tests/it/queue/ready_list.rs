//! The ready list is a hint: whatever is done to it, each job runs once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use callboard_queue::{Cause, Priority, QueueShare, RunnerSettings};
use callboard_tests::{
    jobs::{Capped, Gated, Limited, NoOp, registry},
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};
use redis::AsyncCommands;
use uuid::Uuid;

#[tokio::test]
async fn duplicates_on_the_list_run_once() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 50]).await;
    for _ in 0..5 {
        queue.push("default", Priority::Default, &ids).await;
        queue.push("default", Priority::High, &ids).await;
    }
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(50, "completed", SOON).await;
    // A stale replica comes up with jobs that have long ended.
    queue.push("default", Priority::Default, &ids).await;
    let last = queue.enqueue(&NoOp::default()).await;
    queue.completed(last).await;
    assert_eq!(queue.stage().runs().len(), 51);
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_running_job_that_is_pushed_again_is_not_run_twice() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    queue.push("default", Priority::Default, &[id; 10]).await;
    let other = queue.enqueue(&NoOp::default()).await;
    queue.completed(other).await;
    queue.stage().open_for_all();
    queue.completed(id).await;
    assert_eq!(queue.stage().times_run(id), 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn foreign_elements_are_dropped_and_logged_once() {
    let queue = TestQueue::new().await;
    let key = queue.key("default", Priority::Default);
    let mut redis = queue.redis().await;
    for _ in 0..20 {
        let _: i64 = redis.rpush(&key, &b"somebody else's"[..]).await.unwrap();
        let _: i64 = redis.rpush(&key, Uuid::new_v4().as_bytes().repeat(2)[..24].to_vec()).await.unwrap();
    }
    let ids = queue.enqueue_many(&vec![NoOp::default(); 10]).await;
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(10, "completed", SOON).await;
    let _: i64 = redis.rpush(&key, &b"and again"[..]).await.unwrap();
    wait_until(SOON, "the list is empty", || async { redis.clone().llen(&key).await == Ok(0_i64) }).await;
    let last = queue.enqueue(&NoOp::default()).await;
    queue.completed(last).await;
    assert_eq!(queue.logs().lines_with("somebody else's data").len(), 1);
    assert_eq!(queue.stage().runs().len(), ids.len() + 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_type_is_removed_and_the_jobs_run() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let key = queue.key("default", Priority::High);
    let mut redis = queue.redis().await;
    let _: String = redis.set(&key, "not a list").await.unwrap();
    let ids = queue.enqueue_many(&vec![NoOp::default(); 10]).await;
    for id in ids {
        queue.job_in_state(id, "completed", Duration::from_secs(10)).await;
    }
    wait_until(SOON, "the foreign key is gone", || async { redis.clone().exists(&key).await == Ok(false) }).await;
    assert_eq!(queue.logs().lines_with("somebody else's data").len(), 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_foreign_key_of_a_queue_that_nobody_serves_does_not_stop_the_audit() {
    let queue = TestQueue::new().await;
    let _: String = queue.redis().await.set(queue.key("capped", Priority::Default), "not a list").await.unwrap();
    let unserved = queue.enqueue(&Capped {}).await;
    let queues = vec![QueueShare { name: "default".to_owned(), cap: None }];
    let settings = RunnerSettings { queues, ..settings("default only") };
    let worker = TestWorker::start_with(&queue, registry(), settings).await;
    let mut transaction = queue.pool().begin().await.unwrap();
    let unpushed = callboard_queue::enqueue(&mut transaction, &NoOp::default(), &Cause::default()).await.unwrap();
    transaction.commit().await.unwrap();
    queue.completed(unpushed.id).await;
    queue.delete(&[unserved]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn with_redis_emptied_under_a_stopped_worker_all_jobs_run_after_its_start() {
    let queue = TestQueue::new().await;
    queue.enqueue_many(&vec![NoOp::default(); 1_000]).await;
    queue.wipe_redis().await;
    let worker = TestWorker::start(&queue).await;
    let first = queue.stage().begun(1, SOON).await;
    assert!(first <= Duration::from_secs(5), "the first ran after {first:?}");
    queue.all_ended(1_000, "completed", 2 * SOON).await;
    assert_eq!(queue.stage().runs().len(), 1_000, "each once");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn with_redis_emptied_under_a_busy_worker_all_jobs_run() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let held = queue.enqueue_many(&vec![Gated::default(); 50]).await;
    queue.stage().begun(50, SOON).await;
    // All slots are taken, so these wait on the list.
    queue.enqueue_many(&vec![NoOp::default(); 5_000]).await;
    queue.wipe_redis().await;
    queue.stage().open_for_all();
    let freed = std::time::Instant::now();
    queue.stage().begun(51, SOON).await;
    assert!(freed.elapsed() <= Duration::from_secs(5), "the first ran after {:?}", freed.elapsed());
    queue.all_ended(5_050, "completed", 2 * SOON).await;
    assert!(held.iter().all(|id| queue.stage().times_run(*id) == 1));
    assert_eq!(queue.stage().runs().len(), 5_050, "each once");
    worker.drain().await.unwrap();
}

/// A queue whose Redis did not take a push, and is back: what is pushed next
/// is skipped, but for one attempt a second.
async fn after_an_outage(services: &Services) -> TestQueue {
    let queue = TestQueue::on(services).await;
    services.kill_redis().await;
    queue.enqueue(&NoOp::default()).await;
    assert_eq!(queue.logs().lines_with("redis does not take jobs").len(), 1);
    services.start_redis().await;
    queue.leaves_jobs("no worker runs");
    queue
}

#[tokio::test]
async fn who_looks_at_depths_after_an_outage_pushes_again() {
    let services = Services::start().await;
    let queue = after_an_outage(&services).await;
    let limits = BTreeMap::from([("default".to_owned(), 1_000_000)]);
    // As in a process that enqueues less than once a second: it knows no depth,
    // so each enqueue looks first. The first attempts may meet the old connection.
    for attempt in 1.. {
        let last = Instant::now();
        let is_due = || async { last.elapsed() > Duration::from_millis(1_100) };
        wait_until(SOON, "the next attempt is due", is_due).await;
        let limited = queue.queue().clone().with_depth_limits(limits.clone());
        let mut transaction = limited.begin().await.unwrap();
        let id = transaction.enqueue(&NoOp::default()).await.unwrap().id;
        transaction.commit().await.unwrap();
        if queue.ready("default", Priority::Default).await.contains(&id) {
            break;
        }
        assert!(attempt < 5, "it never pushes again");
    }
    assert_eq!(queue.logs().lines_with("redis answers again").len(), 1);
}

#[tokio::test]
async fn who_only_ever_tells_after_an_outage_finds_out_that_redis_is_back() {
    let services = Services::start().await;
    let queue = after_an_outage(&services).await;
    wait_until(SOON, "it knows that Redis is back", || async {
        queue.enqueue(&Limited::to(1, "smtp")).await;
        !queue.logs().lines_with("redis answers again").is_empty()
    })
    .await;
    let keys: Vec<String> = queue.redis().await.keys("*").await.unwrap();
    assert_eq!(keys, [""; 0], "finding out writes nothing");
    let id = queue.enqueue(&NoOp::default()).await;
    assert_eq!(queue.ready("default", Priority::Default).await, [id], "pushed at once");
}
