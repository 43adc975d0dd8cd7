//! PostgreSQL crashes, or is down for a while.

use std::time::{Duration, Instant};

use callboard_tests::{
    jobs::{Effect, Gated, NoOp, registry},
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};

use super::{busy::Busy, programs::Programs};

#[tokio::test]
async fn a_crash_mid_job_loses_nothing_and_commits_nothing_twice() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    queue.enqueue_many(&vec![NoOp::default(); 200]).await;
    queue.all_ended(200, "completed", SOON).await;
    let effects = queue.enqueue_many(&vec![Effect { gated: true }; 5]).await;
    queue.stage().begun(205, SOON).await;
    let gated = queue.enqueue_many(&vec![Gated::default(); 45]).await;
    queue.stage().begun(250, SOON).await;
    let waiting = queue.enqueue_many(&vec![NoOp::default(); 100]).await;

    services.crash_and_restart_postgres().await;
    let back = Instant::now();
    // Claims may be undone, and running rows be ours or nobody's.
    queue.stage().open_for_all();
    let jobs = 200 + effects.len() + gated.len() + waiting.len();
    queue.all_ended(jobs, "completed", Duration::from_secs(15)).await;
    assert!(back.elapsed() < Duration::from_secs(15));
    let mut committed = queue.effects().await;
    committed.sort_unstable();
    assert_eq!(committed, effects);
    assert_eq!(queue.metric("jobs_rescued_total").to_string(), "0", "its worker lives");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn crashes_under_load_lose_nothing_and_commit_nothing_twice() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let effects = queue.enqueue_many(&vec![Effect::default(); 3_000]).await;
    for crash in 1..=3 {
        wait_until(SOON, "the load goes on", || async { queue.stage().runs().len() > crash * 500 }).await;
        services.crash_and_restart_postgres().await;
    }
    let back = Instant::now();
    // The pool finds out connection by connection that they are gone.
    wait_until(2 * SOON, "all effects are committed and nothing is left", || async {
        let left: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM queue_jobs").fetch_one(queue.pool()).await;
        left.is_ok_and(|left| left == 0)
    })
    .await;
    println!("everything ended {:?} after the last restart", back.elapsed());
    let mut committed = queue.effects().await;
    committed.sort_unstable();
    assert_eq!(committed, effects);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn an_outage_loses_no_finished_work_and_makes_no_living_worker_look_dead() {
    let services = Services::start().await;
    let busy = Busy::on(&services).await;
    services.stop_postgres().await;
    busy.outlast(Duration::from_secs(30), "pool timed out").await;
    services.start_postgres().await;
    busy.recover().await;
}

#[tokio::test]
async fn both_programs_recover_from_an_outage_by_themselves() {
    let services = Services::start().await;
    let programs = Programs::on(&services).await;
    services.stop_postgres().await;
    programs.outlast(Duration::from_secs(30)).await;
    services.start_postgres().await;
    programs.recover().await;
}

#[tokio::test]
async fn a_restart_under_load_is_survived() {
    let services = Services::start().await;
    let busy = Busy::on(&services).await;
    services.restart_postgres().await;
    busy.queue.stage().open_for_all();
    busy.recover().await;
}

#[tokio::test]
async fn a_worker_starts_before_postgresql_does() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let id = queue.enqueue(&NoOp::default()).await;
    services.stop_postgres().await;
    let worker = TestWorker::launch(&queue, registry(), settings("early"));
    wait_until(SOON, "it says that it waits", || async {
        !queue.logs().lines_with("cannot register the worker yet").is_empty()
    })
    .await;
    assert!(!worker.is_ready());
    services.start_postgres().await;
    worker.ready(SOON).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}

/// What is idle in its pools then is dead, and nobody has found out yet.
#[tokio::test]
async fn a_worker_drains_cleanly_right_after_a_restart() {
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let worker = TestWorker::start(&queue).await;
    queue.enqueue_many(&vec![NoOp::default(); 50]).await;
    queue.all_ended(50, "completed", SOON).await;
    services.restart_postgres().await;
    worker.drain().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM queue_workers").fetch_one(queue.pool()).await.unwrap();
    assert_eq!(left, 0, "it left no row behind");
}
