//! A snoozed job runs later, and the attempt does not count.

use callboard_tests::{jobs::Snoozing, queue::TestQueue, wait::SOON, worker::TestWorker};
use chrono::{TimeDelta, Utc};

#[tokio::test]
async fn snoozing_burns_no_attempt_and_leaves_no_error() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Snoozing { times: 3 }).await;
    for run in 1..=3 {
        let job = queue.job_in_state(id, "scheduled", SOON).await;
        assert_eq!((job.attempt, job.max_attempts), (0, 1));
        assert!((job.run_at - Utc::now() - TimeDelta::hours(1)).abs() < TimeDelta::minutes(1), "{}", job.run_at);
        queue.make_due(&[id]).await;
        queue.stage().begun(run + 1, SOON).await;
    }
    let job = queue.completed(id).await;
    assert_eq!((job.attempt, job.errors.as_array().unwrap().len()), (1, 0));
    assert_eq!(queue.metric(r#"job_outcomes_total{kind="test.snoozing",outcome="snoozed"}"#).to_string(), "3");
    worker.drain().await.unwrap();
}
