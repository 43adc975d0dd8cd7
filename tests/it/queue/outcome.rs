//! What handlers return, and what people see of it.

use callboard_queue::{EnqueueOptions, MAX_RESULT_BYTES, Priority};
use callboard_tests::{
    jobs::{Gated, Hopeless, Returning},
    queue::TestQueue,
    wait::SOON,
    worker::TestWorker,
};
use chrono::{TimeDelta, Utc};
use serde_json::json;

#[tokio::test]
async fn discard_ends_a_job_at_once_with_the_reason() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&Hopeless {}).await;
    let job = queue.job_in_state(id, "discarded", SOON).await;
    assert_eq!((job.attempt, job.status()), (1, "failed"));
    assert_eq!(job.end_reason.as_deref(), Some("the address does not exist"));
    assert_eq!(job.errors[0]["failure"], "discarded");
    assert_eq!(job.errors[0]["message"], "the address does not exist");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_result_is_kept_up_to_64_kib_and_replaced_by_a_note_above() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let returning = |times, nul| Returning { text: "x".to_owned(), times, nul };
    let frame = json!({ "text": "" }).to_string().len();
    let ids = queue
        .enqueue_many(&[
            returning(MAX_RESULT_BYTES - frame, false),
            returning(MAX_RESULT_BYTES - frame + 1, false),
            returning(1, true),
        ])
        .await;
    let mut results = Vec::new();
    for id in ids {
        results.push(queue.completed(id).await.result.unwrap());
    }
    assert_eq!(results[0]["text"].as_str().unwrap().len(), MAX_RESULT_BYTES - frame);
    assert_eq!(results[1]["omitted"], "65537 bytes; 65536 are kept");
    assert_eq!(results[2]["omitted"], "a string in it has a NUL character");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn states_have_a_word_for_outsiders() {
    let queue = TestQueue::new().await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let scheduled = queue.enqueue_with(&Gated::default(), later).await;
    let id = queue.enqueue(&Gated::default()).await;
    let seen = |job: callboard_queue::JobView| (job.state.to_string(), job.status().to_owned(), job.attempt);
    let is = |state: &str, status: &str, attempt| (state.to_owned(), status.to_owned(), attempt);
    assert_eq!(seen(queue.job(scheduled).await), is("scheduled", "scheduled", 0));
    assert_eq!(seen(queue.job(id).await), is("queued", "queued", 0));
    let worker = TestWorker::start(&queue).await;
    queue.stage().begun(1, SOON).await;
    let running = queue.job(id).await;
    assert!(running.started_at.is_some() && running.finished_at.is_none());
    assert_eq!((running.queue.as_str(), running.priority), ("default", Priority::Default));
    assert_eq!(seen(running), is("running", "started", 1));
    queue.stage().open_for_all();
    let job = queue.completed(id).await;
    assert!(job.created_at <= job.queued_at && job.queued_at <= job.started_at.unwrap());
    assert_eq!(seen(job), is("completed", "finished", 1));
    queue.delete(&[scheduled]).await;
    assert!(queue.queue().job(uuid::Uuid::now_v7()).await.unwrap().is_none());
    worker.drain().await.unwrap();
}
