//! A job exists if and only if its transaction committed.

use std::time::Duration;

use callboard_queue::{
    Cause, EnqueueOptions, Error, Job, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH, Metrics, Priority, Queue, Runner,
    RunnerSettings,
};
use callboard_tests::{
    jobs::{NoOp, Returning, Spawning, registry},
    queue::TestQueue,
    stage::Stage,
    wait::SOON,
    worker::TestWorker,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

#[tokio::test]
async fn a_committed_job_runs_at_once() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&NoOp { number: 7 }).await;
    let job = queue.completed(id).await;
    assert_eq!((job.attempt, job.status()), (1, "finished"));
    let started = job.started_at.unwrap();
    assert!(started - job.created_at < chrono::TimeDelta::seconds(1), "it was handed over, not found by the auditor");
    assert!(job.finished_at.unwrap() >= started);
    assert_eq!(queue.stage().runs()[0].number, 7);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_rolled_back_job_never_existed() {
    let queue = TestQueue::new().await;
    let mut dropped = queue.queue().begin().await.unwrap();
    let first = dropped.enqueue(&NoOp { number: 1 }).await.unwrap().id;
    drop(dropped);
    let mut rolled_back = queue.queue().begin().await.unwrap();
    let second = rolled_back.enqueue(&NoOp { number: 2 }).await.unwrap().id;
    rolled_back.rollback().await.unwrap();
    for id in [first, second] {
        assert!(queue.queue().job(id).await.unwrap().is_none());
    }
    assert!(queue.ready("default", Priority::Default).await.is_empty(), "it is on no list either");
    // What is there nevertheless runs before this one.
    let last = queue.enqueue(&NoOp { number: 3 }).await;
    let worker = TestWorker::start(&queue).await;
    queue.completed(last).await;
    let numbers: Vec<i64> = queue.stage().runs().iter().map(|ran| ran.number).collect();
    assert_eq!(numbers, [3]);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_job_is_invisible_and_on_no_list_before_the_commit() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let id = transaction.enqueue(&NoOp::default()).await.unwrap().id;
    assert!(queue.queue().job(id).await.unwrap().is_none());
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_job_enqueued_on_a_bare_transaction_is_found_by_the_auditor() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut transaction = queue.pool().begin().await.unwrap();
    let job = NoOp::default();
    let id = callboard_queue::enqueue(&mut transaction, &job, &Cause::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    let job = queue.completed(id).await;
    let waited = job.started_at.unwrap() - job.created_at;
    assert!(waited <= chrono::TimeDelta::seconds(5), "{waited}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_thousand_jobs_enqueued_at_once_run_in_order() {
    let queue = TestQueue::new().await;
    let jobs: Vec<NoOp> = (0..1_000).map(|number| NoOp { number }).collect();
    let ids = queue.enqueue_many(&jobs).await;
    assert_eq!(ids.len(), 1_000);
    assert!(ids.is_sorted(), "ids sort by creation");
    assert_eq!(queue.ready("default", Priority::Default).await, ids);
    let mut settings = callboard_tests::worker::settings("one slot");
    (settings.slots, settings.fetchers) = (1, 1);
    let worker = TestWorker::start_with(&queue, callboard_tests::jobs::registry(), settings).await;
    queue.all_ended(1_000, "completed", Duration::from_mins(1)).await;
    let numbers: Vec<i64> = queue.stage().runs().iter().map(|ran| ran.number).collect();
    assert!(numbers.iter().copied().eq(0..1_000), "first in, first out: {numbers:?}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn an_empty_bulk_is_nothing() {
    let queue = TestQueue::new().await;
    assert!(queue.enqueue_many::<NoOp>(&[]).await.is_empty());
}

#[tokio::test]
async fn a_handler_enqueues_in_the_transaction_that_finishes_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let cause = Cause {
        owner: Some("user 7".to_owned()),
        request_id: Some("request-1".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    };
    let mut transaction = queue.queue().begin().await.unwrap().caused_by(cause);
    let id = transaction.enqueue(&Spawning { children: 25 }).await.unwrap().id;
    transaction.commit().await.unwrap();
    queue.completed(id).await;
    queue.all_ended(26, "completed", SOON).await;
    let caused = "SELECT count(*) FROM queue_history
                  WHERE owner = 'user 7' AND meta ->> 'request_id' = 'request-1' AND meta ->> 'traceparent' LIKE '00-4bf9%'";
    let caused: i64 = sqlx::query_scalar(caused).fetch_one(queue.pool()).await.unwrap();
    assert_eq!(caused, 26, "what a handler enqueues has the cause of its own job");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_cause_is_kept_with_the_job() {
    let queue = TestQueue::new().await;
    let cause = Cause {
        owner: Some("user 7".to_owned()),
        request_id: Some("request-1".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    };
    let mut transaction = queue.queue().begin().await.unwrap().caused_by(cause);
    let id = transaction.enqueue(&NoOp::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let job = queue.completed(id).await;
    assert_eq!(job.meta["enqueuer"], serde_json::Value::Null, "the queue has no name");
    assert_eq!(job.owner.as_deref(), Some("user 7"));
    assert_eq!(job.meta["request_id"], "request-1");
    assert!(job.meta["traceparent"].as_str().unwrap().starts_with("00-4bf9"));
    let lines = queue.logs().lines_with("request_id=\"request-1\"");
    assert_eq!(lines.len(), 1, "the run is logged with its request: {lines:?}");
    assert!(lines[0].contains("trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\""), "and with its trace: {lines:?}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn who_enqueued_a_job_is_kept_with_it() {
    let queue = TestQueue::new().await;
    let service = queue.queue().clone().named("some-service", "1.2.3");
    let mut transaction = service.begin().await.unwrap();
    let id = transaction.enqueue(&NoOp::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    assert_eq!(queue.completed(id).await.meta, json!({ "enqueuer": "some-service 1.2.3" }));
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_cause_with_a_nul_is_refused_by_name_before_postgresql_would() {
    let queue = TestQueue::new().await;
    let nul = || Some("a\0b".to_owned());
    let causes = [
        ("owner", Cause { owner: nul(), ..Cause::default() }),
        ("request_id", Cause { request_id: nul(), ..Cause::default() }),
        ("traceparent", Cause { traceparent: nul(), ..Cause::default() }),
    ];
    let mut transaction = queue.queue().begin().await.unwrap();
    for (expected, cause) in causes {
        transaction = transaction.caused_by(cause.clone());
        let error = transaction.enqueue(&NoOp::default()).await.unwrap_err();
        assert!(matches!(error, Error::Policy { field, .. } if field == expected), "{error}");
        let error = callboard_queue::enqueue(&mut transaction, &NoOp::default(), &cause).await.unwrap_err();
        assert!(matches!(error, Error::Policy { field, .. } if field == expected), "{error}");
    }
    // None has reached PostgreSQL: the transaction goes on.
    let mut transaction = transaction.caused_by(Cause::default());
    let id = transaction.enqueue(&NoOp::default()).await.unwrap().id;
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn options_override_the_kinds_policy() {
    let queue = TestQueue::new().await;
    let options = EnqueueOptions { priority: Some(Priority::Low), max_attempts: Some(1), ..EnqueueOptions::default() };
    let id = queue.enqueue_with(&NoOp::default(), options).await;
    let job = queue.job(id).await;
    assert_eq!((job.priority, job.max_attempts), (Priority::Low, 1));
    assert_eq!(queue.ready("default", Priority::Low).await, [id]);
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn options_that_can_not_be_are_refused_by_name() {
    let queue = TestQueue::new().await;
    let default = EnqueueOptions::default;
    let far = "+10000-01-01T00:00:00Z".parse().unwrap();
    let cases = [
        ("run_at", EnqueueOptions { run_at: Some(far), ..default() }),
        ("run_at", EnqueueOptions { run_at: Some(DateTime::<Utc>::MAX_UTC), ..default() }),
        ("MAX_ATTEMPTS", EnqueueOptions { max_attempts: Some(0), ..default() }),
        ("MAX_ATTEMPTS", EnqueueOptions { max_attempts: Some(-5), ..default() }),
        ("EXPIRES_IN", EnqueueOptions { expires_in: Some(Duration::ZERO), ..default() }),
        ("EXPIRES_IN", EnqueueOptions { expires_in: Some(Duration::from_nanos(1)), ..default() }),
        ("EXPIRES_IN", EnqueueOptions { expires_in: Some(Duration::MAX), ..default() }),
    ];
    let mut transaction = queue.queue().begin().await.unwrap();
    for (expected, options) in cases {
        let error = transaction.enqueue_with(&NoOp::default(), options.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Policy { field, .. } if field == expected), "{options:?}: {error}");
        assert!(error.to_string().contains("test.no_op") && error.to_string().contains(expected), "{error}");
    }
    // The last second that is taken, and the first there is.
    let last = EnqueueOptions { run_at: Some("9999-12-31T23:59:59Z".parse().unwrap()), ..default() };
    let first = EnqueueOptions { run_at: Some(DateTime::<Utc>::MIN_UTC), ..default() };
    let waiting = transaction.enqueue_with(&NoOp::default(), last).await.unwrap().id;
    let ready = transaction.enqueue_with(&NoOp::default(), first).await.unwrap().id;
    transaction.commit().await.unwrap();
    assert_eq!(queue.job(waiting).await.state, "scheduled");
    let worker = TestWorker::start(&queue).await;
    queue.completed(ready).await;
    queue.queue().cancel(waiting).await.unwrap();
    worker.drain().await.unwrap();
}

/// Whatever JSON there is.
#[derive(Serialize, Deserialize)]
struct Anything(serde_json::Value);

impl Job for Anything {
    const KIND: &'static str = "test.anything";
}

/// A kind that nobody could store.
#[derive(Serialize, Deserialize)]
struct Odd {}

impl Job for Odd {
    const KIND: &'static str = "Odd kind; DROP TABLE queue_jobs";
}

#[tokio::test]
async fn a_payload_that_no_parser_would_read_and_an_odd_kind_are_refused() {
    let queue = TestQueue::new().await;
    let nested = |levels: usize| Anything((0..levels).fold(json!(1), |inner, _| json!([inner])));
    let mut transaction = queue.queue().begin().await.unwrap();
    let error = transaction.enqueue(&nested(100)).await.unwrap_err();
    assert!(error.to_string().contains("nested 100 levels deep; 64 are allowed"), "{error}");
    transaction.enqueue(&nested(MAX_PAYLOAD_DEPTH)).await.unwrap();
    let error = transaction.enqueue(&Odd {}).await.unwrap_err();
    assert!(matches!(error, Error::Policy { field: "KIND", .. }), "{error}");
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn two_handlers_for_one_kind_are_refused_at_the_start() {
    let twice = registry().register::<NoOp>();
    let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap();
    let queue = Queue::connect(pool, "redis://127.0.0.1:1", "test", Metrics::noop()).unwrap();
    let error = Runner::new(queue, twice, Stage::default(), RunnerSettings::default()).err().unwrap();
    assert!(error.to_string().contains("two handlers are registered for `test.no_op`"), "{error}");
}

fn text(text: String) -> Returning {
    Returning { text, times: 1, nul: false }
}

#[tokio::test]
async fn a_payload_has_at_most_256_kib() {
    let queue = TestQueue::new().await;
    let frame = serde_json::to_string(&text(String::new())).unwrap().len();
    let mut transaction = queue.queue().begin().await.unwrap();
    let largest = text("x".repeat(MAX_PAYLOAD_BYTES - frame));
    let id = transaction.enqueue(&largest).await.unwrap().id;
    let too_large = transaction.enqueue(&text("x".repeat(MAX_PAYLOAD_BYTES - frame + 1))).await.unwrap_err();
    assert!(matches!(too_large, Error::Payload { ref kind, .. } if kind == Returning::KIND), "{too_large}");
    // A refused payload has not reached PostgreSQL: the transaction goes on.
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    queue.completed(id).await;
    let length = "SELECT length(payload ->> 'text')::bigint FROM queue_history WHERE id = $1";
    let length: i64 = sqlx::query_scalar(length).bind(id).fetch_one(queue.pool()).await.unwrap();
    assert_eq!(usize::try_from(length).unwrap(), MAX_PAYLOAD_BYTES - frame);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_nul_character_is_refused_before_postgresql_would() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let nul = transaction.enqueue(&text("a\0b".to_owned())).await.unwrap_err();
    assert!(matches!(nul, Error::Payload { .. }), "{nul}");
    let id = transaction.enqueue(&text("a literal \\u0000 and 😀 \u{1}".to_owned())).await.unwrap().id;
    transaction.commit().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let job = queue.completed(id).await;
    assert_eq!(job.result.unwrap()["text"], "a literal \\u0000 and 😀 \u{1}");
    worker.drain().await.unwrap();
}

/// A payload that can't become JSON.
#[derive(Serialize, Deserialize)]
struct Unwritable {
    #[serde(serialize_with = "refuse")]
    never: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn refuse<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("no"))
}

impl Job for Unwritable {
    const KIND: &'static str = "test.unwritable";
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_an_error_and_no_panic() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let error = transaction.enqueue(&Unwritable { never: 0 }).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }), "{error}");
}
