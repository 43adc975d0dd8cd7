//! What is committed and on no list is found within seconds.

use std::time::Duration;

use callboard_queue::{Cause, EnqueueOptions, Priority};
use callboard_tests::{
    jobs::{Capped, Gated, NoOp},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::TimeDelta;

#[tokio::test]
async fn jobs_that_were_never_pushed_run_within_five_seconds() {
    let queue = TestQueue::new().await;
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    // Whenever in the auditor's round they come, on lists seen and unseen.
    for round in 0..4 {
        let mut transaction = queue.pool().begin().await.unwrap();
        let cause = Cause::default();
        let first = callboard_queue::enqueue(&mut transaction, &NoOp { number: round }, &cause).await.unwrap().id;
        let second = callboard_queue::enqueue(&mut transaction, &Capped {}, &cause).await.unwrap().id;
        transaction.commit().await.unwrap();
        for id in [first, second] {
            let job = queue.completed(id).await;
            let waited = job.started_at.unwrap() - job.created_at;
            assert!(waited <= TimeDelta::seconds(5), "round {round}: {waited}");
            assert_eq!(job.attempt, 1);
        }
    }
    wait_until(SOON, "the auditor sees all healed", || async { queue.metric("unaccounted_jobs") == 0.0 }).await;
    assert!(queue.metric("jobs_repushed_total") >= 8.0);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_late_commit_is_found_too() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    // It is queued before everything that the auditor looks at meanwhile.
    let mut late = queue.pool().begin().await.unwrap();
    let id = callboard_queue::enqueue(&mut late, &NoOp::default(), &Cause::default()).await.unwrap().id;
    for _ in 0..3 {
        let mut other = queue.pool().begin().await.unwrap();
        let other_id = callboard_queue::enqueue(&mut other, &NoOp::default(), &Cause::default()).await.unwrap().id;
        other.commit().await.unwrap();
        queue.completed(other_id).await;
    }
    late.commit().await.unwrap();
    queue.job_in_state(id, "completed", Duration::from_secs(5)).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_job_that_somebody_has_locked_holds_up_the_repair_of_no_other() {
    let queue = TestQueue::new().await;
    let expiring = EnqueueOptions { expires_in: Some(Duration::from_millis(1)), ..EnqueueOptions::default() };
    let held = queue.enqueue_with(&NoOp::default(), expiring.clone()).await;
    let expired = queue.enqueue_with(&NoOp::default(), expiring).await;
    let mut locker = queue.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM queue_jobs WHERE id = $1 FOR UPDATE").bind(held).execute(&mut *locker).await.unwrap();
    queue.wipe_redis().await;
    let worker = TestWorker::start(&queue).await;
    queue.job_in_state(expired, "cancelled", SOON).await;
    let mut transaction = queue.pool().begin().await.unwrap();
    let lost = callboard_queue::enqueue(&mut transaction, &NoOp::default(), &Cause::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    queue.completed(lost).await;
    assert_eq!(queue.metric(r#"job_outcomes_total{kind="test.no_op",outcome="expired"}"#).to_string(), "1");
    locker.rollback().await.unwrap();
    queue.job_in_state(held, "cancelled", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_auditor_leaves_a_waiting_backlog_alone() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    for _ in 0..6 {
        queue.enqueue_many(&vec![Gated::default(); 50]).await;
    }
    queue.stage().begun(50, SOON).await;
    // Looks happen while 250 wait on their list and 50 run.
    let watermark = || async {
        let note: Option<String> =
            sqlx::query_scalar("SELECT note ->> 'default:1' FROM queue_leases WHERE duty = 'auditor'")
                .fetch_one(queue.pool())
                .await
                .unwrap();
        note
    };
    wait_until(SOON, "the auditor knows the list", || async { watermark().await.is_some() }).await;
    let known = watermark().await;
    queue.stage().open(50);
    queue.stage().begun(100, SOON).await;
    wait_until(SOON, "the watermark moves on", || async { watermark().await != known }).await;
    assert_eq!(queue.metric("jobs_repushed_total").to_string(), "0");
    queue.stage().open_for_all();
    queue.all_ended(300, "completed", SOON).await;
    assert_eq!(queue.stage().runs().len(), 300);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_lost_job_behind_a_backlog_is_found_when_the_list_has_been_served_that_far() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.pool().begin().await.unwrap();
    let lost = callboard_queue::enqueue(&mut transaction, &NoOp::default(), &Cause::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    let low = EnqueueOptions { priority: Some(Priority::Low), ..EnqueueOptions::default() };
    for _ in 0..20 {
        queue.enqueue(&NoOp::default()).await;
        queue.enqueue_with(&NoOp::default(), low.clone()).await;
    }
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(41, "completed", SOON).await;
    assert_eq!(queue.stage().times_run(lost), 1);
    worker.drain().await.unwrap();
}
