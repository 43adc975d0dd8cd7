//! Finishing inside the handler's own transaction: its writes and the
//! completion commit together, exactly once.

use callboard_tests::{
    jobs::Effect,
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};

#[tokio::test]
async fn the_handlers_writes_and_the_completion_commit_together() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Effect { gated: true }).await;
    queue.stage().begun(1, SOON).await;
    assert_eq!((queue.effects().await, queue.job(id).await.state.as_str()), (vec![], "running"));
    queue.stage().open_for_all();
    let job = queue.completed(id).await;
    assert_eq!(job.result.unwrap()["attempt"], 1);
    assert_eq!(queue.effects().await, [id]);
    let outcome = r#"job_outcomes_total{kind="test.effect",outcome="completed"}"#;
    wait_until(SOON, "it is counted", || async { queue.metric(outcome) > 0.0 }).await;
    worker.drain().await.unwrap();
    assert_eq!(queue.metric("stale_finishes_total").to_string(), "0");
}

#[tokio::test]
async fn a_stale_run_writes_nothing() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Effect { gated: true }).await;
    queue.stage().begun(1, SOON).await;
    let steal = "UPDATE queue_jobs SET claim_id = gen_random_uuid() WHERE id = ANY($1)";
    queue.execute_on(steal, &[id]).await;
    queue.stage().open_for_all();
    // The handler got an error, whose retry is stale as well.
    wait_until(SOON, "the stale run is refused", || async { queue.metric("stale_finishes_total") > 0.0 }).await;
    assert!(queue.effects().await.is_empty());
    assert_eq!(queue.job(id).await.state, "running", "it is somebody else's");
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_fails_completes_nothing_and_the_job_runs_again() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    // Refuses the first attempt's row when it commits.
    let trap = "CREATE TABLE attempts (attempt smallint PRIMARY KEY);
                ALTER TABLE effects ADD FOREIGN KEY (attempt) REFERENCES attempts DEFERRABLE INITIALLY DEFERRED;
                INSERT INTO attempts VALUES (2)";
    sqlx::raw_sql(trap).execute(queue.pool()).await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Effect::default()).await;
    let job = queue.completed(id).await;
    assert_eq!(job.attempt, 2);
    assert!(job.errors[0]["message"].as_str().unwrap().contains("foreign key"), "{}", job.errors);
    assert_eq!(queue.effects().await, [id], "the second attempt's alone");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_missing_partition_is_made_for_the_next_attempt() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Effect { gated: true }).await;
    queue.stage().begun(1, SOON).await;
    super::history::drop_partitions(&queue).await;
    queue.stage().open_for_all();
    let job = queue.completed(id).await;
    assert_eq!(job.attempt, 2);
    assert_eq!(queue.effects().await, [id]);
    worker.drain().await.unwrap();
}
