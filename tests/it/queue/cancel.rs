//! Cancelling: at once where a job waits, by its token where it runs.

use std::time::{Duration, Instant};

use callboard_queue::{Cancellation, EnqueueOptions, Error, JobState, Priority};
use callboard_tests::{
    jobs::{Cancellable, Failing, Gated, Limited, NoOp, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{MortalWorker, TestWorker, settings},
};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

const TOKEN_FIRES_WITHIN: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_waiting_job_ends_at_once_and_never_runs() {
    let queue = TestQueue::new().await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let queued = queue.enqueue(&Cancellable::Fails).await;
    let scheduled = queue.enqueue_with(&NoOp::default(), later).await;
    for id in [queued, scheduled] {
        assert_eq!(queue.queue().cancel(id).await.unwrap(), Cancellation::Ended);
        let job = queue.job(id).await;
        assert_eq!((job.state.as_str(), job.status(), job.attempt), ("cancelled", "cancelled", 0));
        assert_eq!(job.end_reason.as_deref(), Some("cancelled on request"));
    }
    let worker = TestWorker::start(&queue).await;
    let after = queue.enqueue(&NoOp::default()).await;
    queue.completed(after).await;
    assert_eq!(queue.stage().runs().len(), 1, "only the last one ran");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn cancelled_jobs_are_kept_as_long_as_their_kind_says() {
    let queue = TestQueue::new().await;
    let knowing = queue.queue().clone().with_kinds(&registry().policies());
    let days = "SELECT keep_until - (clock_timestamp() AT TIME ZONE 'UTC')::date FROM queue_history WHERE id = $1";
    let mut kept = Vec::new();
    for handle in [&knowing, queue.queue()] {
        let id = queue.enqueue(&Cancellable::Fails).await;
        handle.cancel(id).await.unwrap();
        kept.push(sqlx::query_scalar::<_, i32>(days).bind(id).fetch_one(queue.pool()).await.unwrap());
    }
    assert_eq!(kept, [40, 30], "30 days where the kind is not known");
}

#[tokio::test]
async fn the_token_of_a_running_job_fires_at_once_and_however_it_fails_it_is_cancelled() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    for job in [Cancellable::Fails, Cancellable::Retries, Cancellable::Ignores] {
        let begun = queue.stage().runs().len();
        let id = queue.enqueue(&job).await;
        queue.stage().begun(begun + 1, SOON).await;
        let asked = Instant::now();
        assert_eq!(queue.queue().cancel(id).await.unwrap(), Cancellation::Requested);
        let ended = queue.job_in_state(id, "cancelled", SOON).await;
        let dropped_after = if matches!(job, Cancellable::Ignores) { Duration::from_secs(1) } else { Duration::ZERO };
        assert!(asked.elapsed() < dropped_after + TOKEN_FIRES_WITHIN, "{job:?} took {:?}", asked.elapsed());
        assert_eq!((ended.attempt, ended.end_reason.as_deref()), (1, Some("cancelled on request")));
        assert_eq!(ended.errors[0]["failure"], "cancelled");
    }
    assert_eq!(queue.metric(r#"job_outcomes_total{kind="test.cancellable",outcome="cancelled"}"#).to_string(), "3");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_completion_that_comes_first_wins() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Cancellable::Completes).await;
    queue.stage().begun(1, SOON).await;
    assert_eq!(queue.queue().cancel(id).await.unwrap(), Cancellation::Requested);
    queue.completed(id).await;
    let error = queue.queue().cancel(id).await.unwrap_err();
    assert!(matches!(error, Error::WrongState { state: JobState::Completed, .. }), "{error}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn without_redis_the_next_beat_brings_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Cancellable::Fails).await;
    queue.stage().begun(1, SOON).await;
    // What a signal would follow.
    queue.execute_on("UPDATE queue_jobs SET cancel_requested = true WHERE id = ANY($1)", &[id]).await;
    queue.job_in_state(id, "cancelled", Duration::from_secs(7)).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn it_wins_over_a_retry_that_is_on_its_way() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Failing { times: 99 }).await;
    queue.job_in_state(id, "scheduled", SOON).await;
    // The request comes in after the run has failed and before that is written:
    // the run itself never hears of it.
    queue
        .execute_on(
            "UPDATE queue_jobs SET cancel_requested = true, state = 'queued', queued_at = clock_timestamp()
             WHERE id = ANY($1)",
            &[id],
        )
        .await;
    queue.push("default", Priority::Default, &[id]).await;
    let job = queue.job_in_state(id, "cancelled", SOON).await;
    assert_eq!(job.attempt, 2);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn it_wins_over_a_give_back() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    queue.execute_on("UPDATE queue_jobs SET cancel_requested = true WHERE id = ANY($1)", &[id]).await;
    worker.drain().await.unwrap();
    assert_eq!(queue.job(id).await.state, "cancelled");
}

#[tokio::test]
async fn it_wins_over_the_failure_of_the_last_attempt() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let once = EnqueueOptions { max_attempts: Some(1), ..EnqueueOptions::default() };
    let id = queue.enqueue_with(&Limited { fails: true, ..Limited::to(1, "k") }, once).await;
    queue.stage().begun(1, SOON).await;
    // Its worker has not heard of it when the attempt fails.
    queue.execute_on("UPDATE queue_jobs SET cancel_requested = true WHERE id = ANY($1)", &[id]).await;
    queue.stage().open_for_all();
    let job = queue.job_in_state(id, "cancelled", SOON).await;
    assert_eq!(job.end_reason.as_deref(), Some("cancelled on request"));
    assert_eq!(job.errors[0]["failure"], "error");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn it_wins_over_a_rescue() {
    let queue = TestQueue::new().await;
    let dying = MortalWorker::start(&queue, settings("dying")).await;
    let id = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    dying.kill();
    assert_eq!(queue.queue().cancel(id).await.unwrap(), Cancellation::Requested);
    let worker = TestWorker::start(&queue).await;
    let job = queue.job_in_state(id, "cancelled", Duration::from_secs(40)).await;
    assert_eq!((job.attempt, job.errors[0]["failure"].as_str()), (1, Some("worker_lost")));
    assert_eq!(queue.stage().times_run(id), 1, "not run again");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_that_says_so() {
    let queue = TestQueue::new().await;
    let nobody = Uuid::now_v7();
    let error = queue.queue().cancel(nobody).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchJob(id) if id == nobody), "{error}");
    let id = queue.enqueue(&NoOp::default()).await;
    queue.queue().cancel(id).await.unwrap();
    let error = queue.queue().cancel(id).await.unwrap_err();
    assert_eq!(error.to_string(), format!("job {id} is cancelled"));
}

#[tokio::test]
async fn fifty_claims_and_cancels_at_once_end_every_job_exactly_once() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 200]).await;
    let mut cancels = tokio::task::JoinSet::new();
    for id in ids.clone() {
        let handle = queue.queue().clone();
        cancels.spawn(async move { handle.cancel(id).await });
    }
    let mut ended = 0;
    while let Some(cancelled) = cancels.join_next().await {
        ended += usize::from(matches!(cancelled.unwrap(), Ok(Cancellation::Ended)));
    }
    wait_until(SOON, "all jobs end".to_owned(), || async { queue.live().await == 0 }).await;
    let completed = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM queue_history WHERE state = 'completed'");
    let completed = usize::try_from(completed.fetch_one(queue.pool()).await.unwrap()).unwrap();
    assert!(completed + ended <= ids.len(), "{completed} + {ended}");
    let rows =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM queue_history").fetch_one(queue.pool()).await.unwrap();
    assert_eq!(usize::try_from(rows).unwrap(), ids.len());
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_signal_that_the_ledger_knows_nothing_of_cancels_nothing() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let stray = queue.enqueue(&Gated::default()).await;
    let asked = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(2, SOON).await;
    queue.publish("signals", &format!("cancel {stray}")).await;
    queue.publish("signals", "cancel nonsense").await;
    // Signals are heard one after the other: the stray one has been by then.
    queue.queue().cancel(asked).await.unwrap();
    queue.job_in_state(asked, "cancelled", SOON).await;
    assert_eq!(queue.job(stray).await.state, "running");
    queue.stage().open_for_all();
    queue.completed(stray).await;
    worker.drain().await.unwrap();
}
