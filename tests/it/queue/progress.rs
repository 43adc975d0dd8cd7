//! Progress: in the row within a second, at most one write a second a job, live over pub/sub.

use std::time::Duration;

use callboard_tests::{
    jobs::Reporting,
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use futures::StreamExt as _;
use serde_json::{Value, json};

#[tokio::test]
async fn progress_is_in_the_row_and_on_the_channel_and_a_flood_costs_two_writes() {
    let queue = TestQueue::new().await;
    let mut heard = queue.subscribe("progress").await;
    let worker = TestWorker::start(&queue).await;
    let writes = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'queue_jobs'";
    let id = queue.enqueue(&Reporting { steps: 5_000 }).await;
    let last = json!({ "done": 5_000, "total": 5_000, "message": "steps taken" });
    wait_until(Duration::from_secs(4), "the last step is told".to_owned(), || async {
        queue.job(id).await.progress == Some(last.clone())
    })
    .await;
    let message = tokio::time::timeout(SOON, heard.next()).await.unwrap().unwrap();
    let message: Value = serde_json::from_str(&message.get_payload::<String>().unwrap()).unwrap();
    assert_eq!((message["id"].as_str(), &message["progress"]["total"]), (Some(id.to_string().as_str()), &json!(5_000)));
    queue.stage().open_for_all();
    assert_eq!(queue.completed(id).await.progress, Some(last), "kept with the ended job");
    worker.drain().await.unwrap();
    // The claim, and one write a second for a run of a few seconds.
    wait_until(SOON, "the writes are counted".to_owned(), || async {
        (1..=6).contains(&sqlx::query_scalar::<_, i64>(writes).fetch_one(queue.pool()).await.unwrap())
    })
    .await;
}
