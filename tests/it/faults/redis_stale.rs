//! A replica of Redis that is behind is promoted.

use std::time::Duration;

use callboard_queue::Priority;
use callboard_tests::{
    jobs::{Gated, NoOp},
    load::Account,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_until},
    worker::TestWorker,
};

/// The lists are those of a while ago then: with jobs that have ended, jobs that run
/// now and jobs that still wait, and without all that came later.
#[tokio::test]
async fn with_a_stale_replica_promoted_nothing_runs_twice_and_what_it_lacks_runs_too() {
    let (services, replica) = (Services::start().await, Services::start().await);
    let queue = TestQueue::on(&services).await;
    queue.make_effects().await;
    let worker = TestWorker::start(&queue).await;
    let first = queue.enqueue_many(&vec![Gated::default(); 50]).await;
    queue.stage().begun(50, SOON).await;
    let old = queue.enqueue_many(&vec![Gated::default(); 1_000]).await;
    let on_the_list = async || queue.ready("default", Priority::Default).await;
    wait_until(SOON, "they are on the list", || async { on_the_list().await.len() == 1_000 }).await;
    replica.make_redis_follow(&services).await;

    // Of the old ones, 900 end, 50 run and 50 wait.
    queue.stage().open(950);
    queue.stage().begun(1_000, SOON).await;
    wait_until(SOON, "950 have ended", || async { queue.live().await == 100 }).await;
    let new = queue.enqueue_many(&vec![NoOp::default(); 1_000]).await;
    wait_until(SOON, "they are on the list", || async { on_the_list().await.len() == 1_050 }).await;

    services.make_redis_follow(&replica).await;
    assert_eq!(on_the_list().await, old, "none of the new ones");
    queue.stage().open_for_all();
    let took = queue.emptied(SOON).await;
    println!("all had ended {took:?} after the promotion");
    assert!(took < Duration::from_secs(12), "{took:?}");
    let all = [first, old, new].concat();
    queue.nothing_is_lost_or_doubled(&all, &Account::default()).await;
    assert_eq!(queue.stage().runs().len(), all.len(), "each ran once");
    assert!(queue.metric("jobs_repushed_total") >= 1_000.0, "the auditor has found the new ones");
    assert!(!queue.logs().lines_with("found jobs on no ready list").is_empty());
    let complaints = queue.logs().complaints();
    assert!(complaints.len() <= 6, "told once: {complaints:#?}");
    worker.drain().await.unwrap();
}
