//! Jobs of a worker that is gone run elsewhere; jobs of a living one never do.

use std::{
    cell::RefCell,
    collections::HashSet,
    time::{Duration, Instant},
};

use callboard_queue::{EnqueueOptions, RunnerSettings};
use callboard_tests::{
    jobs::{Effect, Gated, NoOp, registry},
    proxy::PostgresProxy,
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{MortalWorker, TestWorker, settings},
};
use chrono::{DateTime, TimeDelta, Utc};

#[tokio::test]
async fn a_killed_workers_jobs_run_elsewhere_within_25_seconds() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    // As many slots as jobs, so that what comes later goes to the survivor.
    let full = RunnerSettings { slots: 27, ..settings("doomed") };
    let doomed = MortalWorker::start(&queue, full).await;
    let jobs = queue.enqueue_many(&vec![Gated::default(); 20]).await;
    let effects = queue.enqueue_many(&vec![Effect { gated: true }; 5]).await;
    let last = EnqueueOptions { max_attempts: Some(1), ..EnqueueOptions::default() };
    let last = queue.enqueue_with(&Gated::default(), last).await;
    let repeated = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(27, SOON).await;
    let lost_before = r#"UPDATE queue_jobs SET errors = '[{"failure": "worker_lost"}]' WHERE id = ANY($1)"#;
    queue.execute_on(lost_before, &[repeated]).await;

    let survivor = TestWorker::start_with(&queue, registry(), settings("survivor")).await;
    let long = queue.enqueue(&Gated { number: 1 }).await;
    queue.stage().begun(28, SOON).await;
    doomed.kill();
    let killed = Instant::now();

    queue.stage().begun(28 + 25, Duration::from_secs(25)).await;
    let again = killed.elapsed();
    assert!(again >= Duration::from_secs(9), "rescued after {again:?}, before the worker could be taken for gone");
    for id in &jobs {
        let job = queue.job(*id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("running", 2), "the attempt counted");
        assert_eq!(job.errors[0]["failure"], "worker_lost");
        assert_eq!(job.errors[0]["attempt"], 1);
    }
    let discarded = queue.job_in_state(last, "discarded", SOON).await;
    assert_eq!((discarded.attempt, discarded.end_reason.as_deref()), (1, Some("attempts used up")));
    assert_eq!(discarded.errors[0]["failure"], "worker_lost");
    let counted: String = format!(r#"job_outcomes_total{{kind="{}",outcome="discarded"}}"#, discarded.kind);
    wait_until(SOON, "the discarded job is counted", || async { queue.metric(&counted) > 0.0 }).await;

    assert_eq!(queue.stage().times_run(long), 1);

    // A second loss waits, so that innocents part from what kills its process.
    let repeated_job = queue.job(repeated).await;
    assert_eq!((repeated_job.state.as_str(), repeated_job.attempt), ("scheduled", 1));
    assert!(repeated_job.run_at - repeated_job.queued_at <= TimeDelta::hours(1));
    assert_eq!(repeated_job.errors.as_array().unwrap().len(), 2);
    queue.make_due(&[repeated]).await;

    queue.stage().open_for_all();
    queue.all_ended(20 + 5 + 1 + 1, "completed", SOON).await;
    let mut committed = queue.effects().await;
    committed.sort_unstable();
    assert_eq!(committed, effects, "each effect once");
    assert_eq!(queue.metric("jobs_rescued_total").to_string(), "27");
    survivor.drain().await.unwrap();
}

#[tokio::test]
async fn a_long_job_on_a_living_worker_is_left_alone() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let other = TestWorker::start_with(&queue, registry(), settings("other")).await;
    let id = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    // Long enough for the others to judge: an orphan is taken away meanwhile.
    let orphan = queue.enqueue(&NoOp::default()).await;
    queue.completed(orphan).await;
    let abandon = "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, attempt, max_attempts,
                                           run_at, timeout_ms, worker_id, claim_id, started_at)
                   SELECT unnest($1::uuid[]), 'test.no_op', 'default', 1, 'queued', '{\"number\": 0}', 1, 10,
                          clock_timestamp(), 1000, gen_random_uuid(), gen_random_uuid(), clock_timestamp()";
    let abandoned = uuid::Uuid::now_v7();
    queue.execute_on(abandon, &[abandoned]).await;
    let job = queue.job_in_state(abandoned, "completed", Duration::from_secs(25)).await;
    assert_eq!(job.attempt, 2);
    let long = queue.job(id).await;
    assert_eq!((long.state.as_str(), long.attempt, queue.stage().times_run(id)), ("running", 1, 1));
    queue.stage().open_for_all();
    queue.completed(id).await;
    assert_eq!(queue.stage().times_run(id), 1);
    worker.drain().await.unwrap();
    other.drain().await.unwrap();
}

/// What the auditor has written down so far changes with each of its looks.
async fn looks_by(queue: &TestQueue, worker: &str, looks: usize) {
    let seen = RefCell::new(HashSet::new());
    wait_until(2 * SOON, format!("{looks} looks by {worker}"), || async {
        let note: Option<String> = sqlx::query_scalar(
            "SELECT note::text FROM queue_leases JOIN queue_workers ON holder = id
             WHERE duty = 'auditor' AND name = $1 AND beat_at > clock_timestamp() - interval '6 seconds'",
        )
        .bind(worker)
        .fetch_optional(queue.pool())
        .await
        .unwrap();
        seen.borrow_mut().extend(note);
        seen.borrow().len() > looks
    })
    .await;
}

#[tokio::test]
async fn an_outage_makes_no_living_worker_look_dead() {
    let queue = TestQueue::new().await;
    let options = queue.database().options();
    let (early_way, late_way) = (PostgresProxy::to(options.clone()).await, PostgresProxy::to(options).await);
    let late = TestWorker::start_through(&late_way, &queue, "late").await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 5]).await;
    queue.stage().begun(5, SOON).await;
    let early = TestWorker::start_through(&early_way, &queue, "early").await;
    early_way.cut();
    late_way.cut();
    wait_until(2 * SOON, "both are silent for long", || async {
        let silent: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM queue_workers WHERE beat_at < clock_timestamp() - interval '16 seconds'",
        )
        .fetch_one(queue.pool())
        .await
        .unwrap();
        silent == 2
    })
    .await;
    // One is back before the other, and sees its silence.
    early_way.mend();
    looks_by(&queue, "early", 3).await;
    late_way.mend();
    late.ready(SOON).await;
    queue.stage().open_for_all();
    queue.all_ended(5, "completed", SOON).await;
    for id in &ids {
        assert_eq!((queue.job(*id).await.attempt, queue.stage().times_run(*id)), (1, 1));
    }
    assert_eq!(queue.metric("jobs_rescued_total").to_string(), "0");
    early.drain().await.unwrap();
    late.drain().await.unwrap();
}

#[tokio::test]
async fn a_locked_row_does_not_hold_up_the_rescue_of_others() {
    let queue = TestQueue::new().await;
    let doomed = MortalWorker::start(&queue, settings("doomed")).await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 3]).await;
    queue.stage().begun(3, SOON).await;
    doomed.kill();
    // A worker stopped inside a handler's transaction would hold it like this.
    let mut holder = queue.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM queue_jobs WHERE id = $1 FOR UPDATE").bind(ids[0]).execute(&mut *holder).await.unwrap();
    queue.stage().open_for_all();
    let survivor = TestWorker::start_with(&queue, registry(), settings("survivor")).await;
    for id in &ids[1..] {
        queue.job_in_state(*id, "completed", Duration::from_secs(25)).await;
    }
    assert_eq!(queue.job(ids[0]).await.state, "running");
    holder.rollback().await.unwrap();
    queue.completed(ids[0]).await;
    survivor.drain().await.unwrap();
}

#[tokio::test]
async fn a_way_to_postgres_that_falls_silent_makes_no_living_worker_look_dead() {
    let queue = TestQueue::new().await;
    let way = PostgresProxy::to(queue.database().options()).await;
    let worker = TestWorker::start_through(&way, &queue, "behind a silent way").await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 5]).await;
    queue.stage().begun(5, SOON).await;
    // All connections that it has are dead, and nothing says so.
    way.hang();
    let beat = || async {
        let beat = "SELECT beat_at FROM queue_workers";
        sqlx::query_scalar::<_, DateTime<Utc>>(beat).fetch_one(queue.pool()).await.unwrap()
    };
    let last = beat().await;
    wait_until(Duration::from_secs(12), "it beats over a new one", || async { beat().await > last }).await;
    queue.stage().open_for_all();
    queue.all_ended(5, "completed", 2 * SOON).await;
    for id in &ids {
        assert_eq!((queue.job(*id).await.attempt, queue.stage().times_run(*id)), (1, 1));
    }
    worker.drain().await.unwrap();
}
