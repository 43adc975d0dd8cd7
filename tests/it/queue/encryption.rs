//! Encrypted payloads: unreadable in the database, readable to handlers, over a rotation of keys.

use callboard_queue::{
    Cause, EnqueueOptions, Error, Failure, Handler, Job, Kinds, Metrics, Outcome, PayloadKeys, Queue, Registry, Run,
    Runner, RunnerSettings, Schedule,
};
use callboard_tests::{
    queue::TestQueue,
    stage::Stage,
    wait::SOON,
    worker::{TestWorker, settings},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

const OLD: &str = "old=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "new=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Returns its secret's length, so that the test sees that it was read.
#[derive(Debug, Serialize, Deserialize)]
struct Secret {
    token: String,
}

impl Job for Secret {
    const KIND: &'static str = "test.secret";
    const ENCRYPTED: bool = true;
    const MAX_ATTEMPTS: i16 = 1;
}

impl Handler<Stage> for Secret {
    async fn run(self, stage: &Stage, run: &Run) -> Result<Outcome, Failure> {
        let _running = stage.enter(run, 0);
        Ok(Outcome::CompletedWith(json!({ "length": self.token.len() })))
    }
}

fn secret() -> Secret {
    Secret { token: "correct horse battery staple".to_owned() }
}

fn with(queue: &TestQueue, keys: &str) -> Queue {
    queue.queue().clone().with_payload_keys(PayloadKeys::parse(keys).unwrap())
}

async fn worker(queue: &TestQueue, keys: &str) -> TestWorker {
    let registry = Registry::new().register::<Secret>();
    let worker = TestWorker::launch_on(with(queue, keys), queue.stage(), registry, settings("secret"));
    worker.ready(SOON).await;
    worker
}

async fn enqueue(queue: &Queue) -> uuid::Uuid {
    let mut transaction = queue.begin().await.unwrap();
    let id = transaction.enqueue(&secret()).await.unwrap().id;
    transaction.commit().await.unwrap();
    id
}

const HISTORY: &str = "SELECT to_jsonb(job)::text FROM queue_history AS job WHERE id = $1";

/// All that a row has.
async fn row(queue: &TestQueue, statement: &'static str, id: uuid::Uuid) -> String {
    sqlx::query_scalar(statement).bind(id).fetch_one(queue.pool()).await.unwrap()
}

#[tokio::test]
async fn the_database_never_holds_the_secret_and_the_handler_gets_it_also_after_a_rotation() {
    let queue = TestQueue::new().await;
    let id = enqueue(&with(&queue, OLD)).await;
    let row = row(&queue, "SELECT to_jsonb(job)::text FROM queue_jobs AS job WHERE id = $1", id).await;
    assert!(!row.contains("horse") && row.contains("$encrypted"), "{row}");
    let rotated = worker(&queue, &format!("{NEW},{OLD}")).await;
    let job = queue.completed(id).await;
    assert_eq!(job.result, Some(json!({ "length": 28 })));
    let row = self::row(&queue, HISTORY, id).await;
    assert!(!row.contains("horse") && row.contains("$encrypted"), "{row}");
    rotated.drain().await.unwrap();
}

/// What an older or a mistaken worker takes a [`Secret`] for.
#[derive(Debug, Serialize, Deserialize)]
struct Misread {
    token: u32,
}

impl Job for Misread {
    const KIND: &'static str = Secret::KIND;
    const ENCRYPTED: bool = true;
    const MAX_ATTEMPTS: i16 = 1;
}

impl Handler<Stage> for Misread {
    async fn run(self, _: &Stage, _: &Run) -> Result<Outcome, Failure> {
        Ok(Outcome::Completed)
    }
}

#[tokio::test]
async fn a_secret_that_does_not_decode_is_not_quoted_in_the_error_history() {
    let queue = TestQueue::new().await;
    let id = enqueue(&with(&queue, OLD)).await;
    let registry = Registry::new().register::<Misread>();
    let worker = TestWorker::launch_on(with(&queue, OLD), queue.stage(), registry, settings("misread"));
    let job = queue.job_in_state(id, "discarded", SOON).await;
    assert_eq!(job.errors[0]["failure"], "undecodable");
    assert_eq!(job.errors[0]["message"], "the payload does not decode: Data error at line 1 column 39");
    let row = row(&queue, HISTORY, id).await;
    assert!(!row.contains("horse"), "{row}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn without_its_key_a_job_is_undecodable_and_says_which_key() {
    let queue = TestQueue::new().await;
    let id = enqueue(&with(&queue, OLD)).await;
    let other = worker(&queue, NEW).await;
    let job = queue.job_in_state(id, "discarded", SOON).await;
    assert_eq!(job.errors[0]["failure"], "undecodable");
    let message = job.errors[0]["message"].as_str().unwrap();
    assert!(message.contains("encrypted with the key `old`, which this worker does not have"), "{message}");
    assert!(queue.logs().lines_with("horse").is_empty());
    other.drain().await.unwrap();
}

#[tokio::test]
async fn what_was_enqueued_before_the_kind_was_encrypted_still_runs() {
    let queue = TestQueue::new().await;
    let id = enqueue(&with(&queue, OLD)).await;
    sqlx::query(r#"UPDATE queue_jobs SET payload = '{"token": "plain"}' WHERE id = $1"#)
        .bind(id)
        .execute(queue.pool())
        .await
        .unwrap();
    let worker = worker(&queue, OLD).await;
    assert_eq!(queue.completed(id).await.result, Some(json!({ "length": 5 })));
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn without_a_key_nothing_is_enqueued_scheduled_or_started() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let error = transaction.enqueue_with(&secret(), EnqueueOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Payload { kind, .. } if kind == Secret::KIND), "{error}");
    let error = callboard_queue::enqueue(&mut transaction, &secret(), &Cause::default()).await.unwrap_err();
    assert!(error.to_string().contains("no key is set"), "{error}");
    transaction.rollback().await.unwrap();
    let error = Schedule::new("secret", "* * * * *", "UTC", &secret()).unwrap_err();
    assert!(matches!(error, Error::Schedule { .. }), "{error}");

    let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap();
    let keyless = Queue::connect(pool, "redis://127.0.0.1:1", "test", Metrics::noop()).unwrap();
    let kinds = Kinds::new().with::<Secret>();
    let error = keyless.clone().with_kinds(&kinds).checked().unwrap_err();
    assert!(error.to_string().contains("`test.secret` is encrypted, and no key is set"), "{error}");
    assert!(keyless.clone().with_kinds(&kinds).with_payload_keys(PayloadKeys::parse(OLD).unwrap()).checked().is_ok());
    assert!(keyless.clone().checked().is_ok(), "it knows no such kind");
    let registry = Registry::new().register::<Secret>();
    let error = Runner::new(keyless, registry, Stage::default(), RunnerSettings::default()).err().unwrap();
    assert!(error.to_string().contains("`test.secret` is encrypted, and no key is set"), "{error}");
}
