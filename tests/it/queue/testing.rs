//! The helpers for tests of applications.

use std::{panic::AssertUnwindSafe, time::Duration};

use callboard_queue::{EnqueueOptions, Flow, testing};
use callboard_tests::{
    jobs::{Failing, Hopeless, Limited, NoOp, Stranger, registry},
    queue::TestQueue,
};
use chrono::{TimeDelta, Utc};
use futures::FutureExt as _;

#[tokio::test]
async fn drain_runs_everything_that_can_run_and_tells_what_is_left() {
    let queue = TestQueue::new().await;
    queue.enqueue_many(&[NoOp::default(), NoOp::default()]).await;
    queue.enqueue(&Hopeless {}).await;
    let jobs: Vec<Limited> = (0..5).map(|_| Limited { ungated: true, ..Limited::to(1, "k") }).collect();
    queue.enqueue_many(&jobs).await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let mut flow = Flow::new();
    let parent = flow.add(&NoOp::default());
    flow.add_after(&[parent], &NoOp::default());
    transaction.enqueue_flow(flow).await.unwrap();
    transaction.commit().await.unwrap();
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let delayed = queue.enqueue_with(&NoOp::default(), later).await;

    let drained = testing::drain(queue.queue(), registry(), queue.stage().clone()).await.unwrap();
    assert_eq!((drained.completed, drained.discarded, drained.cancelled), (9, 1, 0));
    assert_eq!(drained.left.iter().map(|job| job.id).collect::<Vec<_>>(), [delayed]);

    testing::advance(queue.queue(), Duration::from_hours(1)).await.unwrap();
    let drained = testing::drain(queue.queue(), registry(), queue.stage().clone()).await.unwrap();
    assert_eq!((drained.completed, drained.left.len()), (1, 0));
}

#[tokio::test]
async fn retries_come_due_when_the_clock_is_moved() {
    let queue = TestQueue::new().await;
    let id = queue.enqueue(&Failing { times: 2 }).await;
    for attempt in 1..=2 {
        let drained = testing::drain(queue.queue(), registry(), queue.stage().clone()).await.unwrap();
        assert_eq!((drained.completed, drained.left[0].attempt), (0, attempt));
        testing::advance(queue.queue(), Duration::from_hours(3)).await.unwrap();
    }
    let drained = testing::drain(queue.queue(), registry(), queue.stage().clone()).await.unwrap();
    assert_eq!(drained.completed, 1);
    assert_eq!(queue.job(id).await.attempt, 3);
}

#[tokio::test]
async fn what_was_enqueued_is_told_and_what_was_not_fails_the_test() {
    let queue = TestQueue::new().await;
    queue.enqueue(&Stranger {}).await;
    let mine = testing::enqueued::<NoOp>(queue.queue()).await.unwrap();
    assert!(mine.is_empty());
    testing::assert_none_enqueued::<NoOp>(queue.queue()).await;
    let id = queue.enqueue(&NoOp { number: 7 }).await;
    testing::assert_enqueued(queue.queue(), &NoOp { number: 7 }).await;

    let wrong = AssertUnwindSafe(testing::assert_enqueued(queue.queue(), &NoOp { number: 8 })).catch_unwind().await;
    let said = wrong.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("no NoOp { number: 8 } is enqueued") && said.contains("number: 7"), "{said}");
    let wrong = AssertUnwindSafe(testing::assert_none_enqueued::<NoOp>(queue.queue())).catch_unwind().await;
    assert!(wrong.is_err());
    queue.delete(&[id]).await;
    queue.leaves_jobs("nobody knows the stranger");
}
