//! A queue at its depth limit refuses enqueues, by a typed error.

use std::collections::BTreeMap;

use callboard_queue::{EnqueueOptions, Error};
use callboard_tests::{
    jobs::{Capped, NoOp},
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
};
use chrono::{TimeDelta, Utc};

fn limits() -> BTreeMap<String, u64> {
    [("default".to_owned(), 10)].into()
}

#[tokio::test]
async fn over_the_limit_nothing_is_enqueued_and_other_queues_are_not_concerned() {
    let queue = TestQueue::new().await;
    let limited = queue.queue().clone().with_depth_limits(limits());
    let mut transaction = limited.begin().await.unwrap();
    let error = transaction.enqueue_many(&vec![NoOp::default(); 11]).await.unwrap_err();
    assert!(matches!(&error, Error::QueueFull { queue, depth: 0, limit: 10 } if queue == "default"), "{error}");
    transaction.enqueue_many(&vec![Capped {}; 20]).await.unwrap();
    let mut ids: Vec<_> =
        transaction.enqueue_many(&vec![NoOp::default(); 10]).await.unwrap().iter().map(|job| job.id).collect();
    transaction.commit().await.unwrap();

    // A depth is true for a second.
    wait_until(SOON, "the depth is known", || async {
        let mut transaction = limited.begin().await.unwrap();
        matches!(transaction.enqueue(&NoOp::default()).await, Err(Error::QueueFull { depth: 10, .. }))
    })
    .await;
    queue.delete(&ids.split_off(5)).await;
    queue.wipe_redis().await;
    wait_until(SOON, "there is room again", || async {
        let mut transaction = limited.begin().await.unwrap();
        transaction.enqueue(&NoOp::default()).await.is_ok()
    })
    .await;
    queue.leaves_jobs("no worker runs");
}

#[tokio::test]
async fn without_redis_there_is_no_limit() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let limited = queue.queue().clone().with_depth_limits(limits());
    services.kill_redis().await;
    let mut transaction = limited.begin().await.unwrap();
    transaction.enqueue_many(&vec![NoOp::default(); 50]).await.unwrap();
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    transaction.enqueue_with(&NoOp::default(), later).await.unwrap();
    transaction.rollback().await.unwrap();
    services.start_redis().await;
}

/// They wait in the ledger, not on a list.
#[tokio::test]
async fn what_is_due_later_does_not_fill_a_queue() {
    let queue = TestQueue::new().await;
    let limited = queue.queue().clone().with_depth_limits(limits());
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let mut transaction = limited.begin().await.unwrap();
    for _ in 0..20 {
        transaction.enqueue_with(&NoOp::default(), later.clone()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let another = queue.queue().clone().with_depth_limits(limits());
    let mut transaction = another.begin().await.unwrap();
    transaction.enqueue_many(&vec![NoOp::default(); 10]).await.unwrap();
    transaction.commit().await.unwrap();
    queue.leaves_jobs("no worker runs");
}
