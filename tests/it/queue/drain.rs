//! Told to stop, a worker finishes what the grace allows and gives the rest
//! back unburnt.

use std::{collections::HashSet, time::Duration};

use callboard_queue::{Priority, RunnerSettings};
use callboard_tests::{
    jobs::{Gated, NoOp, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};
use sqlx::Row;
use uuid::Uuid;

async fn traces(queue: &TestQueue) -> (i64, i64) {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM queue_workers),
                (SELECT count(*) FROM queue_leases WHERE holder IS NOT NULL OR held_until > '-infinity')",
    )
    .fetch_one(queue.pool())
    .await
    .unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn running_jobs_finish_within_the_grace_and_nothing_new_is_fetched() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let running = queue.enqueue_many(&vec![Gated::default(); 5]).await;
    queue.stage().begun(5, SOON).await;
    worker.stop();
    wait_until(SOON, "it was told to stop fetching", || async { !queue.logs().lines_with("draining").is_empty() })
        .await;
    let waiting = queue.enqueue(&NoOp::default()).await;
    queue.stage().open_for_all();
    worker.drain().await.unwrap();
    for id in running {
        let job = queue.job(id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("completed", 1));
    }
    assert_eq!(traces(&queue).await, (0, 0), "its row and its leases are gone");
    let next = TestWorker::start(&queue).await;
    queue.completed(waiting).await;
    next.drain().await.unwrap();
}

#[tokio::test]
async fn what_outlasts_the_grace_is_given_back_unburnt() {
    let queue = TestQueue::new().await;
    let settings = RunnerSettings { grace: Duration::from_millis(100), ..settings("impatient") };
    let worker = TestWorker::start_with(&queue, registry(), settings).await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 120]).await;
    queue.stage().begun(50, SOON).await;
    worker.drain().await.unwrap();
    assert_eq!(queue.stage().running(), 0, "their futures were dropped");
    for id in &ids {
        let job = queue.job(*id).await;
        assert_eq!((job.state.as_str(), job.attempt, job.started_at), ("queued", 0, None));
        assert_eq!(job.errors, serde_json::json!([]));
    }
    assert_eq!(traces(&queue).await, (0, 0));
    let mut ready = queue.ready("default", Priority::Default).await;
    ready.sort_unstable();
    assert_eq!(ready, ids, "they are on their list again, each once");
    let given_back = r#"job_outcomes_total{kind="test.gated",outcome="given_back"}"#;
    assert_eq!(queue.metric(given_back).to_string(), "50");

    queue.stage().open_for_all();
    let next = TestWorker::start(&queue).await;
    queue.all_ended(120, "completed", SOON).await;
    for id in &ids {
        assert_eq!(queue.job(*id).await.attempt, 1);
    }
    next.drain().await.unwrap();
}

#[tokio::test]
async fn an_idle_worker_stops_at_once() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&NoOp::default()).await;
    queue.completed(id).await;
    let started = std::time::Instant::now();
    worker.drain().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}: it waited for its BLMPOP", started.elapsed());
}

#[tokio::test]
async fn workers_that_come_and_go_under_load_burn_and_lose_nothing() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 3_000]).await;
    let mut rounds = 0;
    while queue.live().await > 0 && rounds < 50 {
        rounds += 1;
        let impatient = RunnerSettings { grace: Duration::ZERO, ..settings("coming and going") };
        let worker = TestWorker::start_with(&queue, registry(), impatient).await;
        let begun = queue.stage().runs().len();
        wait_until(SOON, "some jobs run", || async {
            queue.stage().runs().len() >= (begun + 200).min(3_000) || queue.live().await == 0
        })
        .await;
        worker.drain().await.unwrap();
        let ready: HashSet<Uuid> = queue.ready("default", Priority::Default).await.into_iter().collect();
        let live: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM queue_jobs").fetch_all(queue.pool()).await.unwrap();
        let lost = live.iter().filter(|id| !ready.contains(id)).count();
        assert_eq!(lost, 0, "of {} jobs left {lost} are on no list after round {rounds}", live.len());
    }
    queue.all_ended(3_000, "completed", Duration::from_secs(1)).await;
    for id in ids.iter().step_by(10) {
        assert_eq!(queue.job(*id).await.attempt, 1);
    }
}

#[tokio::test]
async fn a_duty_passes_to_another_worker_at_the_next_beat() {
    let queue = TestQueue::new().await;
    let first = TestWorker::start(&queue).await;
    let second = TestWorker::start_with(&queue, registry(), settings("second")).await;
    first.drain().await.unwrap();
    wait_until(Duration::from_secs(7), "the second worker holds all duties", || async {
        let held: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM queue_leases JOIN queue_workers ON holder = id
             WHERE name = 'second' AND held_until > clock_timestamp()",
        )
        .fetch_one(queue.pool())
        .await
        .unwrap();
        held == 4
    })
    .await;
    second.drain().await.unwrap();
}
