//! When a failed job runs again, and when no more.

use std::time::Duration;

use callboard_queue::JobView;
use callboard_tests::{
    jobs::{Failing, NoOp, Panicking, Postponed, Stuck},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{DateTime, TimeDelta};

/// The wait before the next attempt, in seconds, from the error's own time.
fn wait_after_error(job: &JobView) -> f64 {
    let errors = job.errors.as_array().unwrap();
    let at = errors.last().unwrap()["at"].as_str().unwrap();
    (job.run_at.fixed_offset() - DateTime::parse_from_rfc3339(at).unwrap()).as_seconds_f64()
}

#[tokio::test]
async fn a_failing_job_is_retried_until_its_attempts_are_used_up() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Failing { times: 99 }).await;
    for attempt in 1..=2_i16 {
        let job = queue.job_in_state(id, "scheduled", SOON).await;
        assert_eq!(job.attempt, attempt);
        assert_eq!(job.status(), "scheduled");
        // Full jitter below 1 h and 2 h; what is due at once would have run.
        let (wait, ceiling) = (wait_after_error(&job), 3_600.0 * f64::from(attempt));
        assert!((0.0..=ceiling + 1.0).contains(&wait), "attempt {attempt} waits {wait} s");
        assert_eq!(job.errors.as_array().unwrap().len(), usize::from(attempt.unsigned_abs()));
        queue.make_due(&[id]).await;
        queue.stage().begun(usize::from(attempt.unsigned_abs()) + 1, SOON).await;
    }
    let job = queue.job_in_state(id, "discarded", SOON).await;
    assert_eq!((job.attempt, job.max_attempts, job.status()), (3, 3, "failed"));
    assert_eq!(job.end_reason.as_deref(), Some("attempts used up"));
    let errors = job.errors.as_array().unwrap();
    let attempts: Vec<i64> = errors.iter().map(|error| error["attempt"].as_i64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3], "oldest first");
    for error in errors {
        assert_eq!(error["failure"], "error");
        assert!(error["message"].as_str().unwrap().starts_with("failed\u{FFFD} at attempt"), "a NUL is replaced");
        assert!(error["worker"].is_string());
    }
    assert_eq!(queue.stage().times_run(id), 3);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_job_that_succeeds_at_last_keeps_its_error_history() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Failing { times: 1 }).await;
    queue.job_in_state(id, "scheduled", SOON).await;
    queue.make_due(&[id]).await;
    let job = queue.completed(id).await;
    assert_eq!((job.attempt, job.errors.as_array().unwrap().len()), (2, 1));
    assert_eq!(job.end_reason, None);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn retries_spread_over_the_whole_backoff() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let ids = queue.enqueue_many(&vec![Failing { times: 3 }; 100]).await;
    queue.stage().begun(100, SOON).await;
    let mut waits = Vec::new();
    for id in &ids {
        let job = queue.job_in_state(*id, "scheduled", SOON).await;
        // One in 3,600 is due within a second, and may have failed again.
        if job.attempt == 1 {
            waits.push(wait_after_error(&job));
        }
    }
    assert!(waits.len() > 90);
    assert!(waits.iter().all(|wait| (0.0..=3_601.0).contains(wait)), "{waits:?}");
    // Each third is missed by a hundred uniform draws once in 10¹⁷ runs.
    for third in 0..3 {
        let (from, to) = (1_200.0 * f64::from(third), 1_200.0 * f64::from(third + 1));
        assert!(waits.iter().any(|wait| (from..to).contains(wait)), "none from {from} to {to} s: {waits:?}");
    }
    queue.delete(&ids).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_error_history_keeps_the_last_twenty() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Failing { times: 99 }).await;
    queue.job_in_state(id, "scheduled", SOON).await;
    let crowd = "UPDATE queue_jobs SET run_at = clock_timestamp(), max_attempts = 50, attempt = 30,
                 errors = (SELECT jsonb_agg(jsonb_build_object('number', n)) FROM generate_series(1, 20) AS n)
                 WHERE id = ANY($1)";
    queue.execute_on(crowd, &[id]).await;
    queue.stage().begun(2, SOON).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    let errors = job.errors.as_array().unwrap();
    assert_eq!(errors.len(), 20);
    assert_eq!(errors[0]["number"], 2, "the oldest went");
    assert_eq!(errors[19]["attempt"], 31);
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn retry_after_waits_as_long_as_the_handler_said() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Postponed { after: Duration::from_secs(1_000) }).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert!((999.0..=1_001.0).contains(&wait_after_error(&job)), "exactly, without jitter");
    assert_eq!(job.errors[0]["message"], "not now");
    queue.make_due(&[id]).await;
    let job = queue.job_in_state(id, "discarded", SOON).await;
    assert_eq!((job.attempt, job.end_reason.as_deref()), (2, Some("attempts used up")), "it counts as an attempt");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_wait_beyond_all_time_is_cut_and_not_run_in_circles() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Postponed { after: Duration::MAX }).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert!(job.run_at - job.created_at > TimeDelta::days(365));
    assert_eq!((job.attempt, queue.stage().times_run(id)), (1, 1));
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_an_error_of_the_job_alone() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Panicking {}).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert_eq!(
        (&job.errors[0]["failure"], &job.errors[0]["message"]),
        (&"panic".into(), &"panicked: on purpose".into())
    );
    let next = queue.enqueue(&NoOp::default()).await;
    queue.completed(next).await;
    wait_until(SOON, "nothing runs", || async { queue.stage().running() == 0 }).await;
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Stuck {}).await;
    let job = queue.job_in_state(id, "scheduled", SOON).await;
    assert_eq!(job.errors[0]["failure"], "timeout");
    assert!(job.errors[0]["message"].as_str().unwrap().contains("200ms"));
    assert_eq!(queue.stage().running(), 0, "its future was dropped");
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_payload_that_no_longer_decodes_ends_discarded_and_holds_nobody_up() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&vec![Failing { times: 0 }; 2]).await;
    queue.execute_on(r#"UPDATE queue_jobs SET payload = '{"times": "many"}' WHERE id = ANY($1)"#, &ids[..1]).await;
    let worker = TestWorker::start(&queue).await;
    queue.completed(ids[1]).await;
    for _ in 0..2 {
        let attempt = queue.job_in_state(ids[0], "scheduled", SOON).await.attempt;
        queue.make_due(&ids[..1]).await;
        wait_until(SOON, "the next attempt", || async { queue.job(ids[0]).await.attempt > attempt }).await;
    }
    let job = queue.job_in_state(ids[0], "discarded", SOON).await;
    let errors = job.errors.as_array().unwrap();
    assert!(errors.len() == 3 && errors.iter().all(|error| error["failure"] == "undecodable"), "{errors:?}");
    assert_eq!(queue.stage().times_run(ids[0]), 0, "the handler never saw it");
    worker.drain().await.unwrap();
}
