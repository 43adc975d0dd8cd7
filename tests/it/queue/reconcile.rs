//! After a doubt a worker compares what the ledger says it holds with what it
//! has: nothing stays `running` on a living worker for ever.

use std::time::Duration;

use callboard_queue::{Cause, EnqueueOptions};
use callboard_tests::{
    jobs::{Effect, Gated, NoOp},
    proxy::PostgresProxy,
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use uuid::Uuid;

/// Breaks all connections to the test's database but the one that asks.
async fn break_connections(queue: &TestQueue) {
    let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()";
    sqlx::query(statement).execute(queue.pool()).await.unwrap();
}

/// Makes the worker doubt: others took it for dead and removed its row.
async fn remove_worker(queue: &TestQueue) -> Uuid {
    sqlx::query_scalar("DELETE FROM queue_workers RETURNING id").fetch_one(queue.pool()).await.unwrap()
}

const GIVEN_BACK: &str = r#"jobs_reconciled_total{what="given_back"}"#;

#[tokio::test]
async fn jobs_whose_claim_was_committed_and_its_answer_lost_run_once_and_unburnt() {
    let queue = TestQueue::new().await;
    let proxy = PostgresProxy::to(queue.database().options()).await;
    let worker = TestWorker::start_through(&proxy, &queue, "over a proxy").await;
    proxy.lose_answers(3);
    let options = EnqueueOptions { expires_in: Some(Duration::from_hours(1)), ..EnqueueOptions::default() };
    let mut transaction = queue.queue().begin().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(transaction.enqueue_with(&NoOp::default(), options.clone()).await.unwrap().id);
    }
    transaction.commit().await.unwrap();
    // QUEUE.md's bar.
    queue.all_ended(10, "completed", Duration::from_secs(10)).await;
    for id in ids {
        let job = queue.job(id).await;
        assert!(job.expires_at.is_some(), "what never began may still expire");
        assert_eq!((job.attempt, queue.stage().times_run(id)), (1, 1));
        assert_eq!(job.errors, serde_json::json!([]));
    }
    assert_eq!(proxy.still_to_lose(), 0);
    assert!(queue.metric(GIVEN_BACK) >= 10.0);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_a_silent_way_left_locked_goes_on_once_postgresql_ends_its_transaction() {
    let queue = TestQueue::new().await;
    let proxy = PostgresProxy::to(queue.database().options()).await;
    let worker = TestWorker::start_through(&proxy, &queue, "over a proxy").await;
    // Both finishers, and then a fetcher: their rows stay locked on the server's side.
    let finishing = queue.enqueue_many(&vec![Gated::default(); 10]).await;
    queue.stage().begun(10, SOON).await;
    proxy.swallow(2);
    queue.stage().open(5);
    wait_until(SOON, "one finish is swallowed", || async { proxy.still_to_swallow() == 1 }).await;
    queue.stage().open_for_all();
    wait_until(SOON, "the other is too", || async { proxy.still_to_swallow() == 0 }).await;
    proxy.swallow(1);
    let claimed = queue.enqueue_many(&vec![NoOp::default(); 10]).await;
    // The deadline of the worker, the time-out of the transaction, a wait for a lock, and a try.
    queue.all_ended(20, "completed", Duration::from_secs(40)).await;
    assert_eq!(proxy.still_to_swallow(), 0);
    for id in finishing.iter().chain(&claimed) {
        assert_eq!(queue.job(*id).await.attempt, 1, "nothing is burnt");
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_finish_that_was_committed_and_its_answer_lost_is_no_stale_one() {
    let queue = TestQueue::new().await;
    let proxy = PostgresProxy::to(queue.database().options()).await;
    let worker = TestWorker::start_through(&proxy, &queue, "over a proxy").await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 10]).await;
    queue.stage().begun(10, SOON).await;
    proxy.lose_answers(1);
    queue.stage().open_for_all();
    queue.all_ended(10, "completed", SOON).await;
    let next = queue.enqueue(&NoOp::default()).await;
    queue.completed(next).await;
    assert_eq!(proxy.still_to_lose(), 0);
    assert!(ids.iter().all(|id| queue.stage().times_run(*id) == 1));
    assert_eq!(queue.metric("stale_finishes_total").to_string(), "0");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_handlers_commit_whose_answer_was_lost_is_not_done_twice() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    let proxy = PostgresProxy::to(queue.database().options()).await;
    let worker = TestWorker::start_through(&proxy, &queue, "over a proxy").await;
    let id = queue.enqueue(&Effect { gated: true }).await;
    queue.stage().begun(1, SOON).await;
    proxy.lose_answers(1);
    queue.stage().open_for_all();
    queue.completed(id).await;
    let next = queue.enqueue(&NoOp::default()).await;
    queue.completed(next).await;
    assert_eq!((proxy.still_to_lose(), queue.stage().times_run(id)), (0, 1));
    assert_eq!(queue.effects().await, [id]);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_worker_whose_row_is_gone_registers_again_and_gives_back_what_it_does_not_have() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut transaction = queue.pool().begin().await.unwrap();
    let id = callboard_queue::enqueue(&mut transaction, &NoOp::default(), &Cause::default()).await.unwrap().id;
    let claim = "UPDATE queue_jobs SET worker_id = (SELECT id FROM queue_workers), claim_id = gen_random_uuid(),
                 attempt = 1, started_at = clock_timestamp() WHERE id = $1";
    sqlx::query(claim).bind(id).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    // The worker has served the list beyond it.
    let next = queue.enqueue(&NoOp::default()).await;
    queue.completed(next).await;
    assert_eq!(queue.job(id).await.state, "running");

    let row = remove_worker(&queue).await;
    let job = queue.job_in_state(id, "completed", Duration::from_secs(10)).await;
    assert_eq!((job.attempt, queue.stage().times_run(id)), (1, 1), "the lost claim burnt no attempt");
    assert_eq!(queue.metric(GIVEN_BACK).to_string(), "1");
    let again: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM queue_workers").fetch_all(queue.pool()).await.unwrap();
    assert_eq!(again, [row]);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_run_that_the_ledger_gives_to_another_is_cancelled() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let ids = queue.enqueue_many(&vec![Gated::default(); 2]).await;
    queue.stage().begun(2, SOON).await;
    let steal = "UPDATE queue_jobs SET claim_id = gen_random_uuid(), worker_id = gen_random_uuid() WHERE id = ANY($1)";
    queue.execute_on(steal, &ids[..1]).await;
    remove_worker(&queue).await;
    wait_until(SOON, "the stolen run is dropped, the other one goes on", || async { queue.stage().running() == 1 })
        .await;
    assert_eq!(queue.metric(r#"jobs_reconciled_total{what="cancelled"}"#).to_string(), "1");
    assert_eq!(queue.job(ids[0]).await.state, "running", "the other's");
    queue.stage().open_for_all();
    queue.completed(ids[1]).await;
    assert_eq!(queue.job(ids[1]).await.attempt, 1);
    queue.delete(&ids[..1]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn connections_that_break_under_load_lose_nothing_and_commit_nothing_twice() {
    let queue = TestQueue::new().await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let plain = queue.enqueue_many(&vec![NoOp::default(); 3_000]).await;
    let effects = queue.enqueue_many(&vec![Effect::default(); 1_000]).await;
    for round in 1..=15 {
        wait_until(SOON, "the load goes on", || async { queue.stage().runs().len() > round * 200 }).await;
        break_connections(&queue).await;
    }
    queue.all_ended(4_000, "completed", 2 * SOON).await;
    let mut committed = queue.effects().await;
    committed.sort_unstable();
    assert_eq!(committed, effects);
    let again = queue.stage().runs_by_job();
    let again = plain.iter().filter(|id| again[*id] > 1).count();
    assert_eq!(again, 0, "finished work was kept until it could be written");
    assert_eq!(queue.metric("jobs_rescued_total").to_string(), "0");
    worker.drain().await.unwrap();
}
