//! What operators do in a transaction of their own: with its commit, or not at all.

use callboard_queue::{Cancellation, Cause, EnqueueOptions, Error, Flow, JobState, Priority, Schedule};
use callboard_tests::{
    jobs::{Gated, Keyed, Limited, NoOp, Scope},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{TimeDelta, Utc};
use futures::StreamExt as _;
use uuid::Uuid;

const SCHEDULE: &str = "yearly";

/// A schedule that no worker ticks any more.
async fn declare(queue: &TestQueue) {
    let yearly = Schedule::new(SCHEDULE, "0 0 1 1 *", "UTC", &NoOp::default()).unwrap();
    TestWorker::start_scheduling(queue, vec![yearly]).await.drain().await.unwrap();
}

async fn scheduled(queue: &TestQueue) -> Uuid {
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    queue.enqueue_with(&NoOp::default(), later).await
}

async fn paused(queue: &TestQueue, name: &str) -> bool {
    queue.queue().queue(name).await.unwrap().paused_at.is_some()
}

async fn is_enabled(queue: &TestQueue) -> bool {
    queue.queue().schedule(SCHEDULE).await.unwrap().enabled
}

/// Nobody is told either: the only signal is that of the commit at the end.
#[tokio::test]
async fn what_is_taken_back_was_never_done() {
    let queue = TestQueue::new().await;
    declare(&queue).await;
    let (job, later) = (queue.enqueue(&NoOp::default()).await, scheduled(&queue).await);
    let mut told = queue.subscribe("signals").await;
    let mut transaction = queue.queue().begin().await.unwrap();
    assert_eq!(transaction.cancel(job).await.unwrap(), Cancellation::Ended);
    assert_eq!(transaction.job(job).await.unwrap().unwrap().state, "cancelled");
    assert_eq!(transaction.retry(later).await.unwrap(), JobState::Queued);
    assert!(transaction.pause("mail", Some("ada")).await.unwrap());
    let view = transaction.queue("mail").await.unwrap();
    assert_eq!((view.paused_at.is_some(), view.paused_by.as_deref()), (true, Some("ada")));
    transaction.enable_schedule(SCHEDULE, false).await.unwrap();
    assert!(!transaction.lock_schedule(SCHEDULE).await.unwrap().enabled);
    let run = transaction.run_schedule(SCHEDULE).await.unwrap().id;
    transaction.rollback().await.unwrap();

    assert_eq!(queue.job(job).await.state, "queued");
    assert_eq!(queue.job(later).await.state, "scheduled");
    assert!(!paused(&queue, "mail").await && is_enabled(&queue).await);
    assert!(queue.queue().job(run).await.unwrap().is_none());
    assert_eq!(queue.ready("default", Priority::Default).await, [job], "what came before alone is on the list");
    queue.queue().pause("last", None).await.unwrap();
    let signal: String = told.next().await.unwrap().get_payload().unwrap();
    assert_eq!(signal, "queues");
    for id in [job, later] {
        queue.queue().cancel(id).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_committed_takes_effect_together_and_workers_are_told() {
    let queue = TestQueue::new().await;
    declare(&queue).await;
    let worker = TestWorker::start(&queue).await;
    let running = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    let (later, unwanted) = (scheduled(&queue).await, scheduled(&queue).await);
    let cause = Cause { owner: Some("ada".to_owned()), ..Cause::default() };
    let mut transaction = queue.queue().begin().await.unwrap().caused_by(cause);
    sqlx::query("CREATE TABLE notes (text text)").execute(&mut *transaction).await.unwrap();
    assert_eq!(transaction.cancel(running).await.unwrap(), Cancellation::Requested);
    assert_eq!(transaction.cancel(running).await.unwrap(), Cancellation::AlreadyRequested);
    assert_eq!(transaction.cancel(unwanted).await.unwrap(), Cancellation::Ended);
    assert_eq!(transaction.retry(later).await.unwrap(), JobState::Queued);
    assert!(transaction.pause("capped", None).await.unwrap());
    assert!(!transaction.pause("capped", None).await.unwrap());
    transaction.enable_schedule(SCHEDULE, false).await.unwrap();
    let run = transaction.run_schedule(SCHEDULE).await.unwrap().id;
    transaction.commit().await.unwrap();

    queue.job_in_state(running, "cancelled", SOON).await;
    queue.completed(later).await;
    assert_eq!(queue.completed(run).await.owner.as_deref(), Some("ada"));
    assert_eq!(queue.job(unwanted).await.state, "cancelled");
    assert!(paused(&queue, "capped").await && !is_enabled(&queue).await);
    let counted = "job_outcomes_total{kind=\"test.no_op\",outcome=\"cancelled\"}";
    assert_eq!(queue.metric(counted).to_string(), "1", "once, by the commit");
    let mut transaction = queue.queue().begin().await.unwrap();
    assert!(transaction.resume("capped").await.unwrap() && !transaction.resume("capped").await.unwrap());
    transaction.commit().await.unwrap();
    assert!(!paused(&queue, "capped").await);
    worker.drain().await.unwrap();
}

/// A freed slot and an ended parent are told, so that nobody waits for an auditor's look.
#[tokio::test]
async fn what_may_go_on_after_the_commit_is_told() {
    let queue = TestQueue::new().await;
    let limited = queue.enqueue(&Limited::to(1, "k")).await;
    let mut flow = Flow::new();
    let first = flow.add(&NoOp::default());
    flow.add_after(&[first], &NoOp::default());
    let mut transaction = queue.queue().begin().await.unwrap();
    let parent = transaction.enqueue_flow(flow).await.unwrap()[0];
    transaction.commit().await.unwrap();

    let mut told = queue.subscribe("signals").await;
    let mut transaction = queue.queue().begin().await.unwrap();
    for id in [limited, parent] {
        transaction.cancel(id).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut signals = Vec::new();
    for _ in 0..2 {
        signals.push(told.next().await.unwrap().get_payload::<String>().unwrap());
    }
    signals.sort();
    assert_eq!(signals, [format!("ended {parent}"), "limit k".to_owned()]);
    queue.leaves_jobs("no worker unblocks the child");
}

/// What was done before in the transaction stays, and it goes on.
#[tokio::test]
async fn a_refusal_names_what_is_wrong_and_spoils_nothing() {
    let queue = TestQueue::new().await;
    let key = Keyed::new("one", Scope::Finished);
    let ended = queue.enqueue(&key).await;
    queue.queue().cancel(ended).await.unwrap();
    let (holder, other) = (queue.enqueue(&key).await, queue.enqueue(&NoOp::default()).await);
    let nobody = Uuid::now_v7();
    let mut transaction = queue.queue().begin().await.unwrap();
    transaction.cancel(other).await.unwrap();
    let refused = transaction.retry(ended).await.unwrap_err();
    assert!(matches!(refused, Error::KeyHeld { id, holder: by } if (id, by) == (ended, holder)), "{refused}");
    for id in [ended, other] {
        let refused = transaction.cancel(id).await.unwrap_err();
        assert!(matches!(refused, Error::WrongState { state: JobState::Cancelled, .. }), "{refused}");
    }
    let refused = transaction.retry(holder).await.unwrap_err();
    assert!(matches!(refused, Error::WrongState { state: JobState::Queued, .. }), "{refused}");
    for refused in [transaction.cancel(nobody).await.unwrap_err(), transaction.retry(nobody).await.unwrap_err()] {
        assert!(matches!(refused, Error::NoSuchJob(id) if id == nobody), "{refused}");
    }
    for refused in [
        transaction.pause("No", None).await.unwrap_err(),
        transaction.resume("").await.unwrap_err(),
        transaction.queue("a b").await.unwrap_err(),
    ] {
        assert!(matches!(refused, Error::NoSuchQueue(_)), "{refused}");
    }
    for refused in [
        transaction.lock_schedule("none").await.unwrap_err(),
        transaction.enable_schedule("none", true).await.unwrap_err(),
        transaction.run_schedule("none").await.unwrap_err(),
    ] {
        assert!(matches!(refused, Error::NoSuchSchedule(_)), "{refused}");
    }
    transaction.commit().await.unwrap();
    assert_eq!(
        (queue.job(other).await.state, queue.job(ended).await.state),
        (JobState::Cancelled, JobState::Cancelled)
    );
    queue.queue().cancel(holder).await.unwrap();
}

#[tokio::test]
async fn a_day_that_the_history_lacks_is_made_and_the_transaction_goes_on() {
    let queue = TestQueue::new().await;
    let job = queue.enqueue(&NoOp::default()).await;
    super::history::drop_partitions(&queue).await;
    let mut transaction = queue.queue().begin().await.unwrap();
    assert_eq!(transaction.cancel(job).await.unwrap(), Cancellation::Ended);
    transaction.commit().await.unwrap();
    assert_eq!(queue.job(job).await.state, "cancelled");
}

/// Of two who decide by what they read, the second reads what the first wrote.
#[tokio::test]
async fn a_schedule_that_is_read_stays_so_until_the_end() {
    let queue = TestQueue::new().await;
    declare(&queue).await;
    let mut first = queue.queue().begin().await.unwrap();
    assert!(first.lock_schedule(SCHEDULE).await.unwrap().enabled);
    let handle = queue.queue().clone();
    let second = tokio::spawn(async move {
        let mut transaction = handle.begin().await.unwrap();
        let is_enabled = transaction.lock_schedule(SCHEDULE).await.unwrap().enabled;
        transaction.rollback().await.unwrap();
        is_enabled
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let is_waiting = || async {
        sqlx::query_scalar::<_, i64>(waits).fetch_one(queue.pool()).await.is_ok_and(|waiting| waiting == 1)
    };
    wait_until(SOON, "the second waits", is_waiting).await;
    first.enable_schedule(SCHEDULE, false).await.unwrap();
    first.commit().await.unwrap();
    assert!(!second.await.unwrap());
}

/// Whoever falls silent in between must not keep a finish waiting for as long as TCP takes.
#[tokio::test]
async fn from_an_act_on_a_transaction_idles_for_ten_seconds_at_most() {
    let queue = TestQueue::new().await;
    declare(&queue).await;
    let job = queue.enqueue(&NoOp::default()).await;
    for act in ["cancel", "retry", "pause", "resume", "lock_schedule", "enable_schedule"] {
        let mut transaction = queue.queue().begin().await.unwrap();
        match act {
            "cancel" => drop(transaction.cancel(job).await.unwrap()),
            "retry" => drop(transaction.retry(job).await.unwrap_err()),
            "pause" => drop(transaction.pause("mail", None).await.unwrap()),
            "resume" => drop(transaction.resume("mail").await.unwrap()),
            "lock_schedule" => drop(transaction.lock_schedule(SCHEDULE).await.unwrap()),
            _ => transaction.enable_schedule(SCHEDULE, true).await.unwrap(),
        }
        let idle: String =
            sqlx::query_scalar("SHOW idle_in_transaction_session_timeout").fetch_one(&mut *transaction).await.unwrap();
        assert_eq!(idle, "10s", "{act}");
    }
    queue.queue().cancel(job).await.unwrap();
}

/// The transaction has the last one that its pool has to give.
#[tokio::test]
async fn a_missing_day_is_made_without_another_connection() {
    let queue = TestQueue::new().await;
    let job = queue.enqueue(&NoOp::default()).await;
    super::history::drop_partitions(&queue).await;
    let two = queue.impatient_handle();
    let _other = two.pool().acquire().await.unwrap();
    let mut transaction = two.begin().await.unwrap();
    transaction.cancel(job).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(queue.job(job).await.state, "cancelled");
}
