//! Only one claim of a job can commit; a stale one is refused.

use std::collections::HashSet;

use callboard_queue::{Job, internals};
use callboard_tests::{
    jobs::{Failing, Gated, NoOp},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use futures::future::join_all;
use uuid::Uuid;

fn kinds() -> Vec<String> {
    [NoOp::KIND, Gated::KIND, Failing::KIND].map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claimers_each_job_has_one() {
    let queue = TestQueue::new().await;
    internals::ensure_partitions(queue.pool(), 7).await.unwrap();
    for round in 0..10 {
        let ids = queue.enqueue_many(&vec![NoOp::default(); 200]).await;
        let claimers = join_all((0..8).map(|_| async {
            let (worker, claim) = (Uuid::now_v7(), Uuid::new_v4());
            (claim, internals::claim(queue.pool(), &ids, worker, claim, &kinds()).await.unwrap())
        }))
        .await;
        let claimed: usize = claimers.iter().map(|(_, ids)| ids.len()).sum();
        let distinct: HashSet<Uuid> = claimers.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        assert_eq!((claimed, distinct.len()), (200, 200), "round {round}");
        for id in &ids {
            assert_eq!(queue.job(*id).await.attempt, 1);
        }
        // Everyone tries to finish everything: each claim finishes its own.
        for (claim, own) in &claimers {
            assert_eq!(internals::complete(queue.pool(), &ids, *claim, 7).await.unwrap(), own.len());
            assert_eq!(internals::complete(queue.pool(), &ids, *claim, 7).await.unwrap(), 0, "once");
        }
    }
    queue.all_ended(2_000, "completed", SOON).await;
    queue.wipe_redis().await;
}

#[tokio::test]
async fn a_job_that_is_scheduled_or_of_an_unknown_kind_or_used_up_is_not_claimed() {
    let queue = TestQueue::new().await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 4]).await;
    for (statement, id) in [
        ("UPDATE queue_jobs SET state = 'scheduled' WHERE id = ANY($1)", ids[0]),
        ("UPDATE queue_jobs SET kind = 'test.other' WHERE id = ANY($1)", ids[1]),
        ("UPDATE queue_jobs SET attempt = max_attempts WHERE id = ANY($1)", ids[2]),
    ] {
        queue.execute_on(statement, &[id]).await;
    }
    let claimed = internals::claim(queue.pool(), &ids, Uuid::now_v7(), Uuid::new_v4(), &kinds()).await.unwrap();
    assert_eq!(claimed, [ids[3]]);
    queue.delete(&ids).await;
}

/// Gives running jobs to somebody else, as a rescue and a new claim would.
async fn steal(queue: &TestQueue, ids: &[Uuid]) {
    let statement =
        "UPDATE queue_jobs SET worker_id = gen_random_uuid(), claim_id = gen_random_uuid() WHERE id = ANY($1)";
    queue.execute_on(statement, ids).await;
}

#[tokio::test]
async fn a_stale_finish_is_refused_and_counted() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let ids = queue.enqueue_many(&[Gated { number: 1 }, Gated { number: 2 }]).await;
    queue.stage().begun(2, SOON).await;
    steal(&queue, &ids[..1]).await;
    queue.stage().open_for_all();
    queue.completed(ids[1]).await;
    wait_until(SOON, "the stale finish is counted", || async { queue.metric("stale_finishes_total") > 0.0 }).await;
    assert!((queue.metric("stale_finishes_total") - 1.0).abs() < f64::EPSILON);
    let stolen = queue.job(ids[0]).await;
    assert_eq!((stolen.state.as_str(), stolen.attempt), ("running", 1), "it belongs to somebody else now");
    queue.delete(&ids).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_stale_retry_is_refused() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    // Its time runs out while somebody else has it.
    let id = queue.enqueue(&callboard_tests::jobs::Stuck {}).await;
    queue.stage().begun(1, SOON).await;
    steal(&queue, &[id]).await;
    wait_until(SOON, "the stale retry is counted", || async { queue.metric("stale_finishes_total") > 0.0 }).await;
    let stolen = queue.job(id).await;
    assert_eq!(stolen.state, "running");
    assert_eq!(stolen.errors, serde_json::json!([]));
    queue.delete(&[id]).await;
    worker.drain().await.unwrap();
}
