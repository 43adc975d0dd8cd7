//! Why a job does not run: every reason there is.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Error, JobState, Reason};
use callboard_tests::{
    jobs::{Failing, Gated, NoOp, Stranger},
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

async fn why(queue: &TestQueue, id: Uuid) -> Vec<Reason> {
    let explanation = queue.queue().why(id).await.unwrap();
    assert_eq!(explanation.job.id, id);
    explanation.reasons
}

fn nobody_serves() -> Reason {
    Reason::NobodyServesQueue { queue: "default".to_owned() }
}

#[tokio::test]
async fn what_waits_is_told_its_place_and_that_nobody_serves_it() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&[NoOp::default(), NoOp::default(), NoOp::default()]).await;
    assert_eq!(why(&queue, ids[0]).await, [nobody_serves(), Reason::Next]);
    assert_eq!(why(&queue, ids[2]).await, [nobody_serves(), Reason::Behind { jobs: 2, at_least: false }]);
    queue.wipe_redis().await;
    assert_eq!(why(&queue, ids[1]).await, [nobody_serves(), Reason::Lost { healed_within_seconds: 5 }]);
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(3, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn pauses_delays_failures_and_unknown_kinds_are_told() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let failed = queue.enqueue(&Failing { times: 99 }).await;
    let job = queue.job_in_state(failed, "scheduled", SOON).await;
    assert_eq!(why(&queue, failed).await, [Reason::DueLater { run_at: job.run_at, failed_attempts: 1 }]);
    let stranger = queue.enqueue(&Stranger {}).await;
    queue.job_in_state(stranger, "blocked", SOON).await;
    let unknown = Reason::NobodyKnowsKind { kind: "test.stranger".to_owned(), version: 1 };
    assert_eq!(why(&queue, stranger).await, [unknown]);

    queue.queue().pause("default", Some("ops")).await.unwrap();
    let later = EnqueueOptions {
        run_at: Some(Utc::now() + TimeDelta::hours(1)),
        expires_in: Some(Duration::from_hours(1)),
        ..EnqueueOptions::default()
    };
    let delayed = queue.enqueue_with(&NoOp::default(), later).await;
    let reasons = why(&queue, delayed).await;
    assert!(matches!(&reasons[0], Reason::QueuePaused { by: Some(by), .. } if by == "ops"), "{reasons:?}");
    assert!(matches!(reasons[1], Reason::DueLater { failed_attempts: 0, .. }), "{reasons:?}");
    queue.queue().resume("default").await.unwrap();
    worker.drain().await.unwrap();
    for id in [failed, stranger, delayed] {
        queue.queue().cancel(id).await.unwrap();
        let cancelled =
            Reason::Ended { state: JobState::Cancelled, end_reason: Some("cancelled on request".to_owned()) };
        assert_eq!(why(&queue, id).await, [cancelled]);
    }
}

#[tokio::test]
async fn what_runs_says_where_and_whether_it_is_being_cancelled() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Gated::default()).await;
    let job = queue.job_in_state(id, "running", SOON).await;
    let running =
        |cancel_requested| Reason::Running { worker_id: job.worker_id, since: job.started_at, cancel_requested };
    assert_eq!(why(&queue, id).await, [running(false)]);
    queue.execute_on("UPDATE queue_jobs SET cancel_requested = true WHERE id = ANY($1)", &[id]).await;
    assert_eq!(why(&queue, id).await, [running(true)]);
    queue.stage().open_for_all();
    wait_until(SOON, "it ends", || async { queue.live().await == 0 }).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_is_over_its_time_and_what_waits_for_redis_is_told() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let short = EnqueueOptions { expires_in: Some(Duration::from_millis(1)), ..EnqueueOptions::default() };
    let id = queue.enqueue_with(&NoOp::default(), short).await;
    wait_until(SOON, "its time is over", || async { Utc::now() > queue.job(id).await.expires_at.unwrap() }).await;
    services.kill_redis().await;
    let reasons = why(&queue, id).await;
    assert!(matches!(reasons.as_slice(), [Reason::Expired { .. }, _, Reason::RedisDown]), "{reasons:?}");
    services.start_redis().await;
    queue.queue().cancel(id).await.unwrap();
    let nobody = Uuid::now_v7();
    assert!(matches!(queue.queue().why(nobody).await.unwrap_err(), Error::NoSuchJob(id) if id == nobody));
}
