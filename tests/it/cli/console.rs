//! Running the commands about the queue, and giving them something to show.

use std::time::Duration;

use callboard_queue::{Job, Metrics, Queue};
use callboard_tests::installation::Installation;
use callboard_tests::process::Process;
use callboard_tests::wait::{SOON, wait_until};
use serde_json::Value;
use uuid::Uuid;

/// Nothing listens there.
pub(super) const NO_POSTGRES: [(&str, &str); 2] =
    [("DATABASE_URL", "postgres://ada:hunter2@127.0.0.1:1/none"), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")];
/// Nor there.
pub(super) const NO_REDIS: [(&str, &str); 1] = [("REDIS_URL", "redis://:hunter2@127.0.0.1:1")];

/// Runs `callboard-api` to its end: its exit code, and what it said.
pub(super) async fn run(place: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
    run_with(place, &[], arguments).await
}

/// The same with other settings.
pub(super) async fn run_with(
    place: &Installation,
    change: &[(&str, &str)],
    arguments: &[&str],
) -> (Option<i32>, String) {
    let program = arguments.iter().fold(place.program("callboard-api"), |program, it| program.argument(*it));
    let program = change.iter().fold(program, |program, (name, value)| program.variable(*name, *value));
    let (status, said) = program.run().await;
    (status.code(), said)
}

/// What it says when all goes well.
pub(super) async fn said(place: &Installation, arguments: &[&str]) -> String {
    let (code, said) = run(place, arguments).await;
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

/// The document that it prints when all goes well.
pub(super) async fn json(place: &Installation, arguments: &[&str]) -> Value {
    let said = said(place, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The values of a field of a list's rows.
pub(super) fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

/// The queue that the installation's programs share.
pub(super) fn queue_of(place: &Installation) -> Queue {
    let setting = |wanted: &str| place.variables.iter().find(|(name, _)| *name == wanted).unwrap().1;
    let (redis, prefix) = (setting("REDIS_URL"), setting("QUEUE_PREFIX"));
    Queue::connect(place.pool().clone(), redis, prefix, Metrics::noop()).unwrap()
}

/// Enqueues a job, and sees to it that it is on its ready list.
pub(super) async fn enqueue<J: Job>(place: &Installation, job: &J) -> Uuid {
    let queue = queue_of(place);
    // A first push that connects may take longer than a commit waits for it.
    queue.ping_redis().await.unwrap();
    let mut transaction = queue.begin().await.unwrap();
    let enqueued = transaction.enqueue(job).await.unwrap();
    transaction.commit().await.unwrap();
    enqueued.id
}

/// Starts a worker that reaches no mail server, and waits until it holds all
/// duties and has declared its schedules.
pub(super) async fn start_worker(place: &Installation) -> Process {
    let program = place.program("callboard-worker").variable("PUBLIC_URL", "http://127.0.0.1:1");
    let worker = program.variable("SMTP_PORT", "1").start(Duration::from_secs(20)).await;
    let queue = queue_of(place);
    wait_until(SOON, "a worker holds all duties", || async {
        queue.workers().await.unwrap().iter().any(|worker| worker.alive && worker.duties.len() == 4)
    })
    .await;
    wait_until(SOON, "the schedules have ticks to come", || async {
        let schedules = queue.schedules().await.unwrap();
        !schedules.is_empty() && schedules.iter().all(|schedule| schedule.next_at.is_some())
    })
    .await;
    worker
}
