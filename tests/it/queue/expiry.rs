//! A job that is not started in time is cancelled instead.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Priority, RunnerSettings};
use callboard_tests::{
    jobs::{Failing, Gated, NoOp, Snoozing, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};
use chrono::{TimeDelta, Utc};

fn expiring(within: Duration) -> EnqueueOptions {
    EnqueueOptions { expires_in: Some(within), ..EnqueueOptions::default() }
}

#[tokio::test]
async fn what_was_not_started_in_time_is_cancelled_and_does_not_run() {
    let queue = TestQueue::new().await;
    let late = queue.enqueue_with(&NoOp::default(), expiring(Duration::from_millis(1))).await;
    let in_time = queue.enqueue_with(&NoOp::default(), expiring(Duration::from_hours(1))).await;
    let expires_at = queue.job(late).await.expires_at.unwrap();
    wait_until(SOON, "its time is over", || async { Utc::now() > expires_at }).await;
    let worker = TestWorker::start(&queue).await;
    queue.completed(in_time).await;
    let job = queue.job_in_state(late, "cancelled", SOON).await;
    assert_eq!((job.attempt, job.end_reason.as_deref()), (0, Some("expired")));
    assert_eq!(queue.stage().times_run(late), 0);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_time_counts_from_when_the_job_is_due() {
    let queue = TestQueue::new().await;
    let run_at = Utc::now() + TimeDelta::hours(5);
    let options = EnqueueOptions { run_at: Some(run_at), ..expiring(Duration::from_mins(10)) };
    let job = queue.job(queue.enqueue_with(&NoOp::default(), options).await).await;
    let waits = job.expires_at.unwrap() - job.run_at;
    assert_eq!(waits, TimeDelta::minutes(10));
    queue.queue().cancel(job.id).await.unwrap();
}

#[tokio::test]
async fn the_auditor_cancels_one_that_is_on_no_list() {
    let queue = TestQueue::new().await;
    let id = queue.enqueue_with(&NoOp::default(), expiring(Duration::from_millis(1))).await;
    queue.wipe_redis().await;
    let worker = TestWorker::start(&queue).await;
    let job = queue.job_in_state(id, "cancelled", Duration::from_secs(8)).await;
    assert_eq!(job.end_reason.as_deref(), Some("expired"));
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn once_started_it_does_not_expire() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue_with(&Failing { times: 1 }, expiring(Duration::from_secs(2))).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert_eq!((job.attempt, job.expires_at), (1, None));
    queue.make_due(&[id]).await;
    assert_eq!(queue.completed(id).await.attempt, 2, "the retry is no first start");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn once_started_it_does_not_expire_though_it_was_snoozed() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue_with(&Snoozing { times: 1 }, expiring(Duration::from_secs(2))).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert_eq!((job.attempt, job.expires_at), (0, None));
    queue.make_due(&[id]).await;
    assert_eq!(queue.completed(id).await.attempt, 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn once_started_it_does_not_expire_though_it_was_given_back() {
    let queue = TestQueue::new().await;
    let brief = RunnerSettings { grace: Duration::from_millis(1), ..settings("brief") };
    let worker = TestWorker::start_with(&queue, registry(), brief).await;
    let id = queue.enqueue_with(&Gated::default(), expiring(Duration::from_hours(1))).await;
    queue.stage().begun(1, SOON).await;
    queue.execute_on("UPDATE queue_jobs SET expires_at = clock_timestamp() WHERE id = ANY($1)", &[id]).await;
    worker.drain().await.unwrap();
    assert_eq!(queue.job(id).await.attempt, 0);
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}
