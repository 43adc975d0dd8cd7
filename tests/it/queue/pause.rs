//! Pausing a queue: nothing of it starts, and everything else goes on.

use std::time::{Duration, Instant};

use callboard_queue::Error;
use callboard_tests::{
    jobs::{Capped, NoOp},
    queue::TestQueue,
    wait::{SOON, wait_out, wait_until},
    worker::TestWorker,
};

/// A pause is effective everywhere within this time.
const EFFECTIVE: Duration = Duration::from_secs(1);

/// Lets the time pass within which a pause must have become effective, or in
/// which a job that may start would have.
async fn promised_time() {
    wait_out(Instant::now(), EFFECTIVE).await;
}

#[tokio::test]
async fn a_paused_queue_waits_and_the_others_go_on() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let running = queue.enqueue(&Capped {}).await;
    queue.stage().begun(1, SOON).await;

    assert!(queue.queue().pause("capped", Some("ops")).await.unwrap(), "news");
    assert!(!queue.queue().pause("capped", Some("else")).await.unwrap(), "no news");
    promised_time().await;
    let waiting = queue.enqueue(&Capped {}).await;
    let other = queue.enqueue(&NoOp::default()).await;
    queue.completed(other).await;
    promised_time().await;
    assert_eq!(queue.job(waiting).await.state, "queued");
    queue.stage().open_for_all();
    queue.completed(running).await;

    assert!(queue.queue().resume("capped").await.unwrap());
    assert!(!queue.queue().resume("capped").await.unwrap(), "no news");
    let ran = queue.job_in_state(waiting, "completed", EFFECTIVE).await;
    assert_eq!(ran.attempt, 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_worker_starts_with_the_pauses_that_there_are_and_drains_with_all_paused() {
    let queue = TestQueue::new().await;
    for name in ["default", "capped"] {
        queue.queue().pause(name, None).await.unwrap();
    }
    let worker = TestWorker::start(&queue).await;
    promised_time().await;
    let waiting = queue.enqueue(&NoOp::default()).await;
    promised_time().await;
    assert_eq!(queue.job(waiting).await.state, "queued");
    worker.drain().await.unwrap();
    queue.queue().cancel(waiting).await.unwrap();
}

#[tokio::test]
async fn without_a_signal_the_next_beat_brings_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    sqlx::query("INSERT INTO queue_queues (name, paused_at) VALUES ('default', now())")
        .execute(queue.pool())
        .await
        .unwrap();
    let said = || async { !queue.logs().lines_with("the paused queues have changed").is_empty() };
    wait_until(Duration::from_secs(7), "a beat brings the pause".to_owned(), said).await;
    promised_time().await;
    let waiting = queue.enqueue(&NoOp::default()).await;
    promised_time().await;
    assert_eq!(queue.job(waiting).await.state, "queued");
    queue.queue().resume("default").await.unwrap();
    queue.completed(waiting).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_is_no_name_is_refused() {
    let queue = TestQueue::new().await;
    for bad in ["", "Mail", "a b", "x\0", &"x".repeat(51)] {
        let error = queue.queue().pause(bad, None).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchQueue(_)), "{error}");
        assert!(queue.queue().resume(bad).await.is_err());
    }
}
