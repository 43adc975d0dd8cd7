//! F4: a worker process is killed with a hundred jobs running.

use std::{
    fs,
    time::{Duration, Instant},
};

use callboard_tests::{
    poison::{Lasting, worker},
    queue::TestQueue,
    wait::{SOON, wait_until},
};
use tempfile::TempDir;
use uuid::Uuid;

const JOBS: usize = 100;

/// Waits until this many runs have begun, in whichever process.
async fn begun(queue: &TestQueue, runs: usize, within: Duration) {
    wait_until(within, format!("{runs} runs begin"), || async {
        let begun = sqlx::query_scalar("SELECT count(*) FROM lasting_runs").fetch_one(queue.pool()).await;
        begun.is_ok_and(|begun: i64| usize::try_from(begun) == Ok(runs))
    })
    .await;
}

async fn worker_of(queue: &TestQueue, job: Uuid) -> Uuid {
    let statement = "SELECT worker_id FROM queue_jobs WHERE id = $1";
    sqlx::query_scalar(statement).bind(job).fetch_one(queue.pool()).await.unwrap()
}

#[tokio::test]
async fn a_hundred_jobs_of_a_killed_process_run_elsewhere_within_25_seconds() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    sqlx::query("CREATE TABLE lasting_runs (job uuid NOT NULL)").execute(queue.pool()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let lasting = Lasting { until: folder.path().join("open") };
    let mut doomed = worker(&queue, JOBS).spawn().unwrap();
    let jobs = queue.enqueue_many(&vec![lasting.clone(); JOBS]).await;
    begun(&queue, JOBS, SOON).await;
    // What comes now goes to the other one, as the first has no slot left.
    let mut heir = worker(&queue, JOBS + 1).spawn().unwrap();
    let own = queue.enqueue(&lasting).await;
    begun(&queue, JOBS + 1, SOON).await;
    let (dead, living) = (worker_of(&queue, jobs[0]).await, worker_of(&queue, own).await);
    assert_ne!(dead, living);

    doomed.kill().await.unwrap();
    let killed = Instant::now();
    begun(&queue, JOBS + 1 + JOBS, Duration::from_secs(25)).await;
    println!("all {JOBS} run elsewhere {:?} after the kill", killed.elapsed());
    for id in &jobs {
        let job = queue.job(*id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("running", 2), "the attempt counted");
        assert_eq!(job.errors[0]["failure"], "worker_lost");
        assert_eq!(worker_of(&queue, *id).await, living);
    }
    assert_eq!((worker_of(&queue, own).await, queue.job(own).await.attempt), (living, 1));

    fs::write(&lasting.until, "").unwrap();
    queue.all_ended(JOBS + 1, "completed", SOON).await;
    let mut committed = queue.effects().await;
    committed.sort_unstable();
    assert_eq!(committed, [jobs, vec![own]].concat(), "each once");
    heir.kill().await.unwrap();
}
