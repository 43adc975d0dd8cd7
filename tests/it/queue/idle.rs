//! An idle worker costs PostgreSQL next to nothing.

use callboard_tests::{
    jobs::NoOp,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_for},
    worker::TestWorker,
};
use sqlx::PgPool;

/// Statements sent to the test's database so far, and beats among them. It is
/// asked from another database, so that asking doesn't count.
async fn statements(server: &PgPool, database: &str) -> (i64, i64) {
    sqlx::query_as(
        "SELECT coalesce(sum(calls), 0)::bigint,
                coalesce(sum(calls) FILTER (WHERE query LIKE '%UPDATE queue_workers SET beat_at%'), 0)::bigint
         FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid WHERE datname = $1",
    )
    .bind(database)
    .fetch_one(server)
    .await
    .expect("the test services load pg_stat_statements")
}

#[tokio::test]
async fn an_idle_worker_sends_at_most_two_statements_a_second() {
    // Of its own, as the statistics drop statements when there are too many kinds.
    let services = Services::start().await;
    let queue = TestQueue::on(&services).await;
    let server = PgPool::connect_lazy_with(queue.database().server().clone());
    let name = queue.database().name();
    let worker = TestWorker::start(&queue).await;
    let id = queue.enqueue(&NoOp::default()).await;
    queue.completed(id).await;

    let (_, before) = statements(&server, name).await;
    let sent_at_beat = |beat: i64| {
        let server = &server;
        let look = move || async move {
            let (sent, beats) = statements(server, name).await;
            (beats >= before + beat).then_some(sent)
        };
        wait_for(2 * SOON, format!("beat {beat}"), look)
    };
    // Beats are 5 s apart.
    let (from, _) = sent_at_beat(1).await;
    let (to, _) = sent_at_beat(3).await;
    let sent = to - from;
    assert!((12..=20).contains(&sent), "{sent} statements in 10 s: at most 2 a second, with all duties at work");
    worker.drain().await.unwrap();
}
