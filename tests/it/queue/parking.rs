//! A kind that this worker doesn't know waits for one that does.

use std::time::Duration;

use callboard_queue::{Priority, Registry};
use callboard_tests::{
    jobs::{Limited, NoOp, Original, Revised, Stranger, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

/// Within this time the auditor lets all of them go on, and they run.
const HEALED: Duration = Duration::from_secs(20);

/// As many as the specification of faults has.
const MANY: usize = 10_000;

#[tokio::test]
async fn a_kind_that_nobody_knows_waits_unburnt_and_unwritten_and_runs_when_a_worker_knows_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let ids = queue.enqueue_many(&vec![Stranger {}; MANY]).await;
    let other = queue.enqueue(&NoOp::default()).await;
    queue.completed(other).await;
    let blocked = || async { count(&queue, "blocked_by = 'kind' AND attempt = 0 AND errors = '[]'").await == MANY };
    wait_until(SOON, "all are parked", blocked).await;
    assert_eq!(queue.logs().lines_with("no handler here for this kind").len(), 1, "logged once");
    assert!(queue.ready("default", Priority::Default).await.is_empty());

    let written = rows_written(&queue).await;
    for look in 1..=3 {
        the_auditor_has_looked(&queue).await;
        assert!(rows_written(&queue).await == written, "look {look} of the auditor wrote something");
    }

    worker.drain().await.unwrap();

    let newer = TestWorker::start_with(&queue, registry().register::<Stranger>(), settings("newer")).await;
    queue.all_ended(MANY + 1, "completed", HEALED).await;
    assert!(ids.iter().all(|id| queue.stage().times_run(*id) == 1));
    newer.drain().await.unwrap();
}

#[tokio::test]
async fn a_kind_that_another_worker_knows_is_put_off_for_that_one() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let elsewhere = "INSERT INTO queue_workers (id, name, version, queues, kinds, slots, beat_at)
                     VALUES (gen_random_uuid(), 'elsewhere', '2', '{default}', '{test.stranger}', 1, 'infinity')";
    sqlx::query(elsewhere).execute(queue.pool()).await.unwrap();
    let before = Utc::now();
    let ids = queue.enqueue_many(&vec![Stranger {}; 100]).await;
    for id in &ids {
        let job = queue.job_in_state(*id, "scheduled", SOON).await;
        assert_eq!((job.attempt, job.errors.as_array().unwrap().len()), (0, 0));
        let wait = (job.run_at - before).to_std().unwrap();
        assert!((Duration::from_secs(5)..Duration::from_secs(61) + SOON).contains(&wait), "{wait:?}");
    }
    worker.drain().await.unwrap();
    let newer = TestWorker::start_with(&queue, registry().register::<Stranger>(), settings("newer")).await;
    queue.make_due(&ids).await;
    queue.all_ended(ids.len(), "completed", SOON).await;
    newer.drain().await.unwrap();
}

#[tokio::test]
async fn old_and_new_workers_read_the_versions_of_a_payload_side_by_side() {
    let queue = TestQueue::new().await;
    let old = TestWorker::start_with(&queue, Registry::new().register::<Original>(), settings("old")).await;
    let first = queue.enqueue(&Original { number: 1 }).await;
    let second = queue.enqueue(&Revised { numbers: vec![2] }).await;
    assert_eq!(queue.completed(first).await.result, Some(json!({ "by": "original", "version": 1 })));
    let job = queue.job_in_state(second, "blocked", SOON).await;
    assert_eq!((job.blocked_by.as_deref(), job.attempt), (Some("kind"), 0));

    old.drain().await.unwrap();
    let new = TestWorker::start_with(&queue, Registry::new().register::<Revised>(), settings("new")).await;
    assert_eq!(queue.completed(second).await.result, Some(json!({ "by": "revised", "version": 2 })));
    let third = queue.enqueue(&Original { number: 3 }).await;
    assert_eq!(queue.completed(third).await.result, Some(json!({ "by": "revised", "version": 1 })));
    new.drain().await.unwrap();
}

#[tokio::test]
async fn jobs_with_a_limit_wait_for_their_slot_again_when_their_kind_is_known() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start_with(&queue, Registry::new().register::<NoOp>(), settings("old")).await;
    let ids = queue.enqueue_many(&vec![Limited { ungated: true, ..Limited::to(1, "smtp") }; 3]).await;
    for id in &ids {
        // Parked ones hold no slot, so the next is admitted and parked too.
        assert_eq!(queue.job_in_state(*id, "blocked", SOON).await.attempt, 0);
    }
    let parked = || async { count(&queue, "blocked_by = 'kind' AND NOT admitted").await == ids.len() };
    wait_until(SOON, "all are parked", parked).await;
    worker.drain().await.unwrap();
    let newer = TestWorker::start_with(&queue, registry(), settings("newer")).await;
    queue.all_ended(ids.len(), "completed", SOON).await;
    newer.drain().await.unwrap();
}

async fn count(queue: &TestQueue, condition: &str) -> usize {
    let statement = format!("SELECT count(*) FROM queue_jobs WHERE {condition}");
    let jobs: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(queue.pool()).await.unwrap();
    usize::try_from(jobs).unwrap()
}

/// Waits until the auditor writes down how far it has come.
async fn the_auditor_has_looked(queue: &TestQueue) {
    let note = || async {
        let note = "SELECT note FROM queue_leases WHERE duty = 'auditor'";
        sqlx::query_scalar::<_, Value>(note).fetch_one(queue.pool()).await.unwrap()
    };
    let before = note().await;
    wait_until(SOON, "the auditor looks", || async { note().await != before }).await;
}

/// The transactions that last wrote the jobs.
async fn rows_written(queue: &TestQueue) -> Vec<(Uuid, String)> {
    sqlx::query_as("SELECT id, xmin::text FROM queue_jobs ORDER BY id").fetch_all(queue.pool()).await.unwrap()
}

#[tokio::test]
async fn a_renamed_kind_runs_under_its_old_name() {
    let queue = TestQueue::new().await;
    let id = queue.enqueue(&Stranger {}).await;
    let registry = Registry::new().register::<NoOp>().register_as::<Stranger>("test.renamed");
    queue.execute_on("UPDATE queue_jobs SET kind = 'test.renamed' WHERE id = ANY($1)", &[id]).await;
    let worker = TestWorker::start_with(&queue, registry, settings("renamed")).await;
    assert_eq!(queue.completed(id).await.kind, "test.renamed");
    worker.drain().await.unwrap();
}
