//! Never before `run_at`, by PostgreSQL's clock.

use callboard_queue::{EnqueueOptions, Priority};
use callboard_tests::{jobs::NoOp, queue::TestQueue, wait::SOON, worker::TestWorker};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

async fn enqueue_at(queue: &TestQueue, run_at: DateTime<Utc>) -> Uuid {
    queue.enqueue_with(&NoOp::default(), EnqueueOptions { run_at: Some(run_at), ..EnqueueOptions::default() }).await
}

async fn postgres_now(queue: &TestQueue) -> DateTime<Utc> {
    sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(queue.pool()).await.unwrap()
}

#[tokio::test]
async fn delayed_jobs_run_when_they_are_due_and_not_before() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let now = postgres_now(&queue).await;
    let mut ids = Vec::new();
    for step in 0..20 {
        ids.push(enqueue_at(&queue, now + TimeDelta::milliseconds(500 + 100 * step)).await);
    }
    // Somebody's mistake: they are all put on the ready list long before.
    queue.push("default", Priority::Default, &ids).await;
    let mut late = Vec::new();
    for id in ids {
        let job = queue.completed(id).await;
        let (started, waited) = (job.started_at.unwrap(), job.started_at.unwrap() - job.run_at);
        assert!(started >= job.run_at, "{waited} early");
        assert_eq!(job.attempt, 1);
        late.push(waited.num_milliseconds());
    }
    late.sort_unstable();
    assert!(late[10] < 1_000, "the promoter looks when the next job is due: {late:?}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_time_that_has_passed_means_now() {
    let queue = TestQueue::new().await;
    let id = enqueue_at(&queue, postgres_now(&queue).await - TimeDelta::days(1)).await;
    assert_eq!(queue.job(id).await.state, "queued");
    assert_eq!(queue.ready("default", Priority::Default).await, [id]);
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn thousands_that_are_due_at_the_same_time_all_run() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 3_000]).await;
    queue.wipe_redis().await;
    let schedule = "UPDATE queue_jobs SET state = 'scheduled', run_at = clock_timestamp() + interval '1 second' WHERE id = ANY($1)";
    queue.execute_on(schedule, &ids).await;
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(3_000, "completed", 2 * SOON).await;
    assert_eq!(queue.stage().runs().len(), 3_000, "each once");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_delayed_job_is_on_no_list_and_far_times_are_taken() {
    let queue = TestQueue::new().await;
    let far = DateTime::parse_from_rfc3339("9999-12-31T23:59:59Z").unwrap().to_utc();
    let id = enqueue_at(&queue, far).await;
    assert_eq!(queue.job(id).await.run_at, far);
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    queue.delete(&[id]).await;
}
