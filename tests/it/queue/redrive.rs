//! Running again what has ended, and now what waits for later.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Error, Flow, JobState};
use callboard_tests::{
    jobs::{Failing, Gated, Hopeless, Keyed, Limited, NoOp, Scope, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

#[tokio::test]
async fn a_discarded_job_comes_back_with_its_errors_and_more_attempts() {
    let queue = TestQueue::new().await;
    let knowing = queue.queue().clone().with_kinds(&registry().policies());
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Failing { times: 3 }).await;
    for attempt in 1..=2 {
        queue.job_in_state(id, "scheduled", SOON).await;
        queue.make_due(&[id]).await;
        queue.stage().begun(attempt + 1, SOON).await;
    }
    let ended = queue.job_in_state(id, "discarded", SOON).await;
    knowing.retry(id).await.unwrap();
    let again = queue.completed(id).await;
    assert_eq!((again.attempt, again.max_attempts), (4, 6), "three more, as the kind declares");
    assert_eq!(again.errors, ended.errors, "the old ones are kept");
    assert_eq!((again.created_at, again.end_reason), (ended.created_at, None));
    assert_eq!(queue.stage().times_run(id), 4);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn completed_and_cancelled_jobs_run_again_and_a_scheduled_one_runs_now() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let completed = queue.enqueue(&NoOp::default()).await;
    queue.completed(completed).await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let cancelled = queue.enqueue_with(&NoOp::default(), later.clone()).await;
    queue.queue().cancel(cancelled).await.unwrap();
    let scheduled = queue.enqueue_with(&NoOp::default(), later).await;
    for (id, runs) in [(completed, 2), (cancelled, 1), (scheduled, 1)] {
        queue.queue().retry(id).await.unwrap();
        queue.completed(id).await;
        assert_eq!(queue.stage().times_run(id), runs);
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_has_a_limit_key_is_blocked_at_first_and_says_so() {
    let queue = TestQueue::new().await;
    let (limited, free) = (queue.enqueue(&Limited::to(1, "k")).await, queue.enqueue(&NoOp::default()).await);
    for (id, state) in [(limited, JobState::Blocked), (free, JobState::Queued)] {
        queue.queue().cancel(id).await.unwrap();
        assert_eq!(queue.queue().retry(id).await.unwrap(), state);
        assert_eq!(queue.job(id).await.state, state);
        queue.queue().cancel(id).await.unwrap();
    }
}

#[tokio::test]
async fn a_held_key_is_an_error_and_nothing_changes() {
    let queue = TestQueue::new().await;
    let first = queue.enqueue(&Keyed::new("k", Scope::Finished)).await;
    queue.queue().cancel(first).await.unwrap();
    let second = queue.enqueue(&Keyed::new("k", Scope::Finished)).await;
    assert_ne!(first, second);
    let error = queue.queue().retry(first).await.unwrap_err();
    assert!(matches!(error, Error::KeyHeld { id, holder } if (id, holder) == (first, second)), "{error}");
    assert_eq!(queue.job(first).await.state, "cancelled");
    // Once it is free, the key is taken again.
    queue.queue().cancel(second).await.unwrap();
    queue.queue().retry(first).await.unwrap();
    assert_eq!(queue.enqueue(&Keyed::new("k", Scope::Finished)).await, first, "the redriven job holds it");
    queue.queue().cancel(first).await.unwrap();
}

#[tokio::test]
async fn what_waits_or_runs_can_not_be_run_again() {
    let queue = TestQueue::new().await;
    let id = queue.enqueue(&Gated::default()).await;
    let state = |error: Error| match error {
        Error::WrongState { state, .. } => state.to_string(),
        other => other.to_string(),
    };
    assert_eq!(state(queue.queue().retry(id).await.unwrap_err()), "queued");
    let worker = TestWorker::start(&queue).await;
    queue.stage().begun(1, SOON).await;
    assert_eq!(state(queue.queue().retry(id).await.unwrap_err()), "running");
    queue.stage().open_for_all();
    queue.completed(id).await;
    let nobody = Uuid::now_v7();
    assert!(matches!(queue.queue().retry(nobody).await.unwrap_err(), Error::NoSuchJob(id) if id == nobody));
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn twenty_redrives_at_once_run_it_once() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Hopeless {}).await;
    queue.job_in_state(id, "discarded", SOON).await;
    worker.drain().await.unwrap();
    let mut retries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let handle = queue.queue().clone();
        retries.spawn(async move { handle.retry(id).await.is_ok() });
    }
    let succeeded = retries.join_all().await.into_iter().filter(|ok| *ok).count();
    assert_eq!((succeeded, queue.live().await), (1, 1));
    queue.queue().cancel(id).await.unwrap();
}

#[tokio::test]
async fn one_that_had_expired_has_no_such_time_any_more() {
    let queue = TestQueue::new().await;
    let soon = EnqueueOptions { expires_in: Some(Duration::from_millis(1)), ..EnqueueOptions::default() };
    let id = queue.enqueue_with(&NoOp::default(), soon).await;
    let worker = TestWorker::start(&queue).await;
    let expired = queue.job_in_state(id, "cancelled", SOON).await;
    assert_eq!(expired.end_reason.as_deref(), Some("expired"));
    queue.queue().retry(id).await.unwrap();
    assert_eq!(queue.completed(id).await.expires_at, None);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_child_waits_for_nobody_any_more_and_a_parent_takes_nobody_back() {
    let queue = TestQueue::new().await;
    let mut flow = Flow::new();
    let first = flow.add(&Gated::default());
    flow.add_after(&[first], &NoOp::default());
    let mut transaction = queue.queue().begin().await.unwrap();
    let ids = transaction.enqueue_flow(flow).await.unwrap();
    transaction.commit().await.unwrap();
    let (parent, child) = (ids[0], ids[1]);
    queue.queue().cancel(child).await.unwrap();
    assert_eq!(queue.queue().retry(child).await.unwrap(), JobState::Queued);
    let worker = TestWorker::start(&queue).await;
    queue.completed(child).await;
    assert_eq!(queue.job_in_state(parent, "running", SOON).await.state, "running", "the child did not wait for it");

    queue.stage().open(1);
    queue.completed(parent).await;
    queue.queue().retry(parent).await.unwrap();
    queue.stage().open(1);
    wait_until(SOON, "it runs again", || async { queue.stage().times_run(parent) == 2 }).await;
    queue.completed(parent).await;
    assert_eq!((queue.stage().times_run(child), queue.job(child).await.state), (1, JobState::Completed));
    worker.drain().await.unwrap();
}
